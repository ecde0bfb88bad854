"""The whole MCP gate with the guard behind it; tools are as their server lists them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp.calling import JudgedCalls
from firewall.gates.mcp.port import Caller, Seen, Server, Upstream
from firewall.settings.mcp import McpServer
from tests.support.mcp_house import House, mcp_house


class Listed:
    """The tools of a server as it lists them; `gates.mcp.port.Tools`."""

    async def tool(
        self, server: Server, caller: Caller, name: str, *, upstream: Upstream, seen: Seen
    ) -> Mapping[str, object] | None:
        """Ask the server."""
        del server, caller
        meta = {
            "io.modelcontextprotocol/protocolVersion": upstream.version,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        answer = await upstream.ask(messages.request("list", "tools/list", {"_meta": meta}), seen=seen)
        tools = answer.result["tools"]
        assert isinstance(tools, list)
        return next((one for one in tools if one["name"] == name), None)

    async def relisted(self, server: Server, caller: Caller, *, upstream: Upstream, seen: Seen) -> bool:
        """Believe the server."""
        del server, caller, upstream, seen
        return True


@dataclass(slots=True)
class Behind:
    """The seam, filled once the house stands."""

    judged: JudgedCalls | None = None
    under_way: int = 0

    async def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Judge."""
        assert self.judged is not None
        self.under_way += 1
        try:
            return await self.judged.call(server, caller, message, upstream=upstream, seen=seen)
        finally:
            self.under_way -= 1


@asynccontextmanager
async def judging(
    folder: Path, *settings: McpServer, is_pinned: bool = False
) -> AsyncIterator[tuple[House, Behind]]:
    """Serve the gate with the guard behind it; `is_pinned`: so are its other seams."""
    behind = Behind()
    async with mcp_house(folder, *settings, calls=behind, is_pinned=is_pinned, is_judged=is_pinned) as house:
        kept = house.kept
        behind.judged = JudgedCalls(
            guard=kept.guard,
            approvals=kept.approvals,
            sequencer=kept.installation.writer,
            clock=kept.clock,
            tools=house.pinned or Listed(),
            servers={one.name: Server(one.name, one.environment, "x", one) for one in settings},
            tasks=house.tasks,
            progress_s=0.05,
        )
        yield house, behind
