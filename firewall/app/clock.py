"""The clocks that everything is given: what time it is, and how long things last."""

import time

from firewall.core.ports import Clock


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000

    def elapsed_us(self) -> int:
        """Return microseconds since some instant, by a clock that nobody sets."""
        return time.monotonic_ns() // 1000


class SteadyClock:
    """What everything ends by: the machine's clock, but never behind itself, and never slower than time passes.

    INVARIANT: setting the machine's clock back makes nothing last longer in this process, whatever began before or
    begins after it. FAIL-CLOSED: where the clock had been ahead it stays as far ahead until the process ends, so
    that things end early. What others compare with their own clocks (signatures, dates of mails) and what the log
    says is told by `wall`.
    """

    def __init__(self, wall: SystemClock) -> None:
        self.wall: Clock = wall
        """The machine's clock as it is."""
        self._now_us = wall.now_us
        self._elapsed_us = wall.elapsed_us
        self._ahead_us = wall.now_us() - wall.elapsed_us()
        """The most that the machine's clock ever was ahead of the other one."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        elapsed_us = self._elapsed_us()
        self._ahead_us = max(self._ahead_us, self._now_us() - elapsed_us)
        return elapsed_us + self._ahead_us


def wall_of(clock: Clock) -> Clock:
    """Return the clock that others compare with their own."""
    return clock.wall if isinstance(clock, SteadyClock) else clock
