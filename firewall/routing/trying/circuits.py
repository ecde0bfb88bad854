"""Circuits by provider, model and key: who is asked at present, and who is left alone.

State of one process. What changes is told once, in order, to whoever records it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from firewall.core.breaker import Breaker, Change, Rule, State, Ticket
from firewall.routing.call import Candidate

MOST = 4096
"""Circuits that are remembered; models' names can be anything that a grant permits."""
_ROOM = MOST // 8
"""Circuits that are forgotten at once, so that the worth of all is looked at rarely."""
LONGEST_REST_S = 60.0
"""A provider's Retry-After is believed up to here for those who come later."""

DRILLED = "drill:"
"""Before the name of a provider that fails on purpose: its circuits are nobody's news."""


class Circuit(NamedTuple):
    """Whose circuit it is."""

    provider: str
    model: str
    key: str
    """Fingerprint of the key, or `client`: the callers' own."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A circuit as it stands now."""

    circuit: Circuit
    state: State
    wait_s: float
    until: float = 0.0
    """The end of its cooldown by the clock of the circuits."""
    trips: int = 0
    """How often it opened since it was closed."""
    is_probing: bool = False


class Elsewhere(Protocol):
    """What is known of circuits beyond this process; nothing here waits."""

    def may_probe(self, circuit: Circuit, *, is_time: bool) -> bool:
        """A request wants to ask whose circuit is not closed; `is_time`: tell whether it may be the probe."""
        ...

    def changed(self, circuit: Circuit, change: Change, *, is_real: bool) -> None:
        """A circuit opened or closed here; `is_real`: a route names it, or it has answered."""
        ...


class Nowhere:
    """There are no other processes."""

    def may_probe(self, circuit: Circuit, *, is_time: bool) -> bool:
        """Let this process probe."""
        del circuit, is_time
        return True

    def changed(self, circuit: Circuit, change: Change, *, is_real: bool) -> None:
        """Tell nobody."""


Tell = Callable[[Circuit, Change], None]
Names = Callable[[], Collection[str]]
"""`provider/model` of all that the routes in force name."""


def untold(circuit: Circuit, change: Change) -> None:
    """Tell nobody."""


def no_names() -> Collection[str]:
    """Know no route."""
    return ()


class Leave(NamedTuple):
    """Leave to ask a candidate once."""

    breaker: Breaker
    circuit: Circuit
    ticket: Ticket


