"""How fast a server may make us list its tools, over one line. Pure.

A server says by itself that its tools changed, as often as it likes. INVARIANT: what it says makes us list them at
once the first time, and then with a pause that grows until it was quiet.
"""

from collections.abc import Callable

PAUSES_S = (1.0, 2.0, 5.0, 30.0)
"""How long nobody lists again after the first, second, … time in a row."""
QUIET_S = 60.0
"""So long after the last time, the next one is the first again."""


class Pace:
    """When the tools behind one line are listed next because their server said so."""

    __slots__ = ("_at", "_now", "_times")

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: seconds of a clock that never goes back."""
        self._now = now
        self._at: float | None = None
        self._times = 0

    @property
    def wait_s(self) -> float:
        """How long it is until they may be listed; 0: now."""
        if self._at is None or not self._times:
            return 0.0
        pause = PAUSES_S[min(self._times, len(PAUSES_S)) - 1]
        return max(0.0, self._at + pause - self._now())

    def walked(self) -> None:
        """Note that they were listed, whatever came of it."""
        at = self._now()
        is_quiet = self._at is None or at - self._at >= QUIET_S
        self._times = 1 if is_quiet else self._times + 1
        self._at = at
