"""The guard, and the gates that ask it."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from firewall.app.addresses import host_port, territory_of
from firewall.app.base import Base
from firewall.approvals.forms import Forms
from firewall.classify.credentials.masking import masked
from firewall.codecs.neutral.content import Hide
from firewall.core.outgoing import Outgoing
from firewall.core.secret import Secret
from firewall.core.target import TargetKind
from firewall.gates.hooks.gate import HooksGate
from firewall.gates.infra.aws import endpoints
from firewall.gates.infra.aws.door import AwsDoor
from firewall.gates.infra.forms import FormRunner
from firewall.gates.infra.gate import InfraGate
from firewall.gates.infra.resolving.world import Resolvers
from firewall.gates.infra.targets import credentials_of
from firewall.gates.models.exchange import Means
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.held import Holds
from firewall.gates.models.paying import Till
from firewall.gates.models.plain import PlainCalls
from firewall.gates.models.seeing import Seeing
from firewall.guard.answer import Answer, Observe
from firewall.guard.files import WorkspaceFiles
from firewall.guard.foreign import Known
from firewall.guard.guard import Guard
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from firewall.routing.call import ANSWERED, Attempt, Candidate
from firewall.routing.catalogue import Catalogue, named_by
from firewall.routing.choosing.chooser import Chooser
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.measures import Measures
from firewall.routing.configured import manners_of
from firewall.routing.drills.room import DrillRoom
from firewall.routing.kinds.carrier import MannerlyUpstream
from firewall.routing.kinds.interface import ToSign
from firewall.routing.port import Upstream
from firewall.routing.router import Router
from firewall.routing.trying.asker import Asker, Note
from firewall.routing.trying.cache import Cache
from firewall.routing.trying.circuits import Circuits
from firewall.routing.trying.frame import Frame
from firewall.routing.trying.measuring import Measuring
from firewall.routing.trying.probing import Probed, Prober
from firewall.routing.trying.records import Recorder
from firewall.routing.trying.run import Run, World
from firewall.routing.upstream import HttpUpstream

MAX_ANSWER_BYTES = 64 << 20


def guard_of(base: Base, upstream: HttpUpstream, aws: AwsDoor) -> Guard:
    """Return the guard: one for all gates."""
    tokens = base.tokens
    world = Resolvers(
        targets=base.targets,
        upstream=upstream,
        sequencer=base.installation.writer,
        clock=base.clock,
        signer=aws,
    )
    return Guard(
        rules=base.rules,
        territory=territory_of(base.settings),
        approvals=base.approvals,
        sequencer=base.installation.writer,
        clock=base.clock,
        files=WorkspaceFiles(),
        is_live=lambda requester: tokens.is_live(requester.lineage, requester.grant.expires_at),
        observe=_soon(base.telemetry.judged),
        targets={name: target.spec for name, target in base.targets.items()},
        known=_known(base),
        hooked=base.settings.hooks.expected,
        world=world if any(target.resolver for target in base.targets.values()) else None,
    )


def _soon(observe: Observe) -> Observe:
    """Tell of an answer in the loop's next turn: no released call waits for a count and a line."""

    def later(judgement: Judgement, requester: Requester, answer: Answer, *, seconds: float) -> None:
        asyncio.get_running_loop().call_soon(partial(observe, judgement, requester, answer, seconds=seconds))

    return later


def _known(base: Base) -> Known:
    """Return what reads the credentials that agents must not hold: those of targets and of MCP servers."""
    of_targets = credentials_of(base.targets)
    if not base.settings.mcp_server:
        return of_targets
    from firewall.gates.mcp.servers import keys_of, servers_of

    of_servers = keys_of(servers_of(base.settings), base.references)
    return lambda: (*of_targets(), *of_servers())


def sign_for_aws(request: ToSign, key: Secret) -> Mapping[str, str]:
    """Sign a request to AWS by its real key, with botocore (ADR 0012).

    Raises: ConfigError for a key that cannot be read.
    """
    headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in request.fields)
    outgoing = Outgoing(request.method, request.path, request.query, headers, request.body)
    return endpoints.sign(
        outgoing,
        url=f"{request.base_url.rstrip('/')}{outgoing.target}",
        region=request.region,
        service=request.service,
        key=endpoints.read_key(key.reveal()),
    )


def note_of(base: Base, measures: Measures) -> Note:
    """Return what is told of attempts: the log, the metrics, and who stood in for others."""
    recorder = Recorder(base.installation.writer)

    def note(run: Run, one: Attempt) -> None:
        recorder.attempted(run, one)
        if run.drill is not None:
            return
        name = one.candidate.name
        base.telemetry.attempted(one.candidate.provider.name, one.outcome)
        if one.outcome == ANSWERED and any(other.candidate.name != name for other in run.tried):
            measures.stood_in(name, base.clock.now_us())

    return note


def circuits_of(base: Base, routes: Routes) -> Circuits:
    """Return the circuits to providers; they are told to the log and to the metrics."""
    told = Recorder(base.installation.writer).changed
    circuits = Circuits(time.monotonic, told, names=lambda: routes.table.names)
    base.telemetry.circuitry.standing = circuits.listing
    return circuits


