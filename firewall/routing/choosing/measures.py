"""How providers fare: what was measured of each candidate, and how much it has to do. Fed by who asks them.

Time comes as an argument, in microseconds. A measurement loses weight with age, so that who was slow once is tried
again (the peak-sensitive average of Finagle: a worse value counts at once, a better one by and by).
"""

import math
from dataclasses import dataclass, field

from firewall.core.fast_init import fast_init, maker
from firewall.routing.choosing.tally import Fared, Tally

DECAY_US = 60_000_000
"""After so long a measurement weighs a third."""
MOST = 4096
"""Candidates that are remembered; models' names can be anything that a grant permits."""


@fast_init
@dataclass(frozen=True, slots=True)
class Observed:
    """One attempt, once its first token came or could not come any more."""

    candidate: str
    """`provider/model`."""
    at_us: int
    first_token_us: int
    """From the request to the first token, or to all of an answer that is not streamed; of an attempt that failed,
    to the failure and never less than what is known already."""
    is_ok: bool = True


observed = maker(Observed)


@dataclass(slots=True)
class _Measured:
    first_token_us: float = 0.0
    at_us: int = 0
    busy: int = 0
    has_answered: bool = False
    tally: Tally = field(default_factory=Tally)


class Measures:
    """By candidate: how long its first token takes, and how many calls it has under way."""

    def __init__(self) -> None:
        self._by_name: dict[str, _Measured] = {}

    def began(self, candidate: str) -> None:
        """A request was sent."""
        self._of(candidate).busy += 1

    def ended(self, candidate: str) -> None:
        """Its answer is over, or never came."""
        found = self._by_name.get(candidate)
        if found is not None and found.busy:
            found.busy -= 1

    def observe(self, seen: Observed) -> None:
        """Take a measurement into the average."""
        found, at_us, is_ok, value = self._of(seen.candidate), seen.at_us, seen.is_ok, float(seen.first_token_us)
        weight = math.exp(-max(0, at_us - found.at_us) / DECAY_US)
        before = found.first_token_us * weight
        if not is_ok:
            value = max(value, 2 * before)
        if value < before:
            weight = min(weight, 0.9)  # several measurements at one instant still move it
            value = before * weight + value * (1 - weight)
        found.first_token_us, found.at_us = value, at_us
        found.has_answered = found.has_answered or is_ok
        found.tally.count(at_us, is_ok=is_ok)

    def stood_in(self, candidate: str, at_us: int) -> None:
        """It answered after somebody else had failed."""
        self._of(candidate).tally.stood_in(at_us)

    def fared(self, at_us: int) -> dict[str, Fared]:
        """Return by candidate how those fared in the last hour that were asked in it."""
        found = {name: one.tally.total(at_us) for name, one in self._by_name.items()}
        return {name: one for name, one in found.items() if one.asked}

    def first_token_us(self, candidate: str, at_us: int) -> float:
        """Return how long its first token takes, as far as that is known now; 0 where it is not."""
        found = self._by_name.get(candidate)
        return self._aged(found, at_us) if found is not None else 0.0

    def busy(self, candidate: str) -> int:
        """Return how many of its answers are under way."""
        found = self._by_name.get(candidate)
        return found.busy if found is not None else 0

    def load(self, candidate: str, at_us: int) -> float:
        """Return what one more call would wait for, by its first token and by those before it."""
        return self.first_token_us(candidate, at_us) * (1 + self.busy(candidate))

    def _aged(self, found: _Measured, at_us: int) -> float:
        return found.first_token_us * math.exp(-max(0, at_us - found.at_us) / DECAY_US)

    def _of(self, candidate: str) -> _Measured:
        found = self._by_name.get(candidate)
        if found is None:
            if len(self._by_name) >= MOST:
                self._make_room()
            found = self._by_name[candidate] = _Measured()
        return found

    def _make_room(self) -> None:
        """Forget what is worth least: whoever never answered and was not asked lately; never whoever is busy."""

        def worth(known: tuple[str, _Measured]) -> tuple[bool, bool, int]:
            return bool(known[1].busy), known[1].has_answered, known[1].at_us

        for name, one in sorted(self._by_name.items(), key=worth)[: MOST // 8]:
            if not one.busy:
                del self._by_name[name]
