"""`/api/mcp…`: what is pinned of MCP servers' tools, what waits, and a person's yes to exactly what was read."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.core.errors import AuthError, FirewallError, ProtocolError

Json = Mapping[str, object]


class UnknownServerError(FirewallError):
    """A name that no MCP server has."""

    code = "mcp_server_unknown"
    status = 404

    def __init__(self, name: str, known: Sequence[str]) -> None:
        named = ", ".join(f"`{one}`" for one in known)
        where = f"configured: {named}" if known else "none is configured"
        super().__init__(f"no MCP server is named `{name[:80]}`; {where}")


class PinDesk(Protocol):
    """Knows the pins."""

    def listing(self, server: str = "") -> Sequence[Json]:
        """Return each definition, of one server or all.

        Each has `server`, `tool`, `state`, `why`, `digest`, `definition`, `at`, `by`.
        Raises: UnknownServerError for a server that is not configured, and of which nothing was seen.
        """
        ...

    async def approve(self, server: str, wanted: Mapping[str, str], by: Approver) -> Json:
        """Approve what waits, each tool by the digest that was read. Raises: FirewallError."""
        ...


class PinHandlers:
    """The handlers of `/api/mcp…`."""

    def __init__(self, desk: PinDesk) -> None:
        self._desk = desk

    async def listing(self, request: Request, _asker: Asker) -> Response:
        """List what is pinned and what waits; `?server=NAME`: of that server."""
        return JSONResponse([dict(one) for one in self._desk.listing(request.query_params.get("server", ""))])

    async def approve(self, request: Request, asker: Asker) -> Response:
        """Approve: `{"tools": {"name": "digest"}}`."""
        fields = await read_json(request, {"tools": dict}, required=("tools",))
        tools = fields["tools"]
        if not isinstance(tools, dict) or not tools or not all(isinstance(one, str) for one in tools.values()):
            raise ProtocolError("`tools` names what is approved, each with its digest", code="tools_invalid")
        if asker.who is None:
            raise AuthError(detail="route without a credential")
        wanted = {str(name): str(digest) for name, digest in tools.items()}
        return JSONResponse(dict(await self._desk.approve(request.path_params["server"], wanted, asker.who)))
