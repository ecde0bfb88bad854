"""Circuits by provider, model and key: who is asked at present, and who is left alone.

State of one process. What changes is told once, in order, to whoever records it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from firewall.core.breaker import Breaker, Change, State, Ticket
from firewall.core.fast_init import fast_init
from firewall.routing.call import Candidate

MOST = 4096
"""Circuits that are remembered; models' names can be anything that a grant permits."""
_ROOM = MOST // 8
"""Circuits that are forgotten at once, so that the worth of all is looked at rarely."""
LONGEST_REST_S = 60.0
"""A provider's Retry-After is believed up to here for those who come later."""

DRILLED = "drill:"
"""Before the name of a provider that fails on purpose: its circuits are nobody's news."""


@fast_init
@dataclass(frozen=True, slots=True)
class Circuit:
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


Tell = Callable[[Circuit, Change], None]
Names = Callable[[], Collection[str]]
"""`provider/model` of all that the routes in force name."""


def untold(circuit: Circuit, change: Change) -> None:
    """Tell nobody."""


def no_names() -> Collection[str]:
    """Know no route."""
    return ()


@dataclass(slots=True)
class Leave:
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
        self._breakers: dict[Circuit, Breaker] = {}
        self._rests: dict[str, float] = {}

    def admit(self, candidate: Candidate, key: str) -> Leave | None:
        """Return leave to ask, or None while the circuit is open."""
        circuit = Circuit(candidate.provider.name, candidate.model, key)
        breaker = self._breakers.get(circuit)
        if breaker is None:
            breaker = self._made(circuit, candidate)
        ticket = breaker.admit(self._now())
        return None if ticket is None else Leave(breaker, circuit, ticket)

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
            Standing(one, breaker.state(now), breaker.wait_s(now))
            for one, breaker in self._breakers.items()
            if not one.provider.startswith(DRILLED)
        ]

    def _made(self, circuit: Circuit, candidate: Candidate) -> Breaker:
        if len(self._breakers) >= MOST:
            self._make_room()
        found = self._breakers[circuit] = Breaker(candidate.provider.care.breaker)
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

    def _changed(self, leave: Leave, change: Change | None) -> None:
        if change is not None and not leave.circuit.provider.startswith(DRILLED):
            self._tell(leave.circuit, change)
