"""Opening an installation, and closing it in order."""

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firewall.app.addresses import places_of
from firewall.app.application import Application
from firewall.app.base import Base, base_of, kek_of
from firewall.app.clock import SystemClock
from firewall.app.control import console_of, faring_of
from firewall.app.egress import EgressSide, egress_of
from firewall.app.gates import (
    aws_door,
    circuits_of,
    form_runner,
    guard_of,
    hooks_gate,
    infra_gate,
    models_gate,
    prober_of,
)
from firewall.app.looking import looking_of
from firewall.app.money import reclaim, till_of
from firewall.app.pinning import Pinning
from firewall.app.routes import chooser_of
from firewall.app.sharing import sharing_of
from firewall.app.watching import watch
from firewall.approvals.forms import Forms
from firewall.approvals.service import Approvals
from firewall.codecs.neutral import registry as translators
from firewall.console.app import Console
from firewall.console.costs.books import Costs
from firewall.core.dialect import Dialect
from firewall.core.secret import Secret
from firewall.core.work import Plain, Record, Unit
from firewall.gates.edge.server import Listener, serving, settle
from firewall.gates.hooks.gate import HooksGate
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.gate import InfraGate
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.held import Holds
from firewall.guard.guard import Guard
from firewall.policy.in_force import Rules, open_rules
from firewall.references import references_of
from firewall.routing.choosing.in_force import Routes, routes_of
from firewall.routing.configured import providers_of
from firewall.routing.drills.room import DrillRoom
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider, Providers
from firewall.routing.upstream import HttpUpstream
from firewall.sequencer.opening import open_installation
from firewall.settings.settings import Settings
from firewall.tokens.service import Tokens

if TYPE_CHECKING:  # loaded only where servers are configured
    from firewall.gates.mcp.gate import McpGate

log = logging.getLogger("stayhand.app")


@asynccontextmanager
async def running(
    settings: Settings, *, providers: Sequence[Provider] | None = None, clock: SystemClock | None = None
) -> AsyncIterator[Application]:
    """Open an installation and wire everything; leaving the block closes it in order.

    Raises: ConfigError, StoreError: then nothing was started.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        rules = open_rules(settings)
        installation = open_installation(places_of(settings), clock, kek=kek_of(settings))
        stack.push_async_callback(installation.close)
        references = references_of(settings)
        found = list(providers) if providers is not None else providers_of(settings, references)
        is_demo = not found
        if is_demo:
            found = await stack.enter_async_context(scripted_providers())
        upstream = HttpUpstream()
        stack.push_async_callback(upstream.close)
        base = base_of(settings, installation, rules, clock, references=references)
        stack.push_async_callback(base.channels.aclose)
        stack.push_async_callback(base.tokens.uses.keep)
        await watch(base, settings, references, stack)
        routes = await asyncio.to_thread(routes_of, settings, Providers(found))
        application = _wire(base, routes, upstream, is_demo=is_demo, stack=stack)
        stack.callback(application.guard.leading.close)
        stack.push_async_callback(application.drills.close)
        stack.push_async_callback(application.holds.stop)
        if application.mcp is not None:
            stack.push_async_callback(application.mcp.close)
        if application.egress is not None:
            stack.push_async_callback(application.egress.upstreams.close)
        loaded: dict[str, Plain] = {"policy": rules.snapshot.digest, "routes": routes().digest, "pid": os.getpid()}
        await installation.writer.submit(Unit(records=(Record(kind="config.loaded", data=loaded),)))
        await reclaim(installation, settings, clock.now_us(), is_start=True)
        await application.forms.lost()
        background = asyncio.create_task(application.background())
        background.add_done_callback(_ended)
        warming = asyncio.create_task(_warmed(rules, application.console, application.looking.costs))
        try:
            yield application
        finally:
            background.cancel()
            warming.cancel()
            await asyncio.gather(background, warming, return_exceptions=True)


async def _warmed(rules: Rules, console: Console, costs: Costs) -> None:
    """Load parsers and tables while the first calls are served; one that needs them before loads them itself.

    What past days cost is added up last.
    """
    try:
        await asyncio.to_thread(rules.load_late)
        await asyncio.to_thread(console.load_late)
        await asyncio.to_thread(translators.load_late)
        for step in rules.warming():
            step()
            await asyncio.sleep(0)
    except Exception:
        log.exception("parsers could not be loaded ahead: the first call of a kind loads its own")
    settle()
    try:
        await costs.warm()
    except Exception:
        log.exception("days that are over could not be added up ahead: the first look at them does it")


def _ended(task: "asyncio.Task[None]") -> None:
    """Say loudly that background work has died; times are also checked where they matter, so nothing opens."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("background work has ended: restart the server", exc_info=task.exception())


