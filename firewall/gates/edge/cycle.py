"""One request and its answer on a connection: what ASGI's `receive` and `send` mean here.

In place of uvicorn's own, with the same meaning and less work: an answer's head goes out with what follows
it at once, fields are checked all at a time, and a body that has come whole can be taken without waiting for it.
INVARIANT: no field of an answer can end its line, and an answer never has more or fewer bytes than it says.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent, HTTPScope

Fields = Iterable[tuple[bytes, bytes]]
_LOG = logging.getLogger("uvicorn.error")
_KEPT_BYTES = 64
_BODILESS = frozenset({204, 304})
_GOES_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def _checked(name: bytes) -> bytes:
    """Return a field's name as it is written: in lower case, with its colon. Raises: RuntimeError."""
    if HEADER_RE.search(name):
        raise RuntimeError("an answer has a header name that cannot be written")
    return name.lower() + b": "


_known = lru_cache(maxsize=512)(_checked)
"""Few names come often; long ones are not worth the memory."""


class Defaults:
    """The fields that every answer of a listener has; uvicorn makes the list anew each second, for the date."""

    __slots__ = ("_fields", "_written")

    def __init__(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._written = b""

    def written(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        """Return the fields as lines; written once for each list."""
        if fields is not self._fields:
            self._written = b"".join(b"%s%s\r\n" % (_checked(name), value) for name, value in fields)
            self._fields = fields
        return self._written


class Bell:
    """An `asyncio.Event` that costs something only when somebody waits for it."""

    _event: asyncio.Event | None = None
    _is_rung = False

    def set(self) -> None:
        """Ring: whoever waits goes on, and who comes need not wait."""
        self._is_rung = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Be still again."""
        self._is_rung = False
        if self._event is not None:
            self._event.clear()

    async def wait(self) -> None:
        """Wait until it is rung."""
        if self._is_rung:
            return
        if self._event is None:
            self._event = asyncio.Event()
        await self._event.wait()


@dataclass(frozen=True, slots=True)
class Line:
    """What all requests of a connection share."""

    transport: asyncio.Transport
    flow: FlowControl
    loop: asyncio.AbstractEventLoop
    on_response: Callable[[], None]
    """Called once an answer is whole."""


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    disconnected = False
    keep_alive = True
    waiting_for_100_continue = False
    """The client waits for `100 Continue`."""
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    defaults = b""
    """Lines that every answer has."""
    _head = b""
    _waiting_bytes = 0
    _on_gone: Callable[[], None] | None = None

    def __init__(self, scope: "HTTPScope", line: Line) -> None:
        self.scope = scope
        self.transport = line.transport
        self.flow = line.flow
        self.logger = _LOG
        self.message_event = Bell()  # type: ignore[assignment]  # for uvicorn's purposes it is an event
        self.on_response = line.on_response
        self._loop = line.loop
        self._pieces: list[bytes] = []

    async def run_asgi(self, app: "ASGI3Application") -> None:
        """Let the application answer; what it leaves unfinished ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - nobody above would see it
            _LOG.error("the application failed", exc_info=error)
            await self._unfinished()
        else:
            if not self.response_complete and not self.disconnected:
                _LOG.error("the application did not finish its answer")
                await self._unfinished()
        finally:
            self.on_response = _nothing

    async def _unfinished(self) -> None:
        if not self.response_started:
            await self.send_500_response()
        else:
            self._flush()
            self.transport.close()

    # -- the client

    def watch(self, gone: Callable[[], None] | None) -> None:
        """Call `gone` once when the client goes before its answer is whole; None: nobody wants to know."""
        self._on_gone = gone
        if gone is None:
            return
        if self.disconnected:
            self.lost()
        else:
            self.flow.resume_reading()

    def lost(self) -> None:
        """The client is gone, or is not listened to any more."""
        self.disconnected = True
        self.message_event.set()
        gone, self._on_gone = self._on_gone, None
        if gone is not None:
            gone()

    # -- the request's body

    def put(self, piece: bytes) -> int:
        """Add a piece; returns how many bytes wait."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        self.message_event.set()
        return self._waiting_bytes

    def take_whole(self) -> bytes | None:
        """Return the body where all of it is here, as `receive` would; None: it has to be waited for."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        return self._taken()

    async def receive(self) -> "ASGIReceiveEvent":
        """Return what came of the body since it was asked last, or that the client is gone."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_GOES_ON)
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._taken(), "more_body": self.more_body}

    def _taken(self) -> bytes:
        pieces, self._pieces, self._waiting_bytes = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # -- the answer

    async def send(self, message: "ASGISendEvent") -> None:
        """Take the head of the answer, or a piece of its body; what nobody reads any more is dropped.

        Raises: RuntimeError for what is no answer.
        """
        if self.flow.write_paused and not self.disconnected:
            self._flush()
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start" and not self.response_started:
            self._begin(message["status"], list(message.get("headers", ())))
            self._loop.call_soon(self._flush)
        elif message["type"] == "http.response.body" and self.response_started and not self.response_complete:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"`{message['type']}` has no place in the answer here")

    @property
    def is_held_up(self) -> bool:
        """What was written before has to be waited for."""
        return self.flow.write_paused and not self.disconnected

    def answer(self, status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Give a whole answer at once, as two calls of `send` would; not while `is_held_up`.

        Raises: RuntimeError for what is no answer, or no place for one.
        """
        if self.disconnected:
            return
        if self.response_started:
            raise RuntimeError("another answer has no place here")
        self._begin(status, fields)
        self._go_on(body, more=False)

    def _begin(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status], self.defaults]
        for name, value in fields:
            written = _known(name) if len(name) <= _KEPT_BYTES else _checked(name)
            if written in _FRAMING:
                self._framed(written, value)
            lines += (written, value, b"\r\n")
        # A tab may stand in a value, so it joins them without adding anything to be found.
        if HEADER_VALUE_RE.search(b"\t".join([value for _, value in fields])):
            raise RuntimeError("an answer has a header value that cannot be written")
        if not self.keep_alive and not self._says_close(fields):
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODILESS:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)

    def _framed(self, written: bytes, value: bytes) -> None:
        """Note what a field says of the answer's end, or of the connection's."""
        if written == b"content-length: " and self.chunked_encoding is None:
            self.expected_content_length = int(value)
            self.chunked_encoding = False
        elif written == b"transfer-encoding: " and value.lower() == b"chunked":
            self.expected_content_length = 0
            self.chunked_encoding = True
        elif written == b"connection: " and _closes(value):
            self.keep_alive = False

    def _says_close(self, fields: Fields) -> bool:
        return any(name.lower() == b"connection" and _closes(value) for name, value in fields)

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            body = b""
        elif self.chunked_encoding:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("an answer is longer than it said")
        head, self._head = self._head, b""
        if head or body:
            self.transport.write(head + body)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("an answer is shorter than it said")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _flush(self) -> None:
        """Write a head that nothing followed yet."""
        head, self._head = self._head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)


def cycle_of(receive: Callable[..., object]) -> Cycle | None:
    """Return the request whose `receive` or `send` this is; None where somebody stands between, or a stranger."""
    owner = getattr(receive, "__self__", None)
    return owner if isinstance(owner, Cycle) else None


_FRAMING = frozenset({b"content-length: ", b"transfer-encoding: ", b"connection: "})


def _nothing() -> None:
    """Hear nothing of an answer that is over."""


def _closes(value: bytes) -> bool:
    return any(token.strip().lower() == b"close" for token in value.split(b","))
