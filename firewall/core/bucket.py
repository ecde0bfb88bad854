"""GCRA, the generic cell rate algorithm (ITU-T I.371): one number per bucket, exact across restarts.

The stored number is the theoretical arrival time (TAT) in microseconds. The storage runs the same rule as one
atomic statement; this pure form states it and is the oracle of its tests.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from firewall.core.errors import LimitError


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` cells per `window_us`, of which `burst` may come at once."""

    limit: int
    window_us: int
    burst: int
    interval_us: int = field(init=False, compare=False, repr=False, default=1)
    """Microseconds that one cell takes."""
    tolerance_us: int = field(init=False, compare=False, repr=False, default=1)
    """How far the TAT may run ahead of now when one more cell is taken."""

    def __post_init__(self) -> None:
        """Reckon once: a rate is asked with every request."""
        interval_us = max(1, self.window_us // self.limit)
        object.__setattr__(self, "interval_us", interval_us)
        object.__setattr__(self, "tolerance_us", interval_us * max(1, self.burst))


@dataclass(frozen=True, slots=True)
class Taken:
    """The cell was taken; store `tat_us`."""

    tat_us: int


@dataclass(frozen=True, slots=True)
class Full:
    """The bucket is full; nothing is stored."""

    retry_after_us: int


def take(rate: Rate, *, tat_us: int, now_us: int, cells: int = 1) -> Taken | Full:
    """Take `cells` from a bucket whose stored time is `tat_us` (0: never used)."""
    new = max(tat_us, now_us) + rate.interval_us * cells
    ahead = new - now_us
    if ahead > rate.tolerance_us:
        return Full(retry_after_us=ahead - rate.tolerance_us)
    return Taken(tat_us=new)


@lru_cache(maxsize=1024)
def per_minute(limit: int) -> Rate:
    """Return a rate of `limit` a minute, a sixth of it at once (at least 1)."""
    return Rate(limit=limit, window_us=60_000_000, burst=max(1, limit // 6))


@lru_cache(maxsize=1024)
def per_hour(limit: int) -> Rate:
    """Return a rate of `limit` an hour, all of it at once if need be."""
    return Rate(limit=limit, window_us=3_600_000_000, burst=limit)


def overdrawn(retry_after_us: int) -> LimitError:
    """Return the error for a bucket of requests that is full for so long."""
    return LimitError("too many requests for this token", retry_after_s=retry_after_us // 1_000_000 + 1)
