"""The answer to one POST: JSON while nothing came before it, events from the first notification on.

A short answer has the status that it deserves; once events have begun, everything that follows is one. While
nobody says anything, a comment keeps the connection alive (2026-07-28, streamable-http, "Receiving Messages").
"""

import asyncio

from starlette.types import Send

from firewall.codecs import json_span, sse
from firewall.codecs.mcp.messages import Message
from firewall.gates.edge.send import send_end, send_head, send_piece, send_whole

JSON = (b"content-type", b"application/json")
_EVENTS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Talk:
    """What a client is told in answer to one request."""

    __slots__ = ("_send", "_sending", "extra", "has_begun", "is_gone", "is_over", "takes_events")

    def __init__(self, send: Send, *, takes_events: bool) -> None:
        """`takes_events`: the client said that it reads event streams; otherwise it hears the answer alone."""
        self._send = send
        self._sending = asyncio.Lock()
        self.takes_events = takes_events
        self.extra: list[tuple[bytes, bytes]] = []
        """Header fields besides those of the form."""
        self.has_begun = False
        self.is_over = False
        self.is_gone = False
        """Its client let go: nobody hears what is said."""

    async def event(self, message: Message) -> bool:
        """Send a message before the answer; False: this client does not hear such."""
        if not self.takes_events or self.is_over:
            return False
        async with self._sending:
            if not self.is_over:
                await self._begin()
                await send_piece(self._send, _frame(message))
        return True

    async def keep_alive(self) -> None:
        """Send what says nothing."""
        async with self._sending:
            if self.takes_events and not self.is_over:
                await self._begin()
                await send_piece(self._send, sse.comment(b""))

    async def finish(self, message: Message, status: int = 200) -> None:
        """Send the answer, the last thing to be said."""
        if not (
            self.has_begun or self.is_over or self._sending.locked()
        ):  # nobody else has anything to say any more
            self.is_over = True
            await send_whole(self._send, status, [JSON, *self.extra], message.raw)
            return
        async with self._sending:
            if self.is_over:
                return
            self.is_over = True
            if not self.has_begun:
                await send_whole(self._send, status, [JSON, *self.extra], message.raw)
                return
            await send_piece(self._send, _frame(message))
            await send_end(self._send)

    async def close(self) -> None:
        """End events that answer nothing."""
        async with self._sending:
            if self.has_begun and not self.is_over:
                self.is_over = True
                await send_end(self._send)

    async def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            await send_head(self._send, 200, [*_EVENTS, *self.extra])


def _frame(message: Message) -> bytes:
    return sse.frame(json_span.one_line(message.raw), event="message")
