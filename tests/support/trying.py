"""Calls in all four dialects, and a router whose providers fail as they are told to, over real sockets."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from firewall.codecs.dialects import CODECS
from firewall.core.breaker import Rule
from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.core.terms import Care, QueueTerms, Terms
from firewall.routing.call import Attempt, Caller, Candidate, Heard, ModelCall, Plan, Routed
from firewall.routing.drills.faulty import Faulty, faulty_provider
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.port import Endpoint, Timeouts
from firewall.routing.providers import OwnLogin, Provider, Providers
from firewall.routing.router import Router
from firewall.routing.trying.asker import Asker
from firewall.routing.trying.cache import Cache
from firewall.routing.trying.circuits import Circuits
from firewall.routing.trying.frame import Frame
from firewall.routing.trying.run import Run, World
from firewall.routing.upstream import HttpUpstream

KEY = "sk-drill-canary-0123456789"
PATIENT = Care(Rule(least=1000))
"""A circuit that no test opens by chance."""
QUICK = Timeouts(connect_s=5, first_byte_s=0.3, idle_s=0.3, total_s=20)
DIALECTS = tuple(Dialect)
GRANT = Grant("staging", "alice", "claude", datetime(2026, 11, 21, tzinfo=UTC))


def body_of(dialect: Dialect, model: str, *, stream: bool, prefill: bool = False) -> dict[str, object]:
    """Return a request's body: one question, without tools."""
    turns: list[dict[str, object]] = [{"role": "user", "content": "Say something."}]
    if prefill:
        turns.append({"role": "assistant", "content": "Something"})
    match dialect:
        case Dialect.ANTHROPIC:
            return {"model": model, "max_tokens": 50, "messages": turns, "stream": stream}
        case Dialect.OPENAI_CHAT:
            return {"model": model, "messages": turns, "stream": stream}
        case Dialect.OPENAI_RESPONSES:
            return {"model": model, "input": turns, "stream": stream, "store": False}
        case Dialect.GEMINI:
            return {"contents": [{"role": "user", "parts": [{"text": "Say something."}]}]}


_PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
}


def call_of(
    dialect: Dialect,
    *,
    stream: bool = False,
    model: str = "m-1",
    token: str = "tok_1",  # noqa: S107 - an id, no secret
    own_login: OwnLogin | None = None,
    headers: dict[str, str] | None = None,
    extra: dict[str, object] | None = None,
) -> ModelCall:
    """Return a call as the gate makes it; `extra`: more fields of the body."""
    value = {**body_of(dialect, model, stream=stream), **(extra or {})}
    body = orjson.dumps(value)
    path, query = _PATHS.get(dialect, ""), ""
    if dialect is Dialect.GEMINI:
        path = f"/v1beta/models/{model}:{'streamGenerateContent' if stream else 'generateContent'}"
        query = "alt=sse" if stream else ""
    target = f"{path}?{query}" if query else path
    request = CODECS[dialect].read_request(body, value, {}, target)
    caller = Caller("alice/claude", (token,), GRANT)
    return ModelCall(
        dialect,
        request,
        value,
        path,
        query,
        ((b"content-type", b"application/json"),),
        headers or {},
        own_login,
        caller,
    )


def candidate_at(
    base_url: str,
    name: str,
    dialect: Dialect,
    *,
    model: str = "m-1",
    care: Care = PATIENT,
    timeouts: Timeouts = QUICK,
) -> Candidate:
    """Return a candidate at an address of one's own."""
    endpoint = Endpoint(name, base_url, private=True, timeouts=timeouts)
    return Candidate(Provider(name, dialect, endpoint, lambda: Secret(KEY), care=care), model)


@dataclass(slots=True)
class Tried:
    """What came of a call."""

    status: int
    body: bytes
    heard: Heard
    error: UpstreamError | None = None
    """What broke the answer off after it had begun."""

    @property
    def outcomes(self) -> list[str]:
        """Each attempt as `provider:outcome`."""
        return [f"{one.candidate.provider.name}:{one.outcome}" for one in self.heard.tried]


@dataclass(slots=True)
class House:
    """A router over providers at one faulty server."""

    faulty: Faulty
    frame: Frame
    circuits: Circuits
    router: Router
    noted: list[Attempt] = field(default_factory=list)
    timeouts: Timeouts = QUICK

    def candidate(
        self,
        name: str,
        scenario: Scenario,
        dialect: Dialect,
        *,
        model: str = "m-1",
        care: Care = PATIENT,
        key: Callable[[], Secret] | None = lambda: Secret(KEY),
    ) -> Candidate:
        """Return a candidate that fails like that."""
        endpoint = Endpoint(
            name, self.faulty.base_url(name, scenario, dialect), private=True, timeouts=self.timeouts
        )
        return Candidate(Provider(name, dialect, endpoint, key, care=care), model)

    def plan(self, dialect: Dialect, *scenarios: Scenario, terms: Terms | None = None) -> Plan:
        """Return a plan whose candidates `p0`, `p1`, … fail like that."""
        found = tuple(self.candidate(f"p{at}", one, dialect) for at, one in enumerate(scenarios))
        return Plan("drill", found, terms=terms or Terms())

    async def ask(self, call: ModelCall, plan: Plan) -> Tried:
        """Ask, and read the answer to its end. Raises: UnansweredError."""
        async with await self.router.open(call, plan, entry=7) as answer:
            return await read(answer)


async def read(answer: Routed) -> Tried:
    """Read an answer to its end, or until it breaks off."""
    pieces: list[bytes] = []
    try:
        async for piece in answer.chunks():
            pieces.append(piece)  # noqa: PERF401 - what came before it broke off is kept
    except UpstreamError as error:
        return Tried(answer.status, b"".join(pieces), answer.heard, error)
    return Tried(answer.status, b"".join(pieces), answer.heard)


@asynccontextmanager
async def house_of(
    world: World, *, windows: dict[str, int] | None = None, timeouts: Timeouts = QUICK
) -> AsyncIterator[House]:
    """Open a house; `windows`: context windows by candidate."""
    upstream = HttpUpstream()
    noted: list[Attempt] = []

    def note(run: Run, one: Attempt) -> None:
        assert run.entry == 7
        noted.append(one)

    circuits = Circuits(world.now)
    asker = Asker(upstream, circuits, world=world, windows=lambda one: (windows or {}).get(one.name), note=note)
    frame = Frame(asker, Cache(world.now))
    router = Router(providers=Providers(()), upstream=upstream, frame=frame)
    async with faulty_provider(keep_seen=True) as faulty:
        try:
            yield House(faulty, frame, circuits, router, noted, timeouts)
        finally:
            await upstream.close()


def queued(concurrent: int, *, waiting: int = 100, wait_s: float = 30.0) -> Care:
    """Return the care of a provider that takes only so many at once."""
    return Care(Rule(least=1000), QueueTerms(concurrent, waiting, wait_s))


def names(candidates: Sequence[Candidate]) -> list[str]:
    """Return `provider/model` of each."""
    return [one.name for one in candidates]
