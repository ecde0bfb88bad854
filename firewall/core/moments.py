"""When something began that lives in this process's memory alone, and how old it is."""

from dataclasses import dataclass
from typing import Self

from firewall.core.ports import Timer


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant by both clocks: the machine's, which somebody may set, and the one that nobody sets.

    INVARIANT: nothing is younger than either clock says: setting the machine's clock back makes nothing last
    longer, setting it forward ends things early. Never stored: the second clock begins anew with the machine.
    """

    wall_us: int
    """Unix microseconds."""
    elapsed_us: int
    """Microseconds since some instant."""

    @classmethod
    def of(cls, timer: Timer) -> Self:
        """Return this moment."""
        return cls(timer.now_us(), timer.elapsed_us())

    def age_us(self, timer: Timer) -> int:
        """Return microseconds since this moment, by the clock that says more; never less than passed."""
        return max(timer.now_us() - self.wall_us, timer.elapsed_us() - self.elapsed_us)
