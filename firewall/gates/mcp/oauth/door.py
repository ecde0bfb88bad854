"""The door for access tokens of other issuers, and what is said to those without: RFC 6750, RFC 9728.

INVARIANT: such a token opens this gate alone, counts only in the `Authorization` field, and goes nowhere else.
"""

import re
from collections.abc import Mapping

from firewall.codecs.oauth.claims import ExpiredError
from firewall.codecs.oauth.compact import looks_signed
from firewall.codecs.oauth.places import PROTECTED, resource_metadata
from firewall.core.errors import AuthError, FirewallError
from firewall.core.grant import Grant
from firewall.gates.edge.doorkeeper import Doorkeeper, token_of
from firewall.gates.mcp.oauth.published import Published
from firewall.gates.mcp.port import Server, may_see
from firewall.tokens.oauth.issuers import Issuers
from firewall.tokens.oauth.principals import Principals
from firewall.tokens.oauth.rules import ScopeError, rule_for
from firewall.tokens.service import Bearer

_PLACE = "/mcp"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class OAuthDoor:
    """Lets in who has an access token that was issued for here."""

    def __init__(self, resource: str, *, issuers: Issuers, principals: Principals, doorkeeper: Doorkeeper) -> None:
        """`resource`: our address as agents know it, without a path."""
        self._resource = resource.rstrip("/")
        self._issuers = issuers
        self._principals = principals
        self._doorkeeper = doorkeeper
        self.published = Published(self.document)
        """Serves the metadata of our resources."""

    def is_meant(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a request shows an access token, and no token of ours beside it."""
        return bool(_shown(headers)) and not token_of(headers).startswith("shd_")

    async def bearer(self, headers: Mapping[str, str], name: str, server: Server | None, *, source: str) -> Bearer:
        """Return who an access token stands for at a server; `name` empty: at all of them.

        Raises: AuthError, ScopeError, UnmappedError; LimitError where a source guesses; UpstreamError where the
        issuer cannot be asked for its keys.
        """

        def sees(grant: Grant) -> bool:
            return server is not None and may_see(grant, server)

        resources = frozenset({f"{self._resource}{_PLACE}", self.resource(name)})
        try:
            said, rules = await self._issuers.check(_shown(headers), resources=resources)
            rule = rule_for(rules, said, sees=sees if name else None)
            return await self._principals.bearer(said, rule.granted(said), rule.row)
        except ExpiredError:
            raise
        except AuthError:
            await self._doorkeeper.refused(source)
            raise

    def resource(self, name: str) -> str:
        """Return the canonical address of a server, or of all (RFC 8707)."""
        return f"{self._resource}{_PLACE}/{name}" if _NAME.fullmatch(name) else f"{self._resource}{_PLACE}"

    def challenge(self, name: str, error: FirewallError, *, shown: bool) -> bytes | None:
        """Return the `WWW-Authenticate` of a refusal, None where authorizing anew would not help.

        What is said depends on no server's being there: a token that lacks a scope hears the scopes of all its
        rows at every name that it does not open (`rule_for`). `shown`: a token came.
        """
        about = f'realm="stayhand", resource_metadata="{resource_metadata(self.resource(name))}"'
        if isinstance(error, ScopeError):
            return f'Bearer error="insufficient_scope", scope="{" ".join(error.scopes)}", {about}'.encode("ascii")
        if not isinstance(error, AuthError):
            return None
        said = 'error="invalid_token", ' if shown else ""
        scopes = self._issuers.rules[0].scopes
        wanted = f', scope="{" ".join(scopes)}"' if scopes else ""
        return f"Bearer {said}{about}{wanted}".encode("ascii")

    def document(self, path: str) -> dict[str, object] | None:
        """Return the metadata of the resource whose well-known path this is, None where there is none.

        It is the same for every name, so that it tells nobody which servers there are.
        """
        place = path.removeprefix(PROTECTED)
        name = place.removeprefix(f"{_PLACE}/")
        if place not in ("", _PLACE) and (name == place or not _NAME.fullmatch(name)):
            return None
        scopes = list(dict.fromkeys(scope for rule in self._issuers.rules for scope in rule.scopes))
        return {
            "resource": self.resource("" if name == place else name),
            "authorization_servers": list(self._issuers.names),
            **({"scopes_supported": scopes} if scopes else {}),
            "bearer_methods_supported": ["header"],
            "resource_name": "Stayhand",
        }


def _shown(headers: Mapping[str, str]) -> str:
    """Return the access token of a request; empty: none that could be one."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    text = value.strip()
    return text if scheme.lower() == "bearer" and looks_signed(text) else ""
