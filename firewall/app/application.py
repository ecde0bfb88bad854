"""Everything of one running installation."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from firewall.app.addresses import host_port
from firewall.app.clock import SystemClock
from firewall.app.egress import EgressSide
from firewall.app.keeping import kept_running
from firewall.app.looking import Looking
from firewall.app.money import reclaim
from firewall.app.refusals import rendered
from firewall.approvals.channels.board import Channels
from firewall.approvals.forms import Forms
from firewall.approvals.reviewing import Reviews
from firewall.approvals.service import Approvals
from firewall.console.app import Console
from firewall.core.errors import StoreError
from firewall.core.work import Sweep, Unit
from firewall.gates.edge.branch import Branch
from firewall.gates.edge.middleware import Access, Edge, trusted_networks
from firewall.gates.edge.protocol import Certificate, EdgeConfig
from firewall.gates.edge.server import Listener
from firewall.gates.hooks.gate import HooksGate
from firewall.gates.infra.gate import InfraGate
from firewall.gates.infra.targets import Target
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.held import Holds
from firewall.guard.guard import Guard
from firewall.policy.in_force import Rules
from firewall.routing.choosing.in_force import Routes
from firewall.routing.drills.room import DrillRoom
from firewall.routing.providers import Providers
from firewall.routing.trying.probing import Prober
from firewall.routing.trying.sharing import Sharing
from firewall.sequencer.opening import Installation
from firewall.settings.settings import Settings
from firewall.telemetry import Telemetry
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from firewall.tokens.uses import KEEP_EVERY_S

if TYPE_CHECKING:  # loaded only where servers are configured
    from firewall.gates.mcp.gate import McpGate

log = logging.getLogger("stayhand.app")
WITNESS_S = 5.0
SWEEP_S = 600.0
_AGENTS = partial(EdgeConfig, upgrades=(b"/infra/",))
"""How agents are listened to: what goes to targets may ask to leave HTTP."""
ISSUED_US = 31 * 24 * 3600 * 1_000_000
"""Providers keep what they issued for 30 days."""


@dataclass(slots=True, eq=False)
class Application:
    """Everything of one running installation."""

    settings: Settings
    installation: Installation
    rules: Rules
    tokens: Tokens
    people: People
    channels: Channels
    approvals: Approvals
    reviews: Reviews
    guard: Guard
    gate: ModelsGate
    infra: InfraGate
    hooks: HooksGate
    mcp: "McpGate | None"
    egress: EgressSide | None
    targets: Mapping[str, Target]
    holds: Holds
    drills: DrillRoom
    prober: Prober | None
    sharing: Sharing | None
    console: Console
    looking: Looking
    forms: Forms
    telemetry: Telemetry
    providers: Providers
    routes: Routes
    is_demo: bool

    def listeners(
        self, *, agents_port: int | None = None, control_port: int | None = None
    ) -> tuple[Listener, ...]:
        """Return the listeners: agents, over TLS and the forward proxy where configured, control last."""
        server = self.settings.server
        agents_host, agents = host_port(server.listen)
        control_host, control = host_port(server.control_listen)
        most = self.settings.models.max_body_mib << 20
        proxies = trusted_networks(server.trusted_proxies)
        most = max([most, *(target.max_body_bytes for target in self.targets.values())])
        most = max([most, *(one.max_body_mib << 20 for one in self.settings.mcp_server)])
        branches: dict[bytes, ASGIApp] = {
            b"/infra/": self.infra,
            b"/hooks/": self.hooks,
            b"/v1/judge": self.hooks,
        }
        if self.mcp is not None:
            branches[b"/mcp"] = self.mcp
            if self.mcp.published is not None:
                branches[b"/.well-known/oauth-protected-resource"] = self.mcp.published
        agents_app = Edge(
            Branch(self.gate, branches),
            max_body_bytes=most,
            foreign_prefixes=("/infra/",),
            access=Access(hosts=frozenset({agents_host, *server.allowed_hosts}), trusted_proxies=proxies),
            render=rendered,
        )
        public_host = urlsplit(server.public_url).hostname or ""
        control_app = Edge(
            self.console.app,
            max_body_bytes=1 << 20,
            access=Access(hosts=frozenset({control_host, public_host}), origins=None, trusted_proxies=proxies),
        )
        return (
            Listener(agents_app, agents_host, agents if agents_port is None else agents_port, configured=_AGENTS),
            *self._over_tls(agents_app),
            *((self.egress.listener(most),) if self.egress else ()),
            Listener(control_app, control_host, control if control_port is None else control_port),
        )

    def _over_tls(self, app: Edge) -> tuple[Listener, ...]:
        server = self.settings.server
        if not server.tls_listen:
            return ()
        host, port = host_port(server.tls_listen)
        chain, key = (str(self.settings.anchored(file)) for file in (server.tls_cert, server.tls_key))
        return (Listener(app, host, port, certificate=Certificate(chain, key), configured=_AGENTS),)

    def drain(self) -> None:
        """The server is stopping: whoever waits for people is told so now, on every gate."""
        self.gate.drain()
        self.approvals.drain()
        self.looking.feed.close()
        if self.mcp is not None:
            self.mcp.drain()

    async def background(self) -> None:
        """Expire, notify, count and witness until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.channels.run())
            group.create_task(self.approvals.run())
            group.create_task(kept_running(self.reviews.run, "telling of break-glass"))
            group.create_task(self.console.run())
            group.create_task(self._witness())
            group.create_task(self._sweep())
            group.create_task(kept_running(self._note_uses, "noting when tokens were used"))
            group.create_task(kept_running(self.looking.behind.run, "indexing the log"))
            group.create_task(kept_running(self.looking.follower.run, "following the log for sessions"))
            if self.mcp is not None:
                group.create_task(self.mcp.lines.run())
            if self.prober is not None:
                group.create_task(kept_running(self.prober.run, "asking providers how they are"))
            if self.sharing is not None:
                group.create_task(kept_running(self.sharing.run, "sharing circuits"))

    async def _sweep(self) -> None:
        """Keep the tables from growing with every owner, token and answer there ever was."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = SystemClock().now_us()
            try:
                await self.installation.writer.submit(Unit(steps=(Sweep(issued_before=now - ISSUED_US),)))
                await reclaim(self.installation, self.settings, now)
            except StoreError as error:  # rows too many do no harm; the next turn finds them as well
                log.error("%s: %s", error.public, error.detail)  # noqa: TRY400 - the detail is the message

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.tokens.uses.keep()

    async def _witness(self) -> None:
        while True:
            await asyncio.sleep(WITNESS_S)
            try:
                await asyncio.to_thread(self.installation.witness.give)
            except StoreError as error:  # keep working, keep saying so; the next head covers what was missed
                log.error("%s: %s", error.public, error.detail)  # noqa: TRY400 - the detail is the message
