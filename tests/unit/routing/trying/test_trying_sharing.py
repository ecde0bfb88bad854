"""Several processes that share circuits through one store: who waits, who probes, and what a store cannot do."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.breaker import Cause, Change, Closed, Opened, Rule, State
from firewall.core.sharing import Named, Told, Why
from firewall.core.terms import Care
from firewall.routing.call import Candidate
from firewall.routing.providers import Provider
from firewall.routing.trying.circuits import Circuit, Circuits, Leave
from firewall.routing.trying.sharing import FRESH_S, Sharing, mark_of
from tests.support.choosing import provider
from tests.support.shared_circuits import MemoryCircuits

RULE = Rule(least=2, cooldown_s=5, cooldown_cap_s=60)
PRIMARY = replace(provider("primary"), care=Care(RULE))
REAL = Candidate(PRIMARY, "m-1")
CIRCUIT = Circuit("primary", "m-1", "k")


@dataclass(slots=True)
class Clock:
    """Seconds, as the test wants them."""

    at: float = 1000.0
    """Now."""

    def __call__(self) -> float:
        """Return now."""
        return self.at


@dataclass(slots=True)
class Process:
    """One Stayhand, as far as circuits go."""

    circuits: Circuits
    sharing: Sharing
    changes: list[Change] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """Where the circuit of all these tests stands here."""
        found = self.circuits.standing(CIRCUIT)
        return None if found is None else found.state

    def leave(self, candidate: Candidate = REAL) -> Leave | None:
        """Ask for leave as a request does."""
        return self.circuits.admit(candidate, "k")

    def fails(self, times: int = 2, *, rest_s: float = 0.0, candidate: Candidate = REAL) -> None:
        """Ask a provider that fails."""
        for _ in range(times):
            leave = self.leave(candidate)
            assert leave is not None
            self.circuits.failed(leave, rest_s)

    async def probes(self) -> Leave | None:
        """Ask, let the right be taken, ask again."""
        first = self.leave()
        await self.sharing.exchange()
        return first or self.leave()


@dataclass(slots=True)
class House:
    """Processes, their store and their time."""

    clock: Clock
    store: MemoryCircuits

    def process(self, *providers: Provider) -> Process:
        """Start one more process."""
        changes: list[Change] = []
        names = frozenset({REAL.name})
        circuits = Circuits(self.clock, lambda _, change: changes.append(change), names=lambda: names)
        sharing = Sharing(circuits, self.store, providers=providers or (PRIMARY,), now=self.clock)
        return Process(circuits, sharing, changes)

    async def two(self) -> tuple[Process, Process]:
        """Start two that have heard each other's silence."""
        one, two = self.process(), self.process()
        assert await one.sharing.exchange()
        assert await two.sharing.exchange()
        return one, two


@pytest.fixture
def house() -> House:
    """A store, and no process yet."""
    clock = Clock()
    return House(clock, MemoryCircuits(clock))


async def exchanged(*processes: Process) -> None:
    """Let each tell and hear once, in this order."""
    for one in processes:
        assert await one.sharing.exchange()


async def later(house: House, seconds: float, *processes: Process) -> None:
    """Let time pass, and each hear that it did."""
    house.clock.at += seconds
    await exchanged(*processes)


async def test_what_opens_in_one_is_open_in_the_other(house: House) -> None:
    """Before the other has asked anybody: it leaves the provider alone as long, and its log says why."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    assert (two.state, two.leave()) == (State.OPEN, None)
    assert two.circuits.wait_s(REAL, "k") == pytest.approx(5.0, abs=0.1)
    [change] = two.changes
    assert isinstance(change, Opened)
    assert change.cause is Cause.SHARED
    assert len(one.changes) == 1


async def test_of_two_one_probes_and_its_answer_closes_both(house: House) -> None:
    """Half-open in both: one request of all goes out, and what it hears holds for all."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    assert (one.state, two.state) == (State.HALF_OPEN, State.HALF_OPEN)
    probe = await one.probes()
    assert probe is not None
    assert probe.ticket.is_probe
    assert [await two.probes(), one.leave(), await two.probes()] == [None, None, None]
    one.circuits.answered(probe, 5.0)
    assert one.state is State.CLOSED
    await exchanged(one, two)
    assert two.state is State.CLOSED
    assert isinstance(two.changes[-1], Closed)
    assert two.leave() is not None


async def test_a_failed_probe_keeps_all_away_for_longer(house: House) -> None:
    """The cooldown grows for all by the failures of all."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    probe = await two.probes()
    assert probe is not None
    two.circuits.failed(probe)
    await exchanged(two, one)
    assert (one.state, two.state) == (State.OPEN, State.OPEN)
    assert one.circuits.wait_s(REAL, "k") == pytest.approx(10.0, abs=0.1)
    await later(house, 10.5, one, two)
    probe = await one.probes()
    assert probe is not None
    one.circuits.failed(probe)
    await exchanged(one, two)
    assert two.circuits.wait_s(REAL, "k") == pytest.approx(20.0, abs=0.1)


async def test_a_probe_that_is_gone_with_its_process_is_replaced(house: House) -> None:
    """The right ends by itself, soon: whoever died with it blocks nobody."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    assert await one.probes() is not None  # and is never heard of again
    assert await two.probes() is None
    await later(house, 10.1, two)
    assert await two.probes() is not None


