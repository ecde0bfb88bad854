"""The composition root: the only place that names concrete classes and wires them together."""

import asyncio
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
from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.app import Console, Desks
from firewall.console.desks import Peopling, Policing, Tokening
from firewall.console.entries import Entries
from firewall.core.dialect import Dialect
from firewall.core.errors import AuthError, ConfigError
from firewall.core.ids import spell_id
from firewall.core.secret import Secret
from firewall.core.token import TokenKind
from firewall.core.work import Record, Unit
from firewall.demo.provider import app as scripted
from firewall.demo.scenes import INCIDENT
from firewall.gates.edge.middleware import Access, Edge, trusted_networks
from firewall.gates.edge.server import Listener, serving
from firewall.gates.models.admit import Doorkeeper
from firewall.gates.models.exchange import Means
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.held import Holds
from firewall.gates.models.refused import render_for
from firewall.guard.files import WorkspaceFiles
from firewall.guard.guard import Guard
from firewall.guard.reach import Territory, territory
from firewall.policy.load import load as load_policy
from firewall.policy.people import Approvers
from firewall.policy.snapshot import Snapshot
from firewall.references import reader_of
from firewall.routing.port import Endpoint, Timeouts, is_private_by_configuration
from firewall.routing.providers import Provider, Providers
from firewall.routing.upstream import AiohttpUpstream
from firewall.sequencer.opening import Installation, Places, open_installation
from firewall.settings import Notify, SecretRef, Settings
from firewall.settings import Provider as ProviderSettings
from firewall.telemetry import Telemetry
from firewall.tokens.people import People
from firewall.tokens.service import Tokens

WITNESS_S = 5.0
FROM_ENVIRONMENT = (
    ("ANTHROPIC_API_KEY", "anthropic", Dialect.ANTHROPIC, "https://api.anthropic.com"),
    ("OPENAI_API_KEY", "openai", Dialect.OPENAI_RESPONSES, "https://api.openai.com/v1"),
    ("GEMINI_API_KEY", "gemini", Dialect.GEMINI, "https://generativelanguage.googleapis.com"),
)
"""Where providers are found when the configuration names none."""


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000


@dataclass(slots=True)
class Rules:
    """The policy in force; swapped as a whole, and only when the new one is good."""

    snapshot: Snapshot
    directory: Path
    approvers: Approvers

    def __call__(self) -> Snapshot:
        """Return the snapshot in force."""
        return self.snapshot

    def load(self) -> str:
        """Read the folder again and put it in force; returns its digest.

        Raises: ConfigError with file and row; the last good one stays.
        """
        self.snapshot = load_policy(self.directory, approvers=self.approvers)
        return self.snapshot.digest


