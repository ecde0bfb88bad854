"""The circuit breaker: when it opens, how long, who may probe, and what decides nothing any more."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.breaker import Breaker, Cause, Closed, Opened, Rule, State, Ticket

RULE = Rule(error_percent=50, window_s=10, least=4, cooldown_s=5, cooldown_cap_s=60)


def admitted(breaker: Breaker, now: float) -> Ticket:
    """Take a ticket that must be there."""
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def opened(rule: Rule = RULE, now: float = 0.0) -> Breaker:
    """Return a breaker that failures have opened."""
    breaker = Breaker(rule)
    for _ in range(rule.least):
        breaker.failed(admitted(breaker, now), now)
    assert breaker.state(now) is State.OPEN
    return breaker


def test_it_opens_at_the_share_of_failures_once_there_are_enough() -> None:
    """Two of four failures open a circuit of 50 percent; three failures alone are too few to say anything."""
    breaker = Breaker(RULE)
    assert breaker.failed(admitted(breaker, 0), 0) is None
    assert breaker.succeeded(admitted(breaker, 1), 1) is None
    assert breaker.succeeded(admitted(breaker, 1), 1) is None
    assert breaker.failed(admitted(breaker, 2), 2) == Opened(Cause.ERRORS, 7.0)
    assert (breaker.state(2), breaker.wait_s(3), breaker.admit(3)) == (State.OPEN, 4.0, None)
    few = Breaker(RULE)
    assert [few.failed(admitted(few, 0), 0) for _ in range(3)] == [None] * 3
    assert few.state(0) is State.CLOSED


def test_what_is_older_than_the_window_counts_no_more() -> None:
    """Failures of an earlier window open nothing."""
    breaker = Breaker(RULE)
    for now in (0, 0, 0, 20):
        assert breaker.failed(admitted(breaker, now), now) is None
    assert breaker.state(20) is State.CLOSED


def test_it_opens_when_the_slow_are_more_than_one_in_twenty() -> None:
    """The 95th percentile lies above the bound exactly when more than 5 percent of the window took longer."""
    breaker = Breaker(Rule(slow_ms=100, least=20, window_s=100, cooldown_s=5))
    for _ in range(19):
        breaker.succeeded(admitted(breaker, 0), 0, took_ms=100)
    assert breaker.succeeded(admitted(breaker, 0), 0, took_ms=101) is None
    assert breaker.succeeded(admitted(breaker, 1), 1, took_ms=101) == Opened(Cause.LATENCY, 6.0)


def test_an_answer_that_says_nothing_of_speed_is_not_slow() -> None:
    """A refusal of the caller's own making shows that the provider is there, and no more."""
    breaker = Breaker(Rule(slow_ms=1, least=1))
    assert breaker.succeeded(admitted(breaker, 0), 0) is None


def test_half_open_lets_one_probe_out_and_its_answer_closes() -> None:
    """After the cooldown one may ask; the others wait for what it hears."""
    breaker = opened()
    assert breaker.admit(4.9) is None
    probe = admitted(breaker, 5)
    assert (probe.is_probe, breaker.state(5), breaker.admit(5), breaker.wait_s(5)) == (
        True,
        State.HALF_OPEN,
        None,
        0,
    )
    assert breaker.succeeded(probe, 6) == Closed(6.0)
    assert (breaker.state(6), admitted(breaker, 6).is_probe) == (State.CLOSED, False)


def test_a_failed_probe_opens_for_twice_as_long_up_to_the_cap() -> None:
    """Cooldowns are 5, 10, 20, 40, 60, 60 seconds; a probe that succeeds begins anew."""
    breaker, now = opened(), 0.0
    for cooldown in (10, 20, 40, 60, 60):
        now += breaker.wait_s(now)
        assert breaker.failed(admitted(breaker, now), now) == Opened(Cause.PROBE, now + cooldown)
    now += breaker.wait_s(now)
    assert isinstance(breaker.succeeded(admitted(breaker, now), now), Closed)
    for _ in range(3):
        breaker.failed(admitted(breaker, now), now)
    assert breaker.failed(admitted(breaker, now), now) == Opened(Cause.ERRORS, now + 5)


def test_a_probe_that_nobody_waited_for_gives_its_place_back() -> None:
    """A client that leaves says nothing about the provider, and does not keep the circuit shut."""
    breaker = opened()
    breaker.abandoned(admitted(breaker, 5))
    assert admitted(breaker, 5).is_probe


