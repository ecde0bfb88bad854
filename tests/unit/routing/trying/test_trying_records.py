"""What the log gets of attempts and circuits: names sealed, the rest numbers, enums and pseudonyms."""

import asyncio
import hashlib

from firewall.core.breaker import Cause, Closed, Opened
from firewall.core.dialect import Dialect
from firewall.core.work import Committed, Outcome, Unit
from firewall.routing.call import Attempt, Plan
from firewall.routing.trying.circuits import Circuit
from firewall.routing.trying.probing import Probed
from firewall.routing.trying.records import Recorder
from firewall.routing.trying.run import Run
from tests.support.trying import call_of, candidate_at


class Noting:
    """A sequencer that keeps what it is given."""

    is_open = True

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.came = asyncio.Event()

    async def submit(self, unit: Unit) -> Outcome:
        """Keep a unit."""
        self.units.append(unit)
        self.came.set()
        return Committed((1,))

    def pseudonym(self, name: str) -> str:
        """Return something that does not hold the name."""
        return "prn_" + hashlib.sha256(name.encode()).hexdigest()[:12]


async def written(noting: Noting) -> Unit:
    """Return the one unit that was posted, once it was taken."""
    await asyncio.wait_for(noting.came.wait(), 30)
    [unit] = noting.units
    return unit


async def test_an_attempt_is_recorded_without_names() -> None:
    """Which request, the how-manieth, what came of it and how long it took; provider and model are sealed."""
    noting = Noting()
    candidate = candidate_at("http://127.0.0.1:1", "acme", Dialect.ANTHROPIC, model="secret-model")
    run = Run(call_of(Dialect.ANTHROPIC), Plan("coder", (candidate,)), 41)
    one = Attempt(candidate, "timeout", 200, 1234, may_cost=True)
    run.tried.append(one)
    Recorder(noting).attempted(run, one)
    [record] = (await written(noting)).records
    assert record.kind == "model.attempted"
    assert {name: record.data[name] for name in ("request", "attempt", "outcome", "status", "took_ms")} == {
        "request": 41,
        "attempt": 1,
        "outcome": "timeout",
        "status": 200,
        "took_ms": 1234,
    }
    assert not any("acme" in str(value) or "secret-model" in str(value) for value in record.data.values())
    assert record.private == {"provider": "acme", "model": "secret-model", "route": "coder"}
    assert (record.person, record.principal) == ("alice", "alice/claude")


async def test_a_circuit_is_recorded_when_it_opens_and_when_it_closes() -> None:
    """With its cause, and with how long it was open."""
    circuit = Circuit("acme", "m-1", "0a1b2c3d")
    for change, kind, name, value in (
        (Opened(Cause.LATENCY, 12.0), "breaker.opened", "cause", "latency"),
        (Closed(2.5), "breaker.closed", "after_ms", 2500),
    ):
        noting = Noting()
        Recorder(noting).changed(circuit, change)
        [record] = (await written(noting)).records
        assert (record.kind, record.data[name]) == (kind, value)
        assert record.private == {"provider": "acme", "model": "m-1", "key": "0a1b2c3d"}
        assert "acme" not in str(record.data)


async def test_what_a_provider_says_of_itself_is_recorded_without_its_name() -> None:
    """Outcome, status and time; the name is sealed."""
    noting = Noting()
    Recorder(noting).probed("acme", Probed("server_error", 503, 12))
    [record] = (await written(noting)).records
    assert record.kind == "breaker.probed"
    assert {name: record.data[name] for name in ("outcome", "status", "took_ms")} == {
        "outcome": "server_error",
        "status": 503,
        "took_ms": 12,
    }
    assert "acme" not in str(record.data)
    assert record.private == {"provider": "acme"}