@dataclass(frozen=True, slots=True)
class _Doors:
    """Where agents' traffic is stopped beside the models' gate, all before the one guard."""

    infra: InfraGate
    hooks: HooksGate
    mcp: "McpGate | None"
    pinning: Pinning
    egress: EgressSide | None


def _wire(
    base: Base, routes: Routes, upstream: HttpUpstream, *, is_demo: bool, stack: AsyncExitStack
) -> Application:
    aws = aws_door(base)
    guard = guard_of(base, upstream, aws)
    holds = Holds()
    till = till_of(base, routes)
    drills = DrillRoom(time.monotonic, random.random)
    circuits = circuits_of(base, routes)
    chooser = chooser_of(base, routes)
    gate = models_gate(base, guard, holds, chooser, upstream, till=till, drills=drills, circuits=circuits)
    doors = _doors_of(base, guard, upstream, aws, models=gate)
    forms = _forms(base)
    looking = looking_of(base, guard.forget, stack)
    console = console_of(
        base,
        upstream,
        doors.egress,
        routes=routes,
        runner=form_runner(base, forms, guard, doors.infra),
        drills=drills,
        pins=doors.pinning,
        looking=looking,
        faring=faring_of(base, routes, chooser.measures, circuits=circuits),
    )
    return Application(
        settings=base.settings,
        installation=base.installation,
        rules=base.rules,
        tokens=base.tokens,
        people=base.people,
        channels=base.channels,
        approvals=base.approvals,
        reviews=base.reviews,
        guard=guard,
        gate=gate,
        infra=doors.infra,
        hooks=doors.hooks,
        mcp=doors.mcp,
        egress=doors.egress,
        targets=base.targets,
        holds=holds,
        console=console,
        drills=drills,
        looking=looking,
        prober=prober_of(base, upstream, routes, circuits=circuits),
        sharing=sharing_of(base, circuits, providers=routes.providers, stack=stack),
        forms=forms,
        telemetry=base.telemetry,
        providers=routes.providers,
        routes=routes,
        is_demo=is_demo,
    )


def _doors_of(base: Base, guard: Guard, upstream: HttpUpstream, aws: AwsDoor, *, models: ModelsGate) -> _Doors:
    """Return the gates beside that of models; what any of them has open ends with its token."""
    infra = infra_gate(base, guard, upstream, aws)
    egress = egress_of(base, guard, infra)
    mcp, pinning = _mcp_of(base, upstream, guard)
    ended = (models.revoked, infra.revoked, guard.leading.ended)
    _end_with_tokens(base, *ended, *([egress.gate.revoked] if egress is not None else []))
    return _Doors(infra, hooks_gate(base, guard), mcp, pinning, egress)


def _end_with_tokens(base: Base, *ended: Callable[[str], None]) -> None:
    """Have gates told of every token that is revoked, and what it has open withdrawn."""
    tokens, approvals = base.tokens, base.approvals
    for told in ended:
        tokens.on_revoked(told)
    tokens.on_revoked(lambda token_id: _keep(asyncio.create_task(_cancel_family(tokens, approvals, token_id))))


def _forms(base: Base) -> Forms:
    installation = base.installation
    return Forms(
        approvals=base.approvals,
        sequencer=installation.writer,
        store=installation.approving,
        clock=base.clock,
    )


def _mcp_of(base: Base, upstream: HttpUpstream, guard: Guard) -> "tuple[McpGate | None, Pinning]":
    """Return the MCP gate where servers are configured, and the pins' desk; what they need is loaded only then."""
    if not base.settings.mcp_server:
        return None, Pinning(None)
    from firewall.app.mcp import mcp_gate, pins_of

    pins = pins_of(base)
    gate = mcp_gate(base, upstream, guard, pins)
    base.tokens.on_revoked(gate.revoked)
    return gate, Pinning(pins, [one.name for one in base.settings.mcp_server])


async def _cancel_family(tokens: Tokens, approvals: Approvals, token_id: str) -> None:
    for one in tokens.family(token_id):
        await approvals.cancel_of_token(one)


_tasks: set["asyncio.Task[None]"] = set()


def _keep(task: "asyncio.Task[None]") -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


@asynccontextmanager
async def scripted_providers() -> AsyncIterator[list[Provider]]:
    """Serve the scripted provider on loopback: what answers where no real provider is configured."""
    from firewall.demo.provider import app as scripted
    from firewall.demo.scenes import INCIDENT

    key = secrets.token_hex(16)
    async with serving([Listener(scripted(INCIDENT, key=key), "127.0.0.1", 0)]) as served:
        base = f"http://127.0.0.1:{served.ports[0]}"
        yield [
            Provider("scripted", dialect, Endpoint("scripted", base + suffix, private=True), lambda: Secret(key))
            for dialect, suffix in (
                (Dialect.ANTHROPIC, ""),
                (Dialect.OPENAI_RESPONSES, "/v1"),
                (Dialect.GEMINI, ""),
            )
        ]