def test_a_provider_that_asks_to_be_left_alone_is_left_alone() -> None:
    """Retry-After lengthens a cooldown, also when it comes with a request from before the circuit opened."""
    breaker = Breaker(RULE)
    early = admitted(breaker, 0)
    for _ in range(3):
        breaker.failed(admitted(breaker, 0), 0)
    assert breaker.failed(admitted(breaker, 0), 0, rest_s=30) == Opened(Cause.ERRORS, 30.0)
    breaker.failed(early, 1, rest_s=2)
    assert breaker.wait_s(1) == 29
    late = opened()
    late.failed(Ticket(0), 2, rest_s=20)
    assert late.wait_s(2) == 20


def test_what_was_asked_before_it_opened_decides_nothing() -> None:
    """An old answer neither closes an open circuit nor stands in for the probe."""
    breaker = Breaker(RULE)
    old = [admitted(breaker, 0) for _ in range(6)]
    for ticket in old[:4]:
        breaker.failed(ticket, 0)
    assert breaker.succeeded(old[4], 1) is None
    probe = admitted(breaker, 5)
    breaker.abandoned(old[5])
    assert breaker.admit(5) is None
    assert breaker.succeeded(probe, 5) == Closed(5.0)


class _Clocked:
    """A breaker that is played with, and what must always hold of it."""

    def __init__(self) -> None:
        self.breaker = Breaker(Rule(least=2, window_s=5, cooldown_s=3, cooldown_cap_s=20))
        self.now = 0.0
        self.out: list[Ticket] = []
        self.until = 0.0

    def play(self, move: str, amount: int) -> None:
        """Make one move."""
        if move == "wait":
            self.now += amount
        elif move == "ask":
            ticket = self.breaker.admit(self.now)
            if ticket is not None:
                self.out.append(ticket)
        elif self.out:
            ticket = self.out.pop(amount % len(self.out))
            if move == "fail":
                self.breaker.failed(ticket, self.now, rest_s=amount % 4)
            elif move == "succeed":
                self.breaker.succeeded(ticket, self.now)
            else:
                self.breaker.abandoned(ticket)

    def check(self) -> None:
        """Compare with the invariants."""
        until = self.now + self.breaker.wait_s(self.now)
        if self.breaker.state(self.now) is State.OPEN:
            assert until >= self.until
            assert self.breaker.admit(self.now) is None
            self.until = until
        else:
            self.until = 0.0
        generation = max((one.generation for one in self.out), default=0)
        assert sum(one.is_probe and one.generation == generation for one in self.out) <= 1


@given(st.lists(st.tuples(st.sampled_from(["wait", "ask", "fail", "succeed", "leave"]), st.integers(0, 6))))
def test_a_cooldown_is_never_shortened_and_one_probe_is_out_at_most(moves: list[tuple[str, int]]) -> None:
    """Whatever comes in whatever order: the end of a cooldown only moves later, and probes come one at a time."""
    played = _Clocked()
    for move, amount in moves:
        played.play(move, amount)
        played.check()


def test_joining_others_opens_and_never_shortens() -> None:
    """Somebody else's finding opens a closed circuit for as long, grows the next cooldown, and shortens none."""
    breaker = Breaker(RULE)
    asked_before = admitted(breaker, 0)
    assert breaker.join(1, 9.0, 2) == Opened(Cause.SHARED, 9.0)
    assert (breaker.join(2, 4.0, 1), breaker.until) == (None, 9.0)
    assert (breaker.join(3, 30.0, 1), breaker.until, breaker.trips) == (None, 30.0, 2)
    assert (breaker.succeeded(asked_before, 4, 1.0), breaker.state(5)) == (None, State.OPEN)
    assert breaker.release(29) is None
    probe = admitted(breaker, 31)
    assert breaker.failed(probe, 31) == Opened(Cause.PROBE, 31 + 20)
    assert breaker.release(60) == Closed(59.0)
    assert (breaker.release(60), breaker.state(60)) == (None, State.CLOSED)


def test_joining_while_a_probe_is_out_makes_it_decide_nothing() -> None:
    """Somebody opened it after the probe was sent."""
    breaker = opened()
    probe = admitted(breaker, 6)
    breaker.join(7, 20.0, 2)
    assert (breaker.succeeded(probe, 8, 1.0), breaker.state(8)) == (None, State.OPEN)
    assert admitted(breaker, 20).is_probe
