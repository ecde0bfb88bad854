"""Whether what a server says of its tools was seen over one line, and lately enough to be believed.

What a server offers can change without a word: a program is started anew, a session begins, a server over HTTP is
replaced. INVARIANT: over a line whose list was not seen whole, that said since that it changed, or whose list is
older than `FRESH_S`, no tool is called before its definition was held against its pin again.
"""

import time
from collections.abc import Callable

FRESH_S = 300.0


class Listed:
    """What is known of the list of tools behind one line."""

    __slots__ = ("_at", "_now", "changes")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds of a clock that never goes back."""
        self._now = now
        self._at: float | None = None
        self.changes = 0
        """How often the server said that its tools changed."""

    @property
    def is_fresh(self) -> bool:
        """The list was seen whole, and nothing tells of another one."""
        return self._at is not None and self._now() - self._at < FRESH_S

    def changed(self) -> None:
        """Note that the server said so."""
        self.changes += 1
        self._at = None

    def seen(self, changes: int) -> None:
        """Note that all of it was held against its pins; `changes`: as it stood when it was asked for."""
        if changes == self.changes:
            self._at = self._now()
