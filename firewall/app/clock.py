"""The clock that everything is given."""

import time


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000
