"""Logging in at MCP servers: an admin's command begins it, their browser goes, and what comes back ends it.

Authorization code with PKCE (S256) on a loopback address. INVARIANT: the verifier and the tokens stay in this
process; what comes back counts once, for the login and the admin that it belongs to, and from its issuer alone.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

import orjson

from firewall.codecs.oauth.answers import Awaited, Registered, code_of, error_of, registered
from firewall.codecs.oauth.places import complaint
from firewall.core.errors import ConfigError, FirewallError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.discovery import Found, find, ground_for
from firewall.gates.mcp.oauth.held import Held
from firewall.gates.mcp.oauth.keeping import Keeping
from firewall.gates.mcp.oauth.renewing import exchanged
from firewall.routing.documents import Documents
from firewall.routing.issuing import authentication_for, s256
from firewall.settings.mcp import McpServer
from firewall.settings.oauth import McpOAuth

LIFE_S = 600
MOST_PENDING = 32
_REDIRECT = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost):[1-9][0-9]{0,4}/callback")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
Json = Mapping[str, object]


class LoginError(FirewallError):
    """A login that cannot be begun or ended."""

    code = "login_refused"
    status = 400


@dataclass(frozen=True, slots=True)
class _Pending:
    one: McpServer
    held: Held
    """All but the tokens."""
    awaited: Awaited
    verifier: Secret
    redirect: str
    by: str
    until_s: int
    is_reused: bool
    """With a client that an earlier login has registered."""


class Logins:
    """All logins under way."""

    def __init__(
        self,
        servers: Mapping[str, McpServer],
        keeping: Keeping,
        documents: Documents,
        *,
        secret_of: Callable[[McpServer], Secret],
    ) -> None:
        """`secret_of`: reads the secret of the client that is configured for a server; empty: it has none."""
        self._servers = servers
        self._keeping = keeping
        self._documents = documents
        self._secret_of = secret_of
        self._pending: dict[str, _Pending] = {}
        self._doubted: set[str] = set()
        """Servers at whose issuer the client of an earlier login has brought no token."""

    async def begin(self, server: str, redirect: str, scopes: tuple[str, ...], *, by: str) -> Json:
        """Return where the browser of who logs in goes. Raises: FirewallError."""
        one, settings = self._one(server)
        if not _REDIRECT.fullmatch(redirect) or not all(_SCOPE.fullmatch(scope) for scope in scopes):
            raise LoginError("a login ends at `http://127.0.0.1:PORT/callback`, with plain words as scopes")
        found = await find(one, self._documents)
        _check(one, found)
        before = self._registered_before(one, found, redirect)
        held = before or await self._client(one, settings, found, redirect)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        awaited = Awaited(state, found.metadata.issuer, found.metadata.says_issuer)
        until = self._keeping.now_s() + LIFE_S
        self._sweep()
        self._pending[state] = _Pending(
            one, held, awaited, Secret(verifier), redirect, by, until, is_reused=before is not None
        )
        asked = {
            "response_type": "code",
            "client_id": held.client_id,
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
            "resource": found.resource,
        }
        wanted = scopes or settings.scopes or found.scopes
        if wanted:
            asked["scope"] = " ".join(dict.fromkeys((*wanted, *_offline(found))))
        endpoint = found.metadata.authorization_endpoint
        address = f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"
        return {"id": state, "address": address, "issuer": found.metadata.issuer, "until": until}

    async def finish(self, login_id: str, answer: str, *, by: str) -> Json:
        """Take what came back with the browser (a query), and keep the tokens. Raises: FirewallError."""
        self._sweep()
        pending = self._pending.get(login_id)
        if pending is None or pending.by != by:
            raise LoginError("there is no such login under way: begin again", status=404)
        code = code_of(answer, pending.awaited)
        del self._pending[login_id]
        form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", pending.redirect),
            ("code_verifier", pending.verifier.reveal()),
        ]
        try:
            held = await exchanged(
                pending.one, pending.held, form, documents=self._documents, now_s=self._keeping.now_s()
            )
        except UpstreamError as error:
            if pending.is_reused:
                self._doubted.add(pending.one.name)
            raise LoginError(f"no token came: {error.detail or error.public}", status=502) from error
        self._doubted.discard(pending.one.name)
        await self._keeping.write(pending.one.name, held, by=by)
        return {
            "server": pending.one.name,
            "issuer": held.issuer,
            "renews": bool(held.refresh),
            "expires_s": held.expires_s,
        }

    def _one(self, server: str) -> tuple[McpServer, McpOAuth]:
        one = self._servers.get(server)
        if one is None or one.oauth is None:
            raise LoginError(f"the MCP server `{server[:80]}` has no `oauth` in stayhand.toml", status=404)
        if one.oauth.flow == "machine":
            raise LoginError(f"the MCP server `{server}` is reached as a machine: nobody logs in")
        return one, one.oauth

    async def _client(self, one: McpServer, settings: McpOAuth, found: Found, redirect: str) -> Held:
        """Return who we are at the issuer: as configured, by our document, or registered now.

        Raises: FirewallError.
        """
        metadata = found.metadata
        client, secret, asked = settings.client_id, self._secret_of(one), ""
        if client.startswith("https://") and not metadata.takes_documents:
            raise LoginError(f"`{metadata.issuer}` takes no client metadata documents: set another `client_id`")
        if not client:
            if not metadata.registration_endpoint:
                raise LoginError(f"`{metadata.issuer}` registers nobody: set the `client_id` that it gave you")
            made = await self._registered(one, metadata.registration_endpoint, redirect)
            client, secret, asked = made.id, made.secret, made.authentication
            self._doubted.discard(one.name)
        return Held(
            issuer=metadata.issuer,
            resource=found.resource,
            token_endpoint=metadata.token_endpoint,
            client_id=client,
            authentication=authentication_for(metadata.authentications, secret, asked),
            client_secret=secret,
            access=Secret(""),
            refresh=Secret(""),
            registered_for="" if settings.client_id else redirect,
        )

    def _registered_before(self, one: McpServer, found: Found, redirect: str) -> Held | None:
        """Return who we are at the issuer already, without tokens: registered by an earlier login like this one.

        None as well where that client got no token, or a login with it was begun and has not ended: an issuer that
        has forgotten it shows its error to the browser alone.
        """
        if one.oauth is None or one.oauth.client_id or one.name in self._doubted:
            return None
        if any(pending.is_reused and pending.one.name == one.name for pending in self._pending.values()):
            return None
        kept: Held | None = None
        with suppress(ConfigError):  # what cannot be read is mended by a login
            kept = self._keeping.read(one.name)
        if kept is None or (kept.issuer, kept.registered_for) != (found.metadata.issuer, redirect):
            return None
        return replace(
            kept,
            resource=found.resource,
            token_endpoint=found.metadata.token_endpoint,
            access=Secret(""),
            refresh=Secret(""),
            renew_s=0,
            expires_s=0,
        )

    async def _registered(self, one: McpServer, endpoint: str, redirect: str) -> Registered:
        """Register ourselves (RFC 7591). Raises: UpstreamError, ProtocolError."""
        about = {
            "client_name": "Stayhand",
            "redirect_uris": [redirect],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        }
        answer = await self._documents.post(
            endpoint, ground_for(one), body=orjson.dumps(about), kind=b"application/json"
        )
        if answer.status not in (200, 201):
            raise _failed(one, f"does not register us: {answer.status}, {error_of(answer.body)}")
        return registered(answer.body)

    def _sweep(self) -> None:
        """Forget what nobody ended in time, and the oldest where too much is under way."""
        now = self._keeping.now_s()
        for key in [key for key, one in self._pending.items() if one.until_s <= now]:
            del self._pending[key]
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]


def _check(one: McpServer, found: Found) -> None:
    """Refuse a server that cannot be logged in at safely. Raises: UpstreamError."""
    metadata, loopback = found.metadata, ground_for(one).loopback
    if "S256" not in metadata.challenges:
        raise _failed(one, "does not say that it takes PKCE with S256, without which a code can be stolen")
    for name, url in (("authorization", metadata.authorization_endpoint), ("token", metadata.token_endpoint)):
        why = complaint(url, loopback=loopback)
        if why:
            raise _failed(one, f"has an address of its {name} endpoint that {why}")


def _offline(found: Found) -> tuple[str, ...]:
    """Return the scope that asks for a refresh token, where the issuer knows it."""
    return ("offline_access",) if "offline_access" in found.metadata.scopes else ()


def _failed(one: McpServer, words: str) -> UpstreamError:
    return UpstreamError(f"the authorization server of `{one.name}` {words}", fault=UpstreamFault.REJECTED)
