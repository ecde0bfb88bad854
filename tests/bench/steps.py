"""One measured step, and how it is measured."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One measured step."""

    name: str
    target: str
    us: float
    """Median of one call, microseconds."""


def median_us(step: Callable[[], object], *, calls: int = 200, rounds: int = 9) -> float:
    """Return the median over rounds of the mean time of one call, microseconds."""
    step()
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(calls):
            step()
        found.append((time.perf_counter() - begun) / calls * 1e6)
    return statistics.median(found)