async def test_a_long_probe_keeps_its_right(house: House) -> None:
    """As long as its process lives."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    assert await one.probes() is not None
    for _ in range(10):
        await later(house, 4, one, two)
        assert await two.probes() is None


async def test_a_right_that_nobody_wants_is_given_back(house: House) -> None:
    """A process without requests keeps no other from probing."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    assert one.leave() is None
    await exchanged(one)
    await later(house, 2.1, one, two)
    assert await two.probes() is not None


async def test_an_abandoned_probe_leaves_the_right_for_the_next(house: House) -> None:
    """A client that left says nothing about the provider."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    await later(house, 6, one, two)
    probe = await one.probes()
    assert probe is not None
    one.circuits.abandoned(probe)
    again = one.leave()
    assert again is not None
    assert await two.probes() is None


@pytest.mark.parametrize("why", Why)
async def test_while_the_store_is_away_each_decides_for_itself(house: House, why: Why) -> None:
    """Nothing waits and nothing is refused for it; it is said, and what was meant is told when it is back."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    house.store.why_away = why
    assert not await one.sharing.exchange()
    assert (one.sharing.link.is_up, one.sharing.link.why, one.sharing.link.failures) == (False, why, {why: 1})
    house.clock.at += 6
    assert one.leave() is not None  # each its own probe: nobody can be asked who else does
    assert two.leave() is not None
    third = house.process()
    third.fails()
    assert not await third.sharing.exchange()
    assert third.state is State.OPEN
    house.store.why_away = None
    fourth = house.process()
    await exchanged(third, fourth)
    assert fourth.state is State.OPEN
    assert third.sharing.link.is_up


async def test_what_was_heard_long_ago_decides_nothing(house: House) -> None:
    """A store that hangs does not even have to fail before requests stop heeding it."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    house.clock.at += 6
    await exchanged(two)
    assert two.leave() is None  # fresh: somebody may be probing
    house.clock.at += FRESH_S + 0.1
    assert two.leave() is not None


async def test_a_store_that_lost_everything_is_told_anew(house: House) -> None:
    """Restarted and empty: whoever still waits tells it again, and nothing closes by it."""
    one, two = await house.two()
    one.fails(rest_s=40)
    await exchanged(one, two)
    house.store.kept.clear()
    await exchanged(one, one)
    late = house.process()
    await exchanged(late)
    assert (one.state, late.state) == (State.OPEN, State.OPEN)
    assert late.circuits.wait_s(REAL, "k") == pytest.approx(40.0, abs=0.1)


async def test_half_open_and_no_longer_told_of_is_its_own_affair(house: House) -> None:
    """Whoever was away while others forgot the circuit probes for itself and opens it for nobody."""
    one, two = await house.two()
    one.fails()
    await exchanged(one, two)
    house.clock.at += 700
    await exchanged(one, two)
    assert one.leave() is not None
    await exchanged(one)
    assert house.store.kept == {}


async def test_a_longer_wait_that_comes_later_is_told(house: House) -> None:
    """A provider that asks for more rest while its circuit is open gets it from all."""
    one, two = await house.two()
    late = one.leave()
    assert late is not None
    one.fails()
    await exchanged(one, two)
    one.circuits.failed(late, 50)
    await exchanged(one, two)
    assert two.circuits.wait_s(REAL, "k") == pytest.approx(50.0, abs=0.1)


async def test_what_is_not_shared_stays_here(house: House) -> None:
    """Providers that are not shared, names too long to tell, and all but a few that nobody knows."""
    one, two = await house.two()
    one.fails(candidate=Candidate(provider("other"), "m-1"))
    one.fails(candidate=Candidate(PRIMARY, "m" * 257))
    one.fails(candidate=Candidate(PRIMARY, "m\n"))
    await exchanged(one)
    assert house.store.kept == {}
    for number in range(400):
        one.fails(candidate=Candidate(PRIMARY, f"made-up-{number}"))
    one.fails()
    await exchanged(one, two)
    assert len(house.store.kept) == 257
    assert two.state is State.OPEN


async def test_one_name_at_two_addresses_is_two(house: House) -> None:
    """Two installations that mean different providers by one name do not stop each other."""
    elsewhere = replace(PRIMARY, endpoint=replace(PRIMARY.endpoint, base_url="https://elsewhere.example.com"))
    one, two = house.process(), house.process(elsewhere)
    one.fails()
    await exchanged(one, two)
    assert two.state is None


def lied(**changes: object) -> Told:
    """Return what a liar tells of the circuit."""
    plain = Told(mark_of(PRIMARY, CIRCUIT), Named("primary", "m-1", "k"), "1" * 32, 1, 1000)
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of its own, by name


@dataclass(slots=True)
class Liar(MemoryCircuits):
    """A store that says what it likes."""

    lies: tuple[Told, ...] = ()

    async def look(self) -> tuple[Told, ...]:
        """Lie."""
        return self.lies


async def test_made_up_circuits_that_are_heard_do_not_fill_the_log(house: House) -> None:
    """Each is an entry for ever: of those that only others know few are heard, and the real one always."""
    store = Liar(house.clock)
    one = replace(house, store=store).process()
    for turn in range(8):
        made_up = [Circuit("primary", f"made-up-{turn}-{number}", "k") for number in range(200)]
        told = [lied(mark=mark_of(PRIMARY, it), named=Named(*it), epoch=f"{turn:032x}") for it in made_up]
        store.lies = (*told, lied(epoch=f"{turn + 1:032x}"))
        await later(house, 2, one)
        assert one.state is State.OPEN
    assert sum(isinstance(change, Opened) for change in one.changes) <= 256 + 8


async def test_no_lie_makes_a_wait_shorter(house: House) -> None:
    """A new epoch with less to wait changes nothing here."""
    one, _ = await house.two()
    one.fails(rest_s=40)
    await exchanged(one)
    house.store.kept[mark_of(PRIMARY, CIRCUIT)].told = lied(epoch="2" * 32)
    house.store.kept[mark_of(PRIMARY, CIRCUIT)].until = house.clock.at + 1
    await later(house, 2, one)
    assert one.circuits.wait_s(REAL, "k") == pytest.approx(38.0, abs=0.1)


@pytest.mark.parametrize(
    ("lie", "most_s"),
    [
        (lied(wait_ms=86_400_000), 60.0),
        (lied(wait_ms=86_400_000, trips=32), 60.0),
        (lied(mark="f" * 32), 0.0),
        (lied(named=Named("primary", "m-2", "k")), 0.0),
        (lied(named=Named("nobody", "m-1", "k")), 0.0),
        (lied(is_closed=True), 0.0),
    ],
)
async def test_no_lie_keeps_a_provider_away_for_longer_than_its_settings(lie: Told, most_s: float) -> None:
    """What names another circuit, or nobody's, is not heard at all."""
    clock = Clock()
    house = House(clock, Liar(clock, lies=(lie,)))
    one = house.process()
    await exchanged(one)
    assert one.circuits.wait_s(REAL, "k") <= most_s
    clock.at += most_s
    assert one.state in (None, State.HALF_OPEN)