class Credentials:
    """The console's `Authenticator`: control tokens and passphrases."""

    def __init__(self, tokens: Tokens, people: People, settings: Settings) -> None:
        self._tokens = tokens
        self._people = people
        self._emails = {one.name: one.email for one in settings.approver if one.email}
        self._groups = {one.name: one.groups for one in settings.approver}

    def token(self, text: str) -> Approver | None:
        """Return the holder of a live admin, approver or service token."""
        try:
            bearer = self._tokens.check(text)
        except AuthError:
            return None
        if bearer.kind is TokenKind.AGENT:
            return None
        groups = self._all_groups(bearer.holder)
        return Approver(
            bearer.holder, bearer.kind.value, groups, via="token", aliases=self._aliases(bearer.holder)
        )

    def passphrase(self, name: str, passphrase: str) -> Approver | None:
        """Verify a passphrase; slow, call it in a thread."""
        person = self._people.check(name, passphrase)
        return None if person is None else self.person(person.name)

    def person(self, name: str) -> Approver | None:
        """Return somebody who may still sign in."""
        person = self._people.get(name)
        if person is None:
            return None
        return Approver(person.name, person.role, self._all_groups(name), aliases=self._aliases(name))

    def _all_groups(self, name: str) -> tuple[str, ...]:
        person = self._people.get(name)
        return tuple({*(person.groups if person else ()), *self._groups.get(name, ())})

    def _aliases(self, name: str) -> tuple[str, ...]:
        return (self._emails[name],) if name in self._emails else ()


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
    holds: Holds
    console: Console
    telemetry: Telemetry
    providers: Providers
    is_demo: bool

    def listeners(
        self, *, agents_port: int | None = None, control_port: int | None = None
    ) -> tuple[Listener, Listener]:
        """Return the two listeners, agents first."""
        server = self.settings.server
        agents_host, agents = _host_port(server.listen)
        control_host, control = _host_port(server.control_listen)
        most = self.settings.models.max_body_mib << 20
        proxies = trusted_networks(server.trusted_proxies)
        agents_app = Edge(
            self.gate,
            max_body_bytes=most,
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
            Listener(control_app, control_host, control if control_port is None else control_port),
        )

    async def background(self) -> None:
        """Expire, notify, count and witness until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.approvals.run())
            group.create_task(self.console.run())
            group.create_task(self._witness())

    async def _witness(self) -> None:
        while True:
            await asyncio.sleep(WITNESS_S)
            self.installation.witnessed()


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
        upstream = AiohttpUpstream()
        stack.push_async_callback(upstream.close)
        application = _wire(settings, installation, rules, Providers(found), upstream, clock, is_demo=is_demo)
        stack.push_async_callback(application.holds.stop)
        await installation.writer.submit(
            Unit(
                records=(Record(kind="config.loaded", data={"policy": rules.snapshot.digest, "pid": os.getpid()}),)
            )
        )
        background = asyncio.create_task(application.background())
        try:
            yield application
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)


def _wire(
    settings: Settings,
    installation: Installation,
    rules: Rules,
    providers: Providers,
    upstream: AiohttpUpstream,
    clock: SystemClock,
    *,
    is_demo: bool,
) -> Application:
    writer = installation.writer
    telemetry = Telemetry()
    tokens = Tokens(sequencer=writer, rows=installation.tokens, clock=clock)
    people = People(sequencer=writer, rows=installation.people, clock=clock)
    approvals = Approvals(
        sequencer=writer,
        store=installation.approving,
        clock=clock,
        rules=approval_rules(settings),
        notifier=Channels([_channel(one, clock) for one in settings.notify]),
        new_id=lambda: spell_id("apr", secrets.token_bytes(17)),
    )
    guard = Guard(
        rules=rules,
        territory=territory_of(settings),
        approvals=approvals,
        sequencer=writer,
        clock=clock,
        files=WorkspaceFiles(),
        is_live=lambda requester: tokens.is_live(requester.lineage, requester.grant.expires_at),
        observe=telemetry.judged,
    )
    holds = Holds()
    gate = ModelsGate(
        means=Means(
            guard=guard,
            approvals=approvals,
            holds=holds,
            clock=clock,
            hold_s=settings.models.hold_s,
            max_answer_bytes=64 << 20,
        ),
        doorkeeper=Doorkeeper(tokens=tokens, sequencer=writer, clock=clock),
        providers=providers,
        upstream=upstream,
        sequencer=writer,
        clock=clock,
        was_issued=installation.tokens.was_issued,
        answered=telemetry.answered,
        max_body_bytes=settings.models.max_body_mib << 20,
    )
    console = Console(
        approvals=approvals,
        authenticator=Credentials(tokens, people, settings),
        sequencer=writer,
        clock=clock,
        desks=Desks(
            tokens=Tokening(tokens, clock),
            people=Peopling(people),
            policy=Policing(rules.load, writer),
            entries=Entries(installation.reader, installation.sealing, writer),
            status=_Status(installation, rules, telemetry),
        ),
        control_listen=settings.server.control_listen,
    )
    tokens.on_revoked(gate.revoked)
    tokens.on_revoked(lambda token_id: _keep(asyncio.create_task(approvals.cancel_of_token(token_id))))
    return Application(
        settings=settings,
        installation=installation,
        rules=rules,
        tokens=tokens,
        people=people,
        approvals=approvals,
        guard=guard,
        gate=gate,
        holds=holds,
        console=console,
        telemetry=telemetry,
        providers=providers,
        is_demo=is_demo,
    )


@dataclass(frozen=True, slots=True)
class _Status:
    """The console's `Status`."""

    installation: Installation
    rules: Rules
    telemetry: Telemetry

    def is_ready(self) -> bool:
        """Calls can be judged and recorded."""
        return self.installation.writer.is_open

    def parts(self) -> Mapping[str, str]:
        """Return the state of each part."""
        return {
            "log": "open" if self.installation.writer.is_open else "closed",
            "entries": str(self.installation.writer.size),
            "policy": self.rules.snapshot.digest[:16],
            "witness": "watched" if self.installation.witness else "unwitnessed",
        }

    def metrics(self) -> bytes:
        """Return the metrics."""
        return self.telemetry.metrics(self.installation.writer)


_tasks: set["asyncio.Task[int]"] = set()


def _keep(task: "asyncio.Task[int]") -> None:
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
        witness=settings.audit.witness,
    )


def open_rules(settings: Settings) -> Rules:
    """Load the policies.

    Raises: ConfigError with every problem, file and row.
    """
    approvers = Approvers(
        groups={one.name: frozenset(one.groups) for one in settings.approver}, solo=settings.approvals.solo
    )
    return Rules(load_policy(settings.policy_dir, approvers=approvers), settings.policy_dir, approvers)


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
            *(Path(one).expanduser() for one in settings.audit.witness if "://" not in one),
        ],
        ports=sorted(ports),
        hosts=sorted(host for host in hosts if host),
        process_id=os.getpid(),
        process_names=("stayhand", f"{Path(sys.executable).name} -m firewall.cli.main serve", "python"),
    )


def providers_of(settings: Settings) -> list[Provider]:
    """Return the configured providers; with none, those whose keys are in the environment.

    Raises: ConfigError for an address or a secret that cannot be used.
    """
    if settings.provider:
        return [_provider(one) for one in settings.provider]
    return [
        _provider(ProviderSettings(name=name, dialect=dialect, base_url=url, api_key=SecretRef(env=variable)))
        for variable, name, dialect, url in FROM_ENVIRONMENT
        if os.environ.get(variable)
    ]


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


def _provider(one: ProviderSettings) -> Provider:
    endpoint = Endpoint(
        name=one.name,
        base_url=one.base_url,
        private=is_private_by_configuration(one.base_url, one.hosting),
        timeouts=Timeouts(first_byte_s=one.first_token_timeout_s, total_s=one.timeout_s),
    )
    key = None if one.api_key == "client" else reader_of(one.api_key, f"provider `{one.name}`")
    return Provider(one.name, one.dialect, endpoint, key)


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
