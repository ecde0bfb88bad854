"""Sending answers over ASGI, and noticing that a client is gone."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Send

from firewall.gates.edge.cycle import cycle_of

Headers = list[tuple[bytes, bytes]]
WATCH_AFTER_S = 0.25
"""A plain answer that comes sooner needs nobody watching its connection."""


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a complete answer."""
    length = (b"content-length", b"%d" % len(body))
    cycle = cycle_of(send)
    if cycle is not None and not cycle.is_held_up:
        cycle.answer(status, [*headers, length], body)
        return
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_head(send: Send, status: int, headers: Headers) -> None:
    """Start a streamed answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_piece(send: Send, piece: bytes) -> None:
    """Send a part of a streamed answer."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def send_end(send: Send) -> None:
    """End a streamed answer."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Noting:
    """A `send` that notes whether the answer has begun."""

    __slots__ = ("_send", "has_begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send."""
        self.has_begun = True
        return self._send(message)


def noting(send: Send) -> Send:
    """Return a `send` of which `has_begun` can be asked: itself, unless somebody stands between."""
    return send if cycle_of(send) is not None else Noting(send)


def has_begun(send: Send) -> bool:
    """Tell whether the answer has begun; of what `noting` returned."""
    cycle = cycle_of(send)
    return cycle.response_started if cycle is not None else isinstance(send, Noting) and send.has_begun


class Connection:
    """Notices within a second that the client is gone, and says so by calling `gone` once."""

    def __init__(self, receive: Receive, gone: Callable[[], None]) -> None:
        self._cycle = cycle_of(receive)
        self._receive = receive
        self._gone = gone
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if self._cycle is not None:
            self._cycle.watch(gone)
        else:  # somebody stands between: the next message is waited for
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._start)

    def watch(self) -> None:
        """Watch from now on, without waiting for the timer."""
        if self._timer is not None:
            self._timer.cancel()
            if self._task is None:
                self._start()

    def close(self) -> None:
        """Stop watching."""
        if self._cycle is not None:
            self._cycle.watch(None)
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone()
                return
