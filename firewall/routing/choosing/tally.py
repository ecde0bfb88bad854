"""How often a candidate answered and failed in the last hour, for people who look; in slots of five minutes."""

from collections import deque
from dataclasses import dataclass

SLOT_US = 300_000_000
SLOTS = 12
_ANSWERED, _FAILED, _STOOD_IN = range(3)


@dataclass(frozen=True, slots=True)
class Fared:
    """Requests of about the last hour."""

    answered: int = 0
    failed: int = 0
    stood_in: int = 0
    """Of the answered: after somebody else had failed."""

    @property
    def asked(self) -> int:
        """All requests."""
        return self.answered + self.failed

    def __add__(self, other: "Fared") -> "Fared":
        return Fared(self.answered + other.answered, self.failed + other.failed, self.stood_in + other.stood_in)


class Tally:
    """Counts of one candidate; instants are unix microseconds."""

    __slots__ = ("_at", "_slots")

    def __init__(self) -> None:
        self._slots: deque[list[int]] = deque(maxlen=SLOTS)
        self._at = -1

    def count(self, at_us: int, *, is_ok: bool) -> None:
        """A request was answered, or failed."""
        self._slot(at_us)[_ANSWERED if is_ok else _FAILED] += 1

    def stood_in(self, at_us: int) -> None:
        """One of the answered came after somebody else had failed."""
        self._slot(at_us)[_STOOD_IN] += 1

    def total(self, at_us: int) -> Fared:
        """Return the counts of the last hour; a clock that jumped back loses nothing."""
        self._slot(at_us)
        answered, failed, stood_in = (sum(slot[place] for slot in self._slots) for place in range(3))
        return Fared(answered, failed, stood_in)

    def _slot(self, at_us: int) -> list[int]:
        at = at_us // SLOT_US
        if at > self._at or not self._slots:
            for _ in range(min(at - self._at, SLOTS) if self._slots else 1):
                self._slots.append([0, 0, 0])
            self._at = at
        return self._slots[-1]