class Circuits:
    """All circuits; `now` is a clock in seconds that never runs backwards.

    INVARIANT: whoever makes up names of models makes this forget other made-up names before anything real.
    """

    def __init__(self, now: Callable[[], float], tell: Tell = untold, *, names: Names = no_names) -> None:
        self._now = now
        self._tell = tell
        self._names = names
        self._elsewhere: Elsewhere = Nowhere()
        self._breakers: dict[Circuit, Breaker] = {}
        self._leaves: dict[tuple[str, str, str], Leave] = {}
        """Of closed circuits, which all who ask share; good as long as nothing opens."""
        self._rests: dict[str, float] = {}

    def admit(self, candidate: Candidate, key: str) -> Leave | None:
        """Return leave to ask, or None while the circuit is open."""
        named = (candidate.provider.name, candidate.model, key)
        kept = self._leaves.get(named)
        if kept is not None and kept.breaker.is_good(kept.ticket):
            return kept
        return self._admitted(Circuit(*named), candidate.provider.care.breaker)

    def _admitted(self, circuit: Circuit, rule: Rule) -> Leave | None:
        breaker = self._breakers.get(circuit)
        if breaker is None:
            breaker = self._made(circuit, rule)
        ticket = breaker.admit(self._now())
        if ticket is None or ticket.is_probe:
            ticket = self._probe(circuit, breaker, ticket)
        if ticket is None:
            return None
        leave = Leave(breaker, circuit, ticket)
        if not ticket.is_probe:
            self._leaves[circuit] = leave
        return leave

    def wait_s(self, candidate: Candidate, key: str) -> float:
        """Return how long a candidate is left alone; 0: it may be asked, or is being probed."""
        breaker = self._breakers.get(Circuit(candidate.provider.name, candidate.model, key))
        return 0.0 if breaker is None else breaker.wait_s(self._now())

    def has_just_answered(self, candidate: Candidate, key: str) -> bool:
        """Tell whether a candidate that has failed now answered whoever was asked before."""
        breaker = self._breakers.get(Circuit(candidate.provider.name, candidate.model, key))
        return breaker is not None and breaker.is_hiccup

    def answered(self, leave: Leave, took_ms: float | None = None) -> None:
        """The provider answered; `took_ms` until the first word, or until the whole answer was there."""
        self._changed(leave, leave.breaker.succeeded(leave.ticket, self._now(), took_ms))

    def failed(self, leave: Leave, rest_s: float = 0.0) -> None:
        """The provider failed, and asked to be left alone so long."""
        self._changed(leave, leave.breaker.failed(leave.ticket, self._now(), rest_s=rest_s))

    def abandoned(self, leave: Leave) -> None:
        """Nobody waited for the answer."""
        leave.breaker.abandoned(leave.ticket)

    def rest(self, candidate: Candidate, seconds: float) -> None:
        """A candidate asked to be left alone: others come first until then. Never shortened; of MOST at once."""
        now = self._now()
        until = now + min(seconds, LONGEST_REST_S)
        if len(self._rests) >= MOST:
            self._rests = {name: at for name, at in self._rests.items() if at > now}
        if len(self._rests) >= MOST and candidate.name not in self._rests:
            return
        self._rests[candidate.name] = max(self._rests.get(candidate.name, 0.0), until)

    @property
    def resting(self) -> int:
        """How many candidates are remembered to rest."""
        return len(self._rests)

    def in_order(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Return candidates with those last that asked to be left alone."""
        if not self._rests or len(candidates) < 2:
            return candidates
        now = self._now()
        return tuple(sorted(candidates, key=lambda one: self._rests.get(one.name, 0.0) > now))

    def listing(self) -> list[Standing]:
        """Return every circuit that is known, as it stands; none of a drill's."""
        now = self._now()
        return [
            self._standing(one, breaker, now)
            for one, breaker in self._breakers.items()
            if not one.provider.startswith(DRILLED)
        ]

    def share(self, elsewhere: Elsewhere) -> None:
        """Tell others what happens here, and ask them who probes."""
        self._elsewhere = elsewhere

    def standing(self, circuit: Circuit) -> Standing | None:
        """Return a circuit as it stands now, None where nothing is known of it."""
        breaker = self._breakers.get(circuit)
        return None if breaker is None else self._standing(circuit, breaker, self._now())

    def knows(self, circuit: Circuit) -> bool:
        """Tell whether a call has met a circuit here, or a route in force names it."""
        return circuit in self._breakers or f"{circuit.provider}/{circuit.model}" in self._names()

    def joined(self, circuit: Circuit, rule: Rule, until: float, trips: int) -> None:
        """Somebody else leaves a provider alone until then, by the clock of these circuits."""
        breaker = self._breakers.get(circuit)
        if breaker is None:
            breaker = self._made(circuit, rule)
        change = breaker.join(self._now(), until, trips)
        if change is not None:
            self._tell(circuit, change)

    def freed(self, circuit: Circuit) -> bool:
        """Somebody else's probe was answered; tell whether this circuit is closed now."""
        breaker = self._breakers.get(circuit)
        if breaker is None:
            return True
        change = breaker.release(self._now())
        if change is not None:
            self._tell(circuit, change)
        return breaker.state(self._now()) is State.CLOSED

    def _probe(self, circuit: Circuit, breaker: Breaker, ticket: Ticket | None) -> Ticket | None:
        """Return a probe's ticket if this process is the one of all that may probe."""
        if self._elsewhere.may_probe(circuit, is_time=ticket is not None) or ticket is None:
            return ticket
        breaker.abandoned(ticket)
        return None

    def _standing(self, one: Circuit, breaker: Breaker, now: float) -> Standing:
        state, wait_s = breaker.state(now), breaker.wait_s(now)
        return Standing(one, state, wait_s, breaker.until, breaker.trips, breaker.is_probing)

    def _is_real(self, circuit: Circuit, breaker: Breaker) -> bool:
        return breaker.has_answered or f"{circuit.provider}/{circuit.model}" in self._names()

    def _made(self, circuit: Circuit, rule: Rule) -> Breaker:
        if len(self._breakers) >= MOST:
            self._make_room()
        found = self._breakers[circuit] = Breaker(rule)
        return found

    def _make_room(self) -> None:
        """Forget what is worth least: what no route names, never answered, is closed, and was not used lately."""
        now, names = self._now(), self._names()

        def worth(known: tuple[Circuit, Breaker]) -> tuple[bool, bool, bool, float]:
            one, breaker = known
            is_shut = breaker.state(now) is not State.CLOSED
            return f"{one.provider}/{one.model}" in names, breaker.has_answered, is_shut, breaker.used_at

        for one, _ in sorted(self._breakers.items(), key=worth)[:_ROOM]:
            del self._breakers[one]
            self._leaves.pop(one, None)

    def _changed(self, leave: Leave, change: Change | None) -> None:
        if change is not None and not leave.circuit.provider.startswith(DRILLED):
            self._tell(leave.circuit, change)
            is_real = self._is_real(leave.circuit, leave.breaker)
            self._elsewhere.changed(leave.circuit, change, is_real=is_real)