def _carrier(base: Base, upstream: HttpUpstream) -> MannerlyUpstream:
    return MannerlyUpstream(upstream, manners_of(base.settings, base.references, sign_for_aws))


def prober_of(base: Base, upstream: HttpUpstream, routes: Routes, *, circuits: Circuits) -> Prober | None:
    """Return what asks providers whether they are well, None where none is to be asked."""

    def count(provider: str, one: Probed) -> None:
        base.telemetry.circuitry.probed(provider, one.outcome)

    record = Recorder(base.installation.writer).probed
    asked = [one for one in routes.providers if one.care.health is not None]
    if not asked:
        return None
    carrier = _carrier(base, upstream)
    return Prober(carrier, circuits, providers=asked, count=count, record=record, now=time.monotonic)


def frame_of(base: Base, upstream: Upstream, chooser: Chooser, drills: DrillRoom, *, circuits: Circuits) -> Frame:
    """Return what tries candidates."""

    def window(one: Candidate) -> int | None:
        return chooser.table().models.of(one.provider.name, one.model).context_window

    asker = Asker(
        upstream,
        circuits,
        world=World(time.monotonic),
        windows=window,
        note=note_of(base, chooser.measures),
        measuring=Measuring(chooser.measures, base.clock.now_us),
        drills=drills,
    )
    return Frame(asker, Cache(time.monotonic), policy=lambda: base.rules.snapshot.digest)


def models_gate(
    base: Base,
    guard: Guard,
    holds: Holds,
    chooser: Chooser,
    upstream: HttpUpstream,
    *,
    till: Till,
    drills: DrillRoom,
    circuits: Circuits,
) -> ModelsGate:
    """Return the gate that agents have as their model provider."""
    models = base.settings.models
    means = Means(
        guard=guard,
        approvals=base.approvals,
        holds=holds,
        clock=base.clock,
        hold_s=models.hold_s,
        max_answer_bytes=MAX_ANSWER_BYTES,
        continues=models.on_refusal == "continue",
    )
    carrier = _carrier(base, upstream)
    frame = frame_of(base, carrier, chooser, drills, circuits=circuits)
    rules = base.rules
    router = Router(
        providers=chooser.providers,
        upstream=carrier,
        chooser=chooser,
        frame=frame,
        detector=lambda: rules.snapshot.catalogue.credentials,
        note=note_of(base, chooser.measures),
    )
    catalogue = Catalogue(
        providers=chooser.providers, upstream=carrier, aliases=lambda: named_by(chooser.table().rules)
    )
    return ModelsGate(
        means=means,
        doorkeeper=base.doorkeeper,
        router=router,
        plain=_plain_calls(base, router, catalogue, till),
        till=till,
        sequencer=base.installation.writer,
        clock=base.clock,
        issuer_of=base.installation.tokens.issuer_of,
        seeing=Seeing(base.telemetry, _hiding(base) if base.settings.telemetry.content else None),
        max_body_bytes=models.max_body_mib << 20,
    )


def _plain_calls(base: Base, router: Router, catalogue: Catalogue, till: Till) -> PlainCalls:
    """Return what answers calls that bring no tool call: lists of models, counts, embeddings, images."""
    return PlainCalls(
        router=router,
        till=till,
        catalogue=catalogue,
        sequencer=base.installation.writer,
        issuer_of=base.installation.tokens.issuer_of,
        answered=base.telemetry.answered,
        max_body_bytes=base.settings.models.max_body_mib << 20,
        max_answer_bytes=MAX_ANSWER_BYTES,
    )


def _hiding(base: Base) -> Hide:
    """Return what takes credentials out of texts, by the policies in force."""

    def hide(text: str) -> str:
        found = masked(text.encode("utf-8", "surrogateescape"), base.rules.snapshot.catalogue.credentials)
        return found.decode("utf-8", "replace")

    return hide


def aws_door(base: Base) -> AwsDoor:
    """Return the way of requests to AWS; what it needs is loaded only where a target is AWS."""
    server, rules = base.settings.server, base.rules
    if any(target.spec.kind is TargetKind.AWS for target in base.targets.values()):
        endpoints.preload()
    return AwsDoor(
        doorkeeper=base.doorkeeper,
        keys=base.access_keys,
        clock=base.clock,
        table=lambda: rules().catalogue.apis.get("aws"),
        hosts=(host_port(server.listen)[0], *server.allowed_hosts),
    )


def infra_gate(base: Base, guard: Guard, upstream: HttpUpstream, aws: AwsDoor) -> InfraGate:
    """Return the gate to infrastructure APIs."""
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


def hooks_gate(base: Base, guard: Guard) -> HooksGate:
    """Return the gate that agents' hooks and frameworks ask."""
    return HooksGate(
        guard=guard,
        approvals=base.approvals,
        doorkeeper=base.doorkeeper,
        sequencer=base.installation.writer,
        clock=base.clock,
        hold_s=base.settings.hooks.hold_s,
        max_body_bytes=base.settings.models.max_body_mib << 20,
    )


def form_runner(base: Base, forms: Forms, guard: Guard, infra: InfraGate) -> FormRunner:
    """Return what runs forms of held requests for approvers."""
    return FormRunner(
        forms=forms,
        approvals=base.approvals,
        tokens=base.tokens,
        guard=guard,
        courier=infra.courier,
        targets=base.targets,
    )
