"""The MCP gate of an installation, put together."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from firewall.app.base import Base
from firewall.gates.infra.targets import credentials_of
from firewall.gates.mcp.calling import JudgedCalls
from firewall.gates.mcp.gate import McpGate
from firewall.gates.mcp.listening import Listens
from firewall.gates.mcp.pinning.pins import Pins
from firewall.gates.mcp.port import Server
from firewall.gates.mcp.reading import JudgedReads
from firewall.gates.mcp.servers import keys_of, line_maker, servers_of
from firewall.gates.mcp.showing.shown import Rules, Showing
from firewall.gates.mcp.showing.tools import PinnedTools
from firewall.gates.mcp.tasks import Tasks
from firewall.gates.mcp.upstream.cancelling import canceller
from firewall.gates.mcp.upstream.lines import Lines
from firewall.gates.mcp.upstream.refusing import Login
from firewall.guard.guard import Guard
from firewall.routing.upstream import HttpUpstream

if TYPE_CHECKING:  # loaded only where issuers are configured
    from firewall.gates.mcp.oauth.door import OAuthDoor


def pins_of(base: Base) -> Pins:
    """Return what is pinned of servers' tools. Raises: StoreError."""
    return Pins(base.installation.pins, base.installation.writer, base.clock)


def mcp_gate(base: Base, upstream: HttpUpstream, guard: Guard, pins: Pins) -> McpGate:
    """Return the gate to the configured MCP servers.

    Raises: ConfigError for a server that cannot be used.
    """
    servers = servers_of(base.settings)
    make = line_maker(servers, base.references, upstream, _logins_at(base, upstream))
    shown = showing_of(base, guard, pins, servers)
    lines = Lines(make, now=time.monotonic)
    tasks = Tasks(guard, base.installation.writer, base.clock, cancel=canceller(lines))
    writer = base.installation.writer
    tools = PinnedTools(pins, shown, lambda: base.rules.snapshot.catalogue.credentials)
    reads = JudgedReads(guard, writer, base.clock)
    return McpGate(
        servers=servers,
        lines=lines,
        calls=JudgedCalls(
            guard=guard,
            approvals=base.approvals,
            sequencer=base.installation.writer,
            clock=base.clock,
            tools=tools,
            servers=servers,
            tasks=tasks,
        ),
        reads=reads,
        shown=shown,
        tasks=tasks,
        listens=Listens(
            lines, reads=reads, shown=shown, tools=tools, rules=lambda: base.rules.snapshot, sequencer=writer
        ),
        doorkeeper=base.doorkeeper,
        sequencer=base.installation.writer,
        oauth=_door_of(base, upstream),
    )


def _logins_at(base: Base, upstream: HttpUpstream) -> Mapping[str, Login]:
    """Return what authenticates at servers that want OAuth. Raises: ConfigError."""
    if not any(one.oauth for one in base.settings.mcp_server):
        return {}
    from firewall.app.logins import logins_at

    return logins_at(base, upstream)


def _door_of(base: Base, upstream: HttpUpstream) -> "OAuthDoor | None":
    """Return the door for access tokens of others, where issuers are configured. Raises: ConfigError."""
    if not base.settings.oauth_issuer:
        return None
    from firewall.app.oauth import door_of, world_of

    settings = base.settings
    world = world_of(base, upstream)
    return door_of(settings.oauth, settings.oauth_issuer, world, people=settings.approver)


def showing_of(base: Base, guard: Guard, pins: Pins, servers: Mapping[str, Server]) -> Showing:
    """Return what looks at what servers say: for credentials of ours and of others, by the policies in force."""
    of_targets, of_servers = credentials_of(base.targets), keys_of(servers, base.references)
    rules = Rules(
        detector=lambda: base.rules.snapshot.catalogue.credentials,
        known=lambda: [*of_targets(), *of_servers()],
        note=guard.note,
    )
    return Showing(pins, rules, base.installation.writer, base.clock)
