"""The composition root: the only place that names concrete classes and wires them together."""

import asyncio
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from audit import AuditError
from audit.seal import parse_kek
from firewall.approvals.notify import Channel, Channels, Terminal, Webhook
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.app import Console, Desks
from firewall.console.credentials import Credentials
from firewall.console.desks import AwsHandout, Peopling, Policing, Tokening
from firewall.console.entries import Entries
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError, StoreError
from firewall.core.ids import spell_id
from firewall.core.secret import Secret
from firewall.core.target import TargetKind
from firewall.core.work import Record, Sweep, Unit
from firewall.demo.provider import app as scripted
from firewall.demo.scenes import INCIDENT
from firewall.gates.edge.branch import Branch
from firewall.gates.edge.doorkeeper import Doorkeeper
from firewall.gates.edge.middleware import Access, Edge, trusted_networks
from firewall.gates.edge.protocol import Certificate
from firewall.gates.edge.server import Listener, serving
from firewall.gates.infra.aws import endpoints
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.gate import InfraGate
from firewall.gates.infra.targets import Target, credentials_of, targets_of
from firewall.gates.models.exchange import Means
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.held import Holds
from firewall.gates.models.refused import render_for
from firewall.guard.files import WorkspaceFiles
from firewall.guard.guard import Guard
from firewall.guard.reach import Territory, territory
from firewall.policy.in_force import Rules, open_rules
from firewall.references import reader_of
from firewall.routing.configured import providers_of
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider, Providers
from firewall.routing.upstream import HttpUpstream
from firewall.sequencer.opening import Installation, Places, open_installation
from firewall.settings import Notify, Settings, default_config_dir
from firewall.telemetry import Condition, Telemetry
from firewall.tokens.access_keys import AccessKeys
from firewall.tokens.people import People
from firewall.tokens.service import Tokens

log = logging.getLogger("stayhand.app")
WITNESS_S = 5.0
SWEEP_S = 600.0
ISSUED_US = 31 * 24 * 3600 * 1_000_000
"""Providers keep what they issued for 30 days."""
MAX_ANSWER_BYTES = 64 << 20


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000


@dataclass(slots=True, eq=False)
class Application:
    """Everything of one running installation."""

    settings: Settings
    installation: Installation
    rules: Rules
    tokens: Tokens
    people: People
    approvals: Approvals
    guard: Guard
    gate: ModelsGate
    infra: InfraGate
    targets: Mapping[str, Target]
    holds: Holds
    console: Console
    telemetry: Telemetry
    providers: Providers
    is_demo: bool

    def listeners(
        self, *, agents_port: int | None = None, control_port: int | None = None
    ) -> tuple[Listener, ...]:
        """Return the listeners: agents first, then agents over TLS where that is configured, control last."""
        server = self.settings.server
        agents_host, agents = _host_port(server.listen)
        control_host, control = _host_port(server.control_listen)
        most = self.settings.models.max_body_mib << 20
        proxies = trusted_networks(server.trusted_proxies)
        agents_app = Edge(
            Branch(self.gate, {b"/infra/": self.infra}),
            max_body_bytes=max([most, *(target.max_body_bytes for target in self.targets.values())]),
            foreign_prefixes=("/infra/",),
            access=Access(hosts=frozenset({agents_host, *server.allowed_hosts}), trusted_proxies=proxies),
            render=render_for,
        )
        public_host = urlsplit(server.public_url).hostname or ""
        control_app = Edge(
            self.console.app,
            max_body_bytes=1 << 20,
            access=Access(hosts=frozenset({control_host, public_host}), origins=None, trusted_proxies=proxies),
        )
        return (
            Listener(agents_app, agents_host, agents if agents_port is None else agents_port),
            *self._over_tls(agents_app),
            Listener(control_app, control_host, control if control_port is None else control_port),
        )

    def _over_tls(self, app: Edge) -> tuple[Listener, ...]:
        server = self.settings.server
        if not server.tls_listen:
            return ()
        host, port = _host_port(server.tls_listen)
        chain, key = (str(self.settings.anchored(file)) for file in (server.tls_cert, server.tls_key))
        return (Listener(app, host, port, certificate=Certificate(chain, key)),)

    async def background(self) -> None:
        """Expire, notify, count and witness until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.approvals.run())
            group.create_task(self.console.run())
            group.create_task(self._witness())
            group.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Keep the tables from growing with every owner, token and answer there ever was."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = SystemClock().now_us()
            try:
                await self.installation.writer.submit(Unit(steps=(Sweep(issued_before=now - ISSUED_US),)))
            except StoreError as error:  # rows too many do no harm; the next turn finds them as well
                log.error("%s: %s", error.public, error.detail)  # noqa: TRY400 - the detail is the message

    async def _witness(self) -> None:
        while True:
            await asyncio.sleep(WITNESS_S)
            try:
                await asyncio.to_thread(self.installation.witnessed)
            except StoreError as error:  # keep working, keep saying so; the next head covers what was missed
                log.error("%s: %s", error.public, error.detail)  # noqa: TRY400 - the detail is the message


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
        installation = open_installation(places_of(settings), clock, kek=_kek(settings))
        stack.push_async_callback(installation.close)
        found = list(providers) if providers is not None else providers_of(settings)
        is_demo = not found
        if is_demo:
            found = await stack.enter_async_context(scripted_providers())
        upstream = HttpUpstream()
        stack.push_async_callback(upstream.close)
        base = _base(settings, installation, rules, clock)
        stack.push_async_callback(base.channels.aclose)
        application = _wire(base, Providers(found), upstream, is_demo=is_demo)
        stack.push_async_callback(application.holds.stop)
        await installation.writer.submit(
            Unit(
                records=(Record(kind="config.loaded", data={"policy": rules.snapshot.digest, "pid": os.getpid()}),)
            )
        )
        background = asyncio.create_task(application.background())
        background.add_done_callback(_ended)
        try:
            yield application
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)


def _ended(task: "asyncio.Task[None]") -> None:
    """Say loudly that background work has died; times are also checked where they matter, so nothing opens."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("background work has ended: restart the server", exc_info=task.exception())


