"""Telling those who choose how candidates fare."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firewall.routing.choosing.measures import Measures, observed


def never() -> int:
    """Return no time at all, where nobody reads the measures."""
    return 0


@dataclass(frozen=True, slots=True)
class Measuring:
    """The measures in use, and the clock of those who read them."""

    measures: Measures = field(default_factory=Measures)
    now_us: Callable[[], int] = never
    """Unix time in microseconds."""

    def began(self, candidate: str) -> Callable[[], None]:
        """A request goes out; call what is returned once its answer is over."""
        measures = self.measures
        measures.began(candidate)
        is_over = False

        def ended() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                measures.ended(candidate)

        return ended

    def observed(self, candidate: str, took_s: float, *, is_ok: bool) -> None:
        """Note how long the first word took, or the failure."""
        self.measures.observe(observed(candidate, self.now_us(), int(took_s * 1_000_000), is_ok))
