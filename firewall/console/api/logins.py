"""`/api/mcp/{server}/login`: an admin logs this firewall in at an MCP server's authorization server."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.console.asking import Asker, read_json
from firewall.core.errors import AuthError, FirewallError, ProtocolError

Json = Mapping[str, object]


class LoginDesk(Protocol):
    """Begins and ends logins; tokens stay where it is."""

    async def begin(self, server: str, redirect: str, scopes: tuple[str, ...], *, by: str) -> Json:
        """Return where the browser of who logs in goes: `id`, `address`, `issuer`. Raises: FirewallError."""
        ...

    async def finish(self, login_id: str, answer: str, *, by: str) -> Json:
        """Take what came back with the browser, a query, and keep the tokens. Raises: FirewallError."""
        ...


class NoLogins:
    """`LoginDesk` of a firewall where no MCP server wants OAuth."""

    async def begin(self, server: str, redirect: str, scopes: tuple[str, ...], *, by: str) -> Json:
        """Refuse. Raises: FirewallError."""
        del redirect, scopes, by
        raise FirewallError(
            f"the MCP server `{server[:80]}` has no `oauth` in stayhand.toml", code="login_refused", status=404
        )

    async def finish(self, login_id: str, answer: str, *, by: str) -> Json:
        """Refuse. Raises: FirewallError."""
        del login_id, answer, by
        raise FirewallError("there is no login under way", code="login_refused", status=404)


class LoginHandlers:
    """The handlers of `/api/mcp/{server}/login` and of what ends it."""

    def __init__(self, desk: LoginDesk) -> None:
        self._desk = desk

    async def begin(self, request: Request, asker: Asker) -> Response:
        """Begin: `{"redirect": "http://127.0.0.1:PORT/callback", "scopes": []}`."""
        fields = await read_json(request, {"redirect": str, "scopes": list}, required=("redirect",))
        scopes = fields.get("scopes") or []
        if not isinstance(scopes, list) or not all(isinstance(one, str) for one in scopes):
            raise ProtocolError("`scopes` is a list of words", code="scopes_invalid")
        server, redirect = request.path_params["server"], str(fields["redirect"])
        found = await self._desk.begin(server, redirect, tuple(scopes), by=_name(asker))
        return JSONResponse(dict(found), 201)

    async def finish(self, request: Request, asker: Asker) -> Response:
        """End: `{"id", "answer": "code=…&state=…"}`."""
        fields = await read_json(request, {"id": str, "answer": str}, required=("id", "answer"))
        return JSONResponse(
            dict(await self._desk.finish(str(fields["id"]), str(fields["answer"]), by=_name(asker)))
        )


def _name(asker: Asker) -> str:
    if asker.who is None:
        raise AuthError(detail="route without a credential")
    return asker.who.name
