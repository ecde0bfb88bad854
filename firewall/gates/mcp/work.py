"""A request or notification under way: who can end it, and what becomes of its work then.

INVARIANT: a client whose token was revoked or has expired hears nothing more.
The token is looked at when the work begins, for it may have ended since the request came in, and once it expires.

Work that reads ends with its client; a tool call that
the server may have begun is ended only where the client says so (2026-07-28: by letting go), so that its
outcome is known and recorded otherwise.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from firewall.codecs.mcp.errors import McpError
from firewall.gates.mcp.talk import Talk

PING_S = 15.0
_LEAST_S = 0.01
"""How long is waited at least: the clock that says when a token expires is not the loop's."""
_T = TypeVar("_T")


class Ended(StrEnum):
    """Why a request ended before its answer."""

    GONE = "gone"
    CANCELLED = "cancelled"
    REVOKED = "revoked"
    DRAINED = "drained"


_SAID = {
    Ended.GONE: ("the client is gone", "client_gone", 499),
    Ended.CANCELLED: ("the request was cancelled", "request_cancelled", 499),
    Ended.REVOKED: ("the token was revoked or has expired while the request was under way", "token_revoked", 401),
    Ended.DRAINED: ("the server is being stopped: ask again in a moment", "stopping", 503),
}


@dataclass(slots=True, eq=False)
class Work:
    """One request under way."""

    lineage: tuple[str, ...]
    left_s: Callable[[], float]
    """For how many seconds its token is still good; 0 or less: no more."""
    woken: asyncio.Event
    """Set where its answer is there, or it is to end."""
    may_end: bool = True
    """Ending it loses nothing that must be known."""
    why: Ended | None = None
    is_call: bool = False
    """It is a tool call: where it waits for people, that wait ends by itself when the server stops."""

    def begun(self) -> None:
        """Note that a change is about to be sent."""
        self.may_end = False

    def end(self, why: Ended) -> None:
        """End it, once."""
        if self.why is None:
            self.why = why
            self.woken.set()


class Works:
    """All requests under way; one instance per process."""

    def __init__(self, over: Callable[[str], None]) -> None:
        """`over` is told of each token, by its id, that is good no more while something is under way for it."""
        self._over = over
        self._all: set[Work] = set()
        self._left: set[asyncio.Task[Any]] = set()

    def begin(self, lineage: tuple[str, ...], left_s: Callable[[], float], *, is_call: bool = False) -> Work:
        """Note a request of a token that is good for so many seconds more, whenever that is asked."""
        return Work(lineage, left_s, asyncio.Event(), is_call=is_call)

    async def run(self, work: Work, doing: Coroutine[None, None, _T], talk: Talk, *, keeps: bool) -> _T:
        """Return the answer, or what is said in its place; `keeps`: a client that lets go cancels nothing.

        Raises: FirewallError.
        """
        self._all.add(work)
        task = asyncio.create_task(doing)
        task.add_done_callback(lambda _: work.woken.set())
        try:
            while self._is_good(work) and not await _woken(work, task):
                await talk.keep_alive()
            if work.why is not None:
                await self._end(work, work.why, task, keeps=keeps)
            return task.result()
        except asyncio.CancelledError:
            await self._cancel(task)
            raise
        finally:
            self._all.discard(work)

    def _is_good(self, work: Work) -> bool:
        """Tell whether the token of a request is still good; otherwise end it, and all of the token's."""
        if work.left_s() > 0:
            return True
        work.end(Ended.REVOKED)
        self._over(work.lineage[0])
        return False

    def revoked(self, token_id: str) -> None:
        """End what is under way for a token and its children."""
        for work in list(self._all):
            if token_id in work.lineage:
                work.end(Ended.REVOKED)

    def drain(self) -> None:
        """End what may end: the server stops. Calls that wait for people are told so where they wait."""
        for work in list(self._all):
            if work.may_end and not work.is_call:
                work.end(Ended.DRAINED)

    async def close(self) -> None:
        """End what was left to finish by itself."""
        for task in list(self._left):
            await self._cancel(task)

    async def _end(self, work: Work, why: Ended, task: "asyncio.Task[Any]", *, keeps: bool) -> None:
        """End the work, or leave it to its end. Raises: McpError, which says why."""
        lets_go = why is Ended.CANCELLED or (why is Ended.GONE and not keeps)
        if work.may_end or lets_go:
            await self._cancel(task)
        elif not task.done():
            self._left.add(task)
            task.add_done_callback(self._forget)
        text, code, status = _SAID[why]
        raise McpError(text, number=-31000 - status, code=code, status=status)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # its outcome is recorded where it was judged; nobody waits for the answer

    async def _cancel(self, task: "asyncio.Task[Any]") -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _woken(work: Work, task: "asyncio.Task[Any]") -> bool:
    """Wait until there is something to do; False: it takes long enough for a sign of life."""
    wait_s = min(PING_S, max(work.left_s(), _LEAST_S))
    timer = asyncio.get_running_loop().call_later(wait_s, work.woken.set)
    try:
        await work.woken.wait()
    finally:
        timer.cancel()
    if task.done() or work.why is not None:
        return True
    work.woken.clear()
    return False
