"""Keep-alives for a client whose provider is silent: one timer for a whole stream, nothing to do per event."""

import asyncio
from collections.abc import Awaitable, Callable


class Pulse:
    """Calls `beat` when nothing was sent for `period_s`; say `sent` after each piece, `stop` before the end."""

    __slots__ = ("_beat", "_loop", "_period_s", "_sent", "_task", "_timer")

    def __init__(self, beat: Callable[[], Awaitable[None]], period_s: float) -> None:
        self._beat = beat
        self._period_s = period_s
        self._loop = asyncio.get_running_loop()
        self._sent = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(period_s, self._look)

    def sent(self) -> None:
        """Something went out just now."""
        self._sent = self._loop.time()

    def stop(self) -> None:
        """End it; what is being sent is given up unless it is written already (a write is never cut)."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _look(self) -> None:
        left_s = self._sent + self._period_s - self._loop.time()
        if left_s <= 0 and (self._task is None or self._task.done()):
            self._task = self._loop.create_task(self._send())
            left_s = self._period_s
        self._timer = self._loop.call_later(max(left_s, 0.05), self._look)

    async def _send(self) -> None:
        await self._beat()
        self.sent()
