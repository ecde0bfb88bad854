"""Operational lines on their way to stderr: formatted at once, written in batches.

A line per verdict would cost a system call per request. So what is ordinary waits a moment for company; a warning
or worse goes out at once, with all that waited before it, and nothing waits where no event loop runs. The order is
kept. What a sudden death may lose is the last moment of operational lines, never an entry: those are in the log.
"""

import asyncio
import logging
import time
from collections import deque
from typing import TextIO

WAIT_S = 0.05
"""How long an ordinary line waits at most."""
MOST = 200
"""Lines that wait together at most."""


class BatchedHandler(logging.Handler):
    """Writes lines to one stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: deque[str] = deque()
        """Threads add to it without a lock; who writes takes from it under one."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Where somebody will write what waits."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; logging holds this handler's lock meanwhile."""
        try:
            self._waiting.append(self.format(record))
            if record.levelno >= logging.WARNING or len(self._waiting) >= MOST or not self._is_awaited():
                self.flush()
        except Exception:  # noqa: BLE001 - as logging's own handlers: a line must never stop the work
            self.handleError(record)

    def take(self, line: str) -> None:
        """Take an ordinary line that is formatted already."""
        waiting = self._waiting
        waiting.append(line)
        if len(waiting) >= MOST or not self._is_awaited():
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self.acquire()
        try:
            take = self._waiting.popleft
            lines = [take() for _ in range(len(self._waiting))]  # whoever takes holds the lock
            if lines:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
        finally:
            self.release()

    def _is_awaited(self) -> bool:
        """Make sure that somebody writes soon; False where nobody can."""
        loop = self._loop
        if loop is None or loop.is_closed():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            self._loop.call_later(WAIT_S, self._come)
        return True

    def _come(self) -> None:
        self._loop = None
        self.flush()


class Utc(logging.Formatter):
    """Times in UTC to the second, each second formatted once."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S+0000")
        self._second = -1
        self._text = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - as logging calls it
        """Return the time of a record."""
        return self.at(int(record.created))

    def at(self, second: int) -> str:
        """Return a Unix time as it stands in front of lines."""
        if second != self._second:
            self._text = time.strftime(self.datefmt or self.default_time_format, time.gmtime(second))
            self._second = second
        return self._text


def say(logger: logging.Logger, text: str) -> None:
    """Write an ordinary line (INFO) of a logger below `stayhand`, as `logger.info` would.

    Where nobody but our own handler reads it, no record is made of it: that costs more than the rest of a line.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    above = logger.parent
    handler = above.handlers[0] if above is not None and len(above.handlers) == 1 else None
    if (
        above is None
        or above.propagate
        or above.filters
        or logger.handlers
        or logger.filters
        or not logger.propagate
        or not isinstance(handler, BatchedHandler)
        or handler.filters
        or handler.level > logging.INFO
        or not isinstance(handler.formatter, Utc)
    ):
        logger.info("%s", text)
        return
    handler.take(f"{handler.formatter.at(int(time.time()))} INFO {logger.name} {text}")
