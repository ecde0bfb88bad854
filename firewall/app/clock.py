"""The clock that everything is given."""

import time

_PASSES = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Nobody sets it; the first one, where there is it, counts on while the machine sleeps (clock_gettime(2))."""


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000

    def elapsed_us(self) -> int:
        """Return microseconds since some instant, by a clock that nobody sets."""
        return time.clock_gettime_ns(_PASSES) // 1000
