"""The MCP gate of an installation, put together."""

import time
from collections.abc import Mapping

from firewall.app.base import Base
from firewall.gates.mcp.calling import JudgedCalls
from firewall.gates.mcp.gate import McpGate
from firewall.gates.mcp.port import Server
from firewall.gates.mcp.servers import line_maker
from firewall.gates.mcp.unjudged import NothingShown, NoTools
from firewall.gates.mcp.upstream.lines import Lines
from firewall.guard.guard import Guard
from firewall.routing.upstream import HttpUpstream


def mcp_gate(base: Base, servers: Mapping[str, Server], upstream: HttpUpstream, guard: Guard) -> McpGate:
    """Return the gate to MCP servers; without any it answers that there are none.

    Raises: ConfigError for a server that cannot be used.
    """
    make = line_maker(servers, base.references, upstream)
    return McpGate(
        servers=servers,
        lines=Lines(make, now=time.monotonic),
        calls=JudgedCalls(
            guard=guard,
            approvals=base.approvals,
            sequencer=base.installation.writer,
            clock=base.clock,
            tools=NoTools(),
            servers=servers,
        ),
        shown=NothingShown(),
        doorkeeper=base.doorkeeper,
        sequencer=base.installation.writer,
    )