async def test_no_lie_ends_a_cooldown(house: House) -> None:
    """A store that says closed, with the right epoch, is believed once this process's own wait is over."""
    one, _ = await house.two()
    one.fails()
    await exchanged(one)
    [kept] = house.store.kept.values()
    kept.told = replace(kept.told, is_closed=True)
    await exchanged(one)
    assert one.state is State.OPEN
    house.clock.at += 5.1
    await exchanged(one)
    assert one.state is State.CLOSED


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["ask", "hear", "away", "back", "wait"]),
        st.booleans(),
        st.floats(0.01, 9.0),
    ),
    max_size=40,
)


@given(STEPS)
async def test_cooldowns_only_grow(steps: list[tuple[int, str, bool, float]]) -> None:
    """Whatever three processes and their store do: no wait becomes shorter while it lasts."""
    clock = Clock()
    house = House(clock, MemoryCircuits(clock))
    processes = [house.process() for _ in range(3)]
    until = [0.0, 0.0, 0.0]
    for who, what, is_well, seconds in steps:
        one = processes[who]
        if what == "ask" and (leave := one.leave()) is not None:
            if is_well:
                one.circuits.answered(leave, 1.0)
            else:
                one.circuits.failed(leave, seconds)
        elif what == "hear":
            await one.sharing.exchange()
        elif what in ("away", "back"):
            house.store.why_away = Why.TIMEOUT if what == "away" else None
        elif what == "wait":
            clock.at += seconds
        for at, each in enumerate(processes):
            found = each.circuits.standing(CIRCUIT)
            if found is not None:
                assert clock.at >= until[at] or found.until >= until[at]
                until[at] = found.until


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["ask", "well", "ill", "wait"])), max_size=60))
async def test_of_all_that_hear_each_other_one_probes(steps: list[tuple[int, str]]) -> None:
    """In whatever order three processes are asked, and however probes end: never are two out at once."""
    clock = Clock()
    house = House(clock, MemoryCircuits(clock))
    processes = [house.process() for _ in range(3)]
    await exchanged(*processes)
    processes[0].fails()
    await exchanged(*processes)
    await later(house, 5.5, *processes)
    out: list[tuple[Process, Leave]] = []
    for who, what in steps:
        one = processes[who]
        if what == "ask" and (leave := one.leave()) is not None and leave.ticket.is_probe:
            out.append((one, leave))
        elif what in ("well", "ill") and out:
            owner, probe = out.pop()
            owner.circuits.answered(probe, 1.0) if what == "well" else owner.circuits.failed(probe)
        elif what == "wait":
            clock.at += 0.9
        await exchanged(*processes)
        assert len(out) <= 1
