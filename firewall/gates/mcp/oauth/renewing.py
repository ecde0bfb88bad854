"""The access token of one MCP server: read anew at each use, renewed before it ends, once for all who wait.

INVARIANT: what an issuer gave is kept before it is used, so that a refresh token that replaced another stays;
whoever goes away while it is renewed takes nothing with them. A login or logout meanwhile wins over a renewal.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from firewall.codecs.oauth.answers import error_of, issued
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.discovery import find, ground_for, names_of
from firewall.gates.mcp.oauth.held import Held, login_needed, proven, scopes_needed
from firewall.gates.mcp.oauth.keeping import Keeping
from firewall.gates.mcp.oauth.machine import Machine
from firewall.routing.documents import Documents
from firewall.routing.issuing import authentication_for
from firewall.routing.port import Credential
from firewall.settings.mcp import McpServer

log = logging.getLogger("stayhand.mcp")
EARLY_S = 60
"""How long before its end a token is renewed; a fifth of its life where that is less."""
PAUSE_S = 15
"""Between two tries that failed, or that a server's refusal asked for."""
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/*+-]{0,127}")
"""What of a scope's characters a shell takes as they are, so that the command in the log can be pasted."""
_MOST_SCOPES = 20


class ServerLogin:
    """What authenticates at one server."""

    def __init__(self, one: McpServer, keeping: Keeping, documents: Documents, machine: Machine | None) -> None:
        """`machine`: who we are where no person logs in (`client_credentials`)."""
        self._one = one
        self._keeping = keeping
        self._documents = documents
        self._machine = machine
        self._unkept: tuple[Held | None, Held] | None = None
        """What could not be kept yet, and what it replaces."""
        self._renewing: asyncio.Task[Held] | None = None
        self._failed: tuple[int, Held | None, FirewallError] | None = None
        self._forced_s = 0
        self._lacked: tuple[str, ...] | None = None
        """Scopes that the server asked for last, as far as they are shown; None: none are known to be lacking."""
        self._lacked_with: Secret | None = None
        """The token that lacked them, or what it was renewed into."""

    async def credential(self) -> Credential:
        """Return the token that is good now. Raises: UpstreamError, `upstream_login_needed` among them."""
        held = self._now()
        if held is None or self._is_past(held.renew_s):
            held = await self._renewed(held)
        return _credential(held)

    async def refused(self, used: Credential) -> Credential:
        """Return another token than one that the server refused. Raises: UpstreamError where there is none."""
        held = self._now()
        if held is not None and held.access != used.secret:
            return _credential(held)
        now = self._keeping.now_s()
        if self._renewing is None:
            if now - self._forced_s < PAUSE_S:
                raise login_needed(self._one.name, "refused again")
            self._forced_s = now
        found = await self._renewed(held, is_refused=True)
        if found.access == used.secret:
            raise login_needed(self._one.name, "the token is good by its time and refused")
        return _credential(found)

    def needed(self) -> UpstreamError:
        """Return the error for a server that refuses every token of ours."""
        return login_needed(self._one.name, "refused a new token")

    def lacking(self, challenge: Mapping[str, str]) -> UpstreamError | None:
        """Return the error for a server whose refusal says `insufficient_scope` (RFC 6750); None: it does not.

        The scopes that it names go to the log alone, with the command that asks for them.
        """
        if challenge.get("error") != "insufficient_scope":
            return None
        name, error = self._one.name, scopes_needed(self._one.name)
        named = dict.fromkeys(one for one in challenge.get("scope", "").split() if _SCOPE.fullmatch(one))
        scopes = list(named)[:_MOST_SCOPES]
        asks = f"run `stayhand mcp login {name}{''.join(f' --scope {one}' for one in scopes)}`"
        if self._machine is not None:
            asks = f"its `oauth` needs `scopes = {scopes}`"
        log.warning("server=%s code=%s: %s", name, error.code, asks)
        held = self._now()
        self._lacked, self._lacked_with = tuple(scopes), held.access if held is not None else None
        return error

    @property
    def lacks(self) -> tuple[str, ...] | None:
        """The scopes that the server asked for and our login lacks, empty where it named none; None: none lack.

        A new login ends it, as nobody knows what it may before the server is asked. Raises: ConfigError.
        """
        held = self._now()
        is_same = held is not None and held.access == self._lacked_with
        return self._lacked if is_same else None

    def _now(self) -> Held | None:
        """Return what is kept, unless it is another server's or issuer's. Raises: ConfigError."""
        held = self._keeping.read(self._one.name)
        settings = self._one.oauth
        if held is None or settings is None:
            return None
        is_ours = held.resource in names_of(self._one.url) and settings.issuer in ("", held.issuer)
        return held if is_ours else None

    def _is_past(self, instant_s: int) -> bool:
        return bool(instant_s) and self._keeping.now_s() >= instant_s

    async def _renewed(self, held: Held | None, *, is_refused: bool = False) -> Held:
        """Renew, or wait for whoever does. Raises: FirewallError where no token is left that is good."""
        try:
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._renew())
                self._renewing.add_done_callback(self._done)
            return await asyncio.shield(self._renewing)
        except FirewallError:
            is_good = held is not None and not is_refused and not self._is_past(held.expires_s)
            if held is not None and is_good and self._now() == held:
                return held
            raise

    def _done(self, task: "asyncio.Task[Held]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # whoever waited has heard it

    async def _renew(self) -> Held:
        """Get new tokens and keep them, unless somebody logged in or out meanwhile. Raises: FirewallError."""
        now, before, held = self._keeping.now_s(), self._keeping.read(self._one.name), self._now()
        if self._failed is not None and self._failed[1] == held and now - self._failed[0] < PAUSE_S:
            raise self._failed[2]
        try:
            if self._unkept is None or self._unkept[0] != held:
                self._unkept = (held, await self._asked(held))
            fresh = self._unkept[1]
            is_kept = await self._keeping.renew(self._one.name, before, fresh)
            found = fresh if is_kept else self._now()
            self._unkept = self._failed = None
            if found is None:
                raise login_needed(self._one.name, "logged out meanwhile")
            if is_kept and held is not None and held.access == self._lacked_with:
                self._lacked_with = found.access
        except FirewallError as error:
            self._failed = (now, held, error)
            raise
        return found

    async def _asked(self, held: Held | None) -> Held:
        if self._machine is not None:
            return await self._as_machine(self._machine)
        if held is None or not held.refresh:
            raise login_needed(self._one.name, "no login" if held is None else "its token cannot be renewed")
        form = [("grant_type", "refresh_token"), ("refresh_token", held.refresh.reveal())]
        return await self._tokens(held, form)

    async def _as_machine(self, machine: Machine) -> Held:
        found = await find(self._one, self._documents)
        secret = machine.secret()
        held = Held(
            issuer=found.metadata.issuer,
            resource=found.resource,
            token_endpoint=found.metadata.token_endpoint,
            client_id=machine.id,
            authentication=authentication_for(found.metadata.authentications, secret),
            client_secret=secret,
            access=Secret(""),
            refresh=Secret(""),
        )
        scopes = machine.scopes or found.scopes
        form = [("grant_type", "client_credentials"), *([("scope", " ".join(scopes))] if scopes else [])]
        made = await self._tokens(held, form)
        return replace(made, client_secret=Secret(""))  # it stays where the configuration says

    async def _tokens(self, held: Held, form: list[tuple[str, str]]) -> Held:
        return await exchanged(self._one, held, form, documents=self._documents, now_s=self._keeping.now_s())


async def exchanged(
    one: McpServer, held: Held, form: list[tuple[str, str]], *, documents: Documents, now_s: int
) -> Held:
    """Ask a token endpoint, and return what is held afterwards.

    Raises: UpstreamError; `upstream_login_needed` where the server refuses us for good. ProtocolError.
    """
    credential, own = proven(held)
    values = [*form, *own, ("resource", held.resource)]
    answer = await documents.form(held.token_endpoint, ground_for(one), values=values, credential=credential)
    if answer.status != 200:
        word = error_of(answer.body)
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            raise login_needed(one.name, f"its authorization server answered {answer.status} {word}")
        raise UpstreamError(
            f"the authorization server of `{one.name}` answered {answer.status}", fault=UpstreamFault.UNAVAILABLE
        )
    given = issued(answer.body)
    ends = now_s + given.life_s if given.life_s else 0
    return replace(
        held,
        access=given.access,
        refresh=given.refresh or held.refresh,
        renew_s=ends - min(EARLY_S, given.life_s // 5) if ends else 0,
        expires_s=ends,
    )


def _credential(held: Held) -> Credential:
    return Credential("authorization", held.access, "Bearer ")
