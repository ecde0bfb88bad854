"""A circuit breaker: whether a provider may be asked, from how it answered lately. Pure: time is an argument.

Closed: everybody may ask, and outcomes of the last window count. Open: nobody may, until a cooldown is over.
Half-open: one probe at a time; its answer closes the circuit, its failure opens it for longer.

INVARIANT: while it is open the end of the cooldown only ever moves later.
INVARIANT: half-open, at most one probe is out; what was asked before the circuit opened decides nothing any more.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.fast_init import fast_init, maker

_SAMPLES = 1024
"""Outcomes that a window remembers; of a busier one, the newest."""
_GROWTH_LIMIT = 16


class State(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Cause(StrEnum):
    """Why a circuit opened."""

    ERRORS = "errors"
    LATENCY = "latency"
    PROBE = "probe"
    SHARED = "shared"
    """Another process found it failing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a circuit opens, and for how long."""

    error_percent: int = 50
    """Opens at this share of failures in the window."""
    slow_ms: int = 0
    """Opens when the 95th percentile of the window's answers took longer; 0: never for that."""
    window_s: float = 30.0
    least: int = 5
    """Outcomes that a window must hold before it can open anything."""
    cooldown_s: float = 5.0
    """How long it stays open the first time; doubled by every probe that fails."""
    cooldown_cap_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to ask once; hand it back with the outcome."""

    generation: int
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """The circuit has just opened."""

    cause: Cause
    until: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The circuit has just closed."""

    after_s: float
    """Since it opened first."""


Change = Opened | Closed


@fast_init
@dataclass(frozen=True, slots=True)
class _Outcome:
    at: float
    is_failure: bool
    is_slow: bool


_outcome = maker(_Outcome)


class Breaker:
    """One circuit; instants are seconds of any one clock that never runs backwards."""

    __slots__ = (
        "_failed",
        "_generation",
        "_outcomes",
        "_probing",
        "_rule",
        "_since",
        "_slow",
        "_ticket",
        "_trips",
        "_until",
        "has_answered",
    )

    has_answered: bool
    """There was an answer, ever: whoever it belongs to is real."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.has_answered = False
        self._outcomes: deque[_Outcome] = deque()
        self._failed = 0
        self._slow = 0
        self._generation = 0
        self._ticket = Ticket(0)
        self._probing = False
        self._trips = 0
        self._since = 0.0
        self._until = 0.0

    def state(self, now: float) -> State:
        """Return where it stands."""
        if not self._trips:
            return State.CLOSED
        return State.OPEN if now < self._until else State.HALF_OPEN

    def wait_s(self, now: float) -> float:
        """Return how long nobody may ask; 0 when somebody may, or a probe is out."""
        return max(0.0, self._until - now) if self._trips else 0.0

    @property
    def used_at(self) -> float:
        """When something was last heard of it."""
        return max(self._outcomes[-1].at if self._outcomes else 0.0, self._since)

    @property
    def is_hiccup(self) -> bool:
        """The newest outcome of the window is a failure, and the one before it was none."""
        outcomes = self._outcomes
        return len(outcomes) > 1 and outcomes[-1].is_failure and not outcomes[-2].is_failure

    @property
    def until(self) -> float:
        """The end of the cooldown; in the past while it is half-open or closed."""
        return self._until

    @property
    def trips(self) -> int:
        """How often it opened since it was closed."""
        return self._trips

    @property
    def is_probing(self) -> bool:
        """A probe is out."""
        return self._probing

    def admit(self, now: float) -> Ticket | None:
        """Return leave to ask, or None. Every ticket is handed back by one of the three methods below."""
        if not self._trips:
            return self._ticket
        if now < self._until or self._probing:
            return None
        self._probing = True
        return Ticket(self._generation, is_probe=True)

    def is_good(self, ticket: Ticket) -> bool:
        """Tell whether `admit` would return just this ticket: the circuit is closed, and was ever since."""
        return ticket is self._ticket and not self._trips

    def succeeded(self, ticket: Ticket, now: float, took_ms: float | None = None) -> Change | None:
        """Take a ticket back: the provider answered. `took_ms` None: the answer says nothing about its speed."""
        if took_ms is not None:
            self.has_answered = True
        if ticket.generation != self._generation:
            return None
        if ticket.is_probe:
            return self._close(now)
        is_slow = bool(self._rule.slow_ms) and took_ms is not None and took_ms > self._rule.slow_ms
        return self._note(_outcome(now, is_failure=False, is_slow=is_slow))

    def failed(self, ticket: Ticket, now: float, *, rest_s: float = 0.0) -> Change | None:
        """Take a ticket back: the provider failed. `rest_s`: how long it asked to be left alone."""
        if ticket.generation != self._generation:
            if self._trips:
                self._until = max(self._until, now + rest_s)
            return None
        if ticket.is_probe:
            return self._open(now, Cause.PROBE, rest_s)
        return self._note(_Outcome(now, is_failure=True, is_slow=False), rest_s)

    def abandoned(self, ticket: Ticket) -> None:
        """Take a ticket back: nobody waited for the answer, so it says nothing."""
        if ticket.is_probe and ticket.generation == self._generation:
            self._probing = False

    def join(self, now: float, until: float, trips: int) -> Opened | None:
        """Leave the provider alone until then, as somebody else does who found it failing `trips` times in a row.

        INVARIANT: the end of the cooldown only ever moves later; what was asked before decides nothing any more.
        """
        was_closed = not self._trips
        if was_closed:
            self._since = now
        self._trips = max(self._trips, min(trips, _GROWTH_LIMIT), 1)
        self._until = max(self._until, until)
        self._renew()
        return Opened(Cause.SHARED, self._until) if was_closed else None

    def release(self, now: float) -> Closed | None:
        """Close as somebody else's probe was answered, unless the cooldown is not over yet."""
        return self._close(now) if self.state(now) is State.HALF_OPEN else None

    def _note(self, outcome: _Outcome, rest_s: float = 0.0) -> Change | None:
        self._outcomes.append(outcome)
        self._failed += outcome.is_failure
        self._slow += outcome.is_slow
        oldest = outcome.at - self._rule.window_s
        while self._outcomes[0].at < oldest or len(self._outcomes) > _SAMPLES:
            gone = self._outcomes.popleft()
            self._failed -= gone.is_failure
            self._slow -= gone.is_slow
        total = len(self._outcomes)
        if total < self._rule.least:
            return None
        if outcome.is_failure and self._failed * 100 >= self._rule.error_percent * total:
            return self._open(outcome.at, Cause.ERRORS, rest_s)
        if outcome.is_slow and self._slow * 20 > total:  # more than one of twenty: so is the 95th percentile
            return self._open(outcome.at, Cause.LATENCY, rest_s)
        return None

    def _open(self, now: float, cause: Cause, rest_s: float) -> Opened:
        if not self._trips:
            self._since = now
        grown = self._rule.cooldown_s * 2 ** min(self._trips, _GROWTH_LIMIT)
        cooldown = min(grown, max(self._rule.cooldown_s, self._rule.cooldown_cap_s))
        self._trips += 1
        self._until = max(self._until, now + max(cooldown, rest_s))
        self._renew()
        return Opened(cause, self._until)

    def _close(self, now: float) -> Closed:
        after_s = now - self._since
        self._trips = 0
        self._until = 0.0
        self._renew()
        return Closed(after_s)

    def _renew(self) -> None:
        self._generation += 1
        self._ticket = Ticket(self._generation)
        self._probing = False
        self._outcomes.clear()
        self._failed = self._slow = 0