@dataclass(frozen=True, slots=True)
class _Base:
    """What every part is built on."""

    settings: Settings
    installation: Installation
    rules: Rules
    clock: SystemClock
    telemetry: Telemetry
    tokens: Tokens
    people: People
    channels: Channels
    approvals: Approvals
    doorkeeper: Doorkeeper
    targets: Mapping[str, Target]
    access_keys: AccessKeys


def _base(settings: Settings, installation: Installation, rules: Rules, clock: SystemClock) -> _Base:
    writer = installation.writer
    channels = Channels([_channel(one, clock) for one in settings.notify])
    tokens = Tokens(sequencer=writer, rows=installation.tokens, clock=clock)
    return _Base(
        settings=settings,
        installation=installation,
        rules=rules,
        clock=clock,
        telemetry=Telemetry(),
        tokens=tokens,
        people=People(sequencer=writer, rows=installation.people, clock=clock),
        channels=channels,
        approvals=Approvals(
            sequencer=writer,
            store=installation.approving,
            clock=clock,
            rules=approval_rules(settings),
            notifier=channels,
            new_id=lambda: spell_id("apr", secrets.token_bytes(17)),
        ),
        doorkeeper=Doorkeeper(tokens=tokens, sequencer=writer, clock=clock),
        targets=targets_of(settings),
        access_keys=AccessKeys(installation.access_root),
    )


def _guard(base: _Base) -> Guard:
    tokens = base.tokens
    return Guard(
        rules=base.rules,
        territory=territory_of(base.settings),
        approvals=base.approvals,
        sequencer=base.installation.writer,
        clock=base.clock,
        files=WorkspaceFiles(),
        is_live=lambda requester: tokens.is_live(requester.lineage, requester.grant.expires_at),
        observe=base.telemetry.judged,
        targets={name: target.spec for name, target in base.targets.items()},
        known=credentials_of(base.targets),
    )


def _gate(base: _Base, guard: Guard, holds: Holds, providers: Providers, upstream: HttpUpstream) -> ModelsGate:
    writer = base.installation.writer
    models = base.settings.models
    means = Means(
        guard=guard,
        approvals=base.approvals,
        holds=holds,
        clock=base.clock,
        hold_s=models.hold_s,
        max_answer_bytes=MAX_ANSWER_BYTES,
    )
    return ModelsGate(
        means=means,
        doorkeeper=base.doorkeeper,
        providers=providers,
        upstream=upstream,
        sequencer=writer,
        clock=base.clock,
        was_issued=base.installation.tokens.was_issued,
        answered=base.telemetry.answered,
        max_body_bytes=models.max_body_mib << 20,
    )


def _infra(base: _Base, guard: Guard, upstream: HttpUpstream) -> InfraGate:
    server, rules = base.settings.server, base.rules
    if any(target.spec.kind is TargetKind.AWS for target in base.targets.values()):
        endpoints.preload()
    aws = AwsDoor(
        doorkeeper=base.doorkeeper,
        keys=base.access_keys,
        clock=base.clock,
        table=lambda: rules().catalogue.apis.get("aws"),
        hosts=(_host_port(server.listen)[0], *server.allowed_hosts),
    )
    return InfraGate(
        targets=base.targets,
        guard=guard,
        approvals=base.approvals,
        doorkeeper=base.doorkeeper,
        upstream=upstream,
        sequencer=base.installation.writer,
        clock=base.clock,
        aws=aws,
        detector=lambda: base.rules.snapshot.catalogue.credentials,
    )


