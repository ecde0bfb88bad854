"""An MCP server over HTTP that forgets its sessions when it is told to: another may have taken its place."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.demo.serving import served
from firewall.settings.mcp import McpServer

READ: dict[str, object] = {"name": "get_file_contents", "inputSchema": {"type": "object"}}
DELETE: dict[str, object] = {"name": "delete_file", "inputSchema": {"type": "object"}}


@dataclass(slots=True)
class Forgetful:
    """What the server knows, and what it did."""

    url: str = ""
    tools: list[dict[str, object]] = field(default_factory=lambda: [READ, DELETE])
    session: str = ""
    begun: int = 0
    """How many sessions it began."""
    is_closed: bool = False
    """It begins none."""
    asked: list[str] = field(default_factory=list)
    """Methods of requests that were answered, in order."""
    ids: list[object] = field(default_factory=list)
    """Under which it was asked them."""
    ran: list[str] = field(default_factory=list)
    """Tools that were called."""
    forgets_at: str = ""
    """A method before whose next request it forgets its session, once."""

    refuses: tuple[int, str] | None = None
    """The status, and the challenge, with which it answers calls."""

    def forget(self) -> None:
        """Know no session any more."""
        self.session = "forgotten"

    def settings(self) -> McpServer:
        """Return it as it is configured; its tools are those of a pack."""
        return McpServer(name="github", environment="staging", url=self.url, hosting="self", hold_s=0)

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "DELETE":
            return Response(status_code=204)
        message = json.loads(await request.body())
        method = message["method"]
        if method == self.forgets_at:
            self.forgets_at = ""
            self.forget()
        if method == "initialize":
            return self._begin(message)
        if request.headers.get("mcp-session-id") != self.session:
            return Response(status_code=404)
        if "id" not in message:
            return Response(status_code=202)
        self.asked.append(method)
        self.ids.append(message["id"])
        if self.refuses is not None and method == "tools/call":
            status, challenge = self.refuses
            field = "proxy-authenticate" if status == 407 else "www-authenticate"
            return Response(status_code=status, headers={field: challenge} if challenge else {})
        return JSONResponse(
            {"jsonrpc": "2.0", "id": message["id"], **self._answer(method, message.get("params", {}))}
        )

    def _begin(self, message: dict[str, object]) -> Response:
        if self.is_closed:
            return Response(status_code=503)
        self.begun += 1
        self.session = f"session-{self.begun}"
        said = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "forgetful", "version": "1"},
        }
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": said}
        return JSONResponse(answer, headers={"mcp-session-id": self.session})

    def _answer(self, method: str, params: dict[str, object]) -> dict[str, object]:
        if method == "tools/list":
            return {"result": {"tools": self.tools}}
        if method == "tools/call":
            self.ran.append(str(params["name"]))
            return {"result": {"content": [{"type": "text", "text": "done"}]}}
        return {"error": {"code": -32601, "message": f"no {method}"}}


@contextmanager
def forgetful() -> Iterator[Forgetful]:
    """Serve one."""
    made = Forgetful()
    app = Starlette(routes=[Route("/mcp", made.serve, methods=["POST", "DELETE"])])
    with served(app) as address:
        made.url = f"{address}/mcp"
        yield made