def _console(base: _Base) -> Console:
    installation, rules = base.installation, base.rules
    writer = installation.writer
    handout = AwsHandout(
        base.access_keys,
        {name: target.spec for name, target in base.targets.items()},
        f"http://{base.settings.server.listen}",
    )
    desks = Desks(
        tokens=Tokening(base.tokens, base.clock, aws=handout),
        people=Peopling(base.people),
        policy=Policing(rules.load, writer),
        entries=Entries(installation.reader, installation.sealing, writer),
        status=Condition(writer, lambda: rules.snapshot.digest, bool(installation.witness), base.telemetry),
    )
    return Console(
        approvals=base.approvals,
        authenticator=Credentials(base.tokens, base.people, base.settings),
        sequencer=writer,
        clock=base.clock,
        desks=desks,
        control_listen=base.settings.server.control_listen,
        channels=lambda: base.channels.health,
    )


def _wire(base: _Base, providers: Providers, upstream: HttpUpstream, *, is_demo: bool) -> Application:
    guard = _guard(base)
    holds = Holds()
    gate = _gate(base, guard, holds, providers, upstream)
    tokens, approvals = base.tokens, base.approvals
    tokens.on_revoked(gate.revoked)
    tokens.on_revoked(lambda token_id: _keep(asyncio.create_task(_cancel_family(tokens, approvals, token_id))))
    return Application(
        settings=base.settings,
        installation=base.installation,
        rules=base.rules,
        tokens=tokens,
        people=base.people,
        approvals=approvals,
        guard=guard,
        gate=gate,
        infra=_infra(base, guard, upstream),
        targets=base.targets,
        holds=holds,
        console=_console(base),
        telemetry=base.telemetry,
        providers=providers,
        is_demo=is_demo,
    )


async def _cancel_family(tokens: Tokens, approvals: Approvals, token_id: str) -> None:
    for one in tokens.family(token_id):
        await approvals.cancel_of_token(one)


_tasks: set["asyncio.Task[None]"] = set()


def _keep(task: "asyncio.Task[None]") -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def places_of(settings: Settings) -> Places:
    """Return where the installation keeps what."""
    return Places(
        database=settings.database,
        signing_key=settings.signing_key,
        keystore=settings.keystore,
        keystore_key=settings.keystore_key,
        verify_key=settings.verify_key,
        witness=settings.witness,
    )


def approval_rules(settings: Settings) -> ApprovalRules:
    """Return how people's answers are kept."""
    return ApprovalRules(
        ttl_s=settings.approvals.ttl,
        use_within_s=settings.approvals.use_within,
        solo=settings.approvals.solo,
        max_pending=settings.approvals.max_pending,
        public_url=settings.server.public_url,
    )


def territory_of(settings: Settings) -> Territory:
    """Return what belongs to the firewall on this machine (DESIGN 2.10)."""
    _, control = _host_port(settings.server.control_listen)
    public = urlsplit(settings.server.public_url)
    own_folders = [folder for folder in (default_config_dir(), Path("/etc/stayhand")) if folder == settings.folder]
    ports = {control, public.port or (443 if public.scheme == "https" else 80)}
    hosts = {public.hostname or "", _host_port(settings.server.control_listen)[0], socket.gethostname().lower()}
    return territory(
        paths=[
            settings.folder / "stayhand.toml",
            Path(settings.path),
            settings.data_dir,
            settings.policy_dir,
            settings.keystore_key,
            settings.verify_key,
            *own_folders,
            *settings.secret_files,
            Path(f"/proc/{os.getpid()}"),
            *(Path(one) for one in settings.witness if "://" not in one),
        ],
        ports=sorted(ports),
        hosts=sorted(host for host in hosts if host),
        process_ids=(os.getpid(), os.getpgrp(), os.getsid(0)),
        process_names=(*_own_names(), "stayhand", "python3 -m firewall.cli.main serve", "python"),
    )


def _own_names() -> tuple[str, ...]:
    """Return the name and command line by which this process is found, as the system tells them."""
    try:
        line = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        name = Path("/proc/self/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return (" ".join(sys.orig_argv),)
    return tuple(filter(None, (name, line)))


@asynccontextmanager
async def scripted_providers() -> AsyncIterator[list[Provider]]:
    """Serve the scripted provider on loopback: what answers where no real provider is configured."""
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


def _channel(one: Notify, clock: SystemClock) -> Channel:
    if one.kind == "terminal":
        return Terminal(sys.stderr)
    url = one.url if isinstance(one.url, str) else reader_of(one.url, "a webhook")().reveal()
    secret = reader_of(one.secret, "a webhook")().reveal() if one.secret else ""
    return Webhook(url=url, clock=clock, secret=secret)


def _kek(settings: Settings) -> bytes | None:
    ref = settings.audit.keystore_key
    if ref is None or ref.file:
        return None
    try:
        return parse_kek(reader_of(ref, "the keystore")().reveal())
    except AuditError as error:
        raise ConfigError(str(error)) from error


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
