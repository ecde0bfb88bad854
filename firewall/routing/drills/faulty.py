"""A provider on loopback that fails as it is told to: real sockets, real bytes, in all four dialects.

Drills lead marked calls here, so that what fails is what would fail; tests use the same server. The scenario
stands in the path (`/SCENARIO/NAME/…`), whose rest says the dialect. It holds no key and asks for none.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import ModelRequest
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.core.strict_json import loads_object
from firewall.routing.drills.scenarios import RETRY_AFTER_S, Scenario, error_body

_MOST_BYTES = 64 << 20
_QUICK_DEATH = struct.pack("ii", 1, 0)
"""SO_LINGER of no time at all: closing sends a reset."""
_ALIVE = b": alive\n\n"
_JSON = "application/json"
_GEMINI_END = b',"finishReason":"STOP"'
"""In that dialect one frame holds words and end."""
_NO_KEY = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'
_UNAUTHORISED = (
    b"HTTP/1.1 401 no\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    % len(_NO_KEY)
    + _NO_KEY
)


@dataclass(slots=True)
class Faulty:
    """Where it listens, and what it was asked."""

    port: int
    closed_port: int
    """Nobody listens there, and nobody can begin to."""
    text: str = "one two three"
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    """(name, body) of every request, in order."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by name."""
    keep_seen: bool = False
    refused: set[str] = field(default_factory=set)
    """Names that take no key."""

    def base_url(self, name: str, scenario: Scenario, dialect: Dialect) -> str:
        """Return the base URL of a provider `name` that fails like that, as a configuration writes it."""
        suffix = "/v1" if dialect in {Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES} else ""
        port = self.closed_port if scenario is Scenario.REFUSE else self.port
        return f"http://127.0.0.1:{port}/{scenario.value}/{name}{suffix}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request as it was read."""

    scenario: Scenario
    name: str
    dialect: Dialect
    request: ModelRequest
    ends_in_answer: bool
    count: int


@asynccontextmanager
async def faulty_provider(*, keep_seen: bool = False) -> AsyncIterator[Faulty]:
    """Serve one request per connection until the block is left. `keep_seen`: remember bodies."""
    tasks: set[asyncio.Task[None]] = set()
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets the port

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_serve(found, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_MOST_BYTES)
    found = Faulty(server.sockets[0].getsockname()[1], closed.getsockname()[1], keep_seen=keep_seen)
    try:
        yield found
    finally:
        server.close()
        closed.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(found: Faulty, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, FirewallError, ValueError):
            asked = await _read(found, reader)
            if asked.name in found.refused:
                writer.write(_UNAUTHORISED)
                await writer.drain()
                return
            await _Answering(asked, found.text, reader, writer).play()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _read(found: Faulty, reader: asyncio.StreamReader) -> _Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")), 0)
    body = await reader.readexactly(length)
    target = lines[0].split(" ")[1]
    _, scenario, name, path = target.partition("?")[0].split("/", 3)
    found.asked[name] += 1
    if found.keep_seen:
        found.seen.append((name, body))
    value = loads_object(body)
    dialect, own_path = _dialect("/" + unquote(path))
    query = f"?{target.partition('?')[2]}" if "?" in target else ""
    request = CODECS[dialect].read_request(body, value, {}, own_path + query)
    return _Asked(Scenario(scenario), name, dialect, request, _ends_in_answer(value), found.asked[name])


def _dialect(path: str) -> tuple[Dialect, str]:
    if path.endswith("/messages"):
        return Dialect.ANTHROPIC, "/v1/messages"
    if path.endswith("/chat/completions"):
        return Dialect.OPENAI_CHAT, "/v1/chat/completions"
    if path.endswith("/responses"):
        return Dialect.OPENAI_RESPONSES, "/v1/responses"
    return Dialect.GEMINI, path


def _ends_in_answer(value: dict[str, object]) -> bool:
    """Tell whether a conversation ends in words of the model: a prefill."""
    turns = next((value[name] for name in ("messages", "input", "contents") if name in value), None)
    last = turns[-1] if isinstance(turns, list) and turns else None
    return isinstance(last, dict) and last.get("role") in {"assistant", "model"}


class _Answering:
    """One answer on one connection."""

    def __init__(
        self, asked: _Asked, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._asked = asked
        self._reader = reader
        self._writer = writer
        codec = CODECS[asked.dialect]
        self._whole = codec.refusal(asked.request, text)
        self._frames = [frame + b"\n\n" for frame in codec.stream_of(self._whole).split(b"\n\n") if frame.strip()]
        worded = next(at for at, frame in enumerate(self._frames) if text.encode() in frame)
        self._begin = [frame.replace(_GEMINI_END, b"") for frame in self._frames[: worded + 1]]
        """Up to the first words."""

    async def play(self) -> None:
        """Answer, or fail, as the scenario says."""
        scenario = self._asked.scenario
        match scenario:
            case Scenario.RESET_BEFORE_HEADERS | Scenario.REFUSE:
                self._reset()
            case Scenario.RATE_LIMITED_RETRY_AFTER:
                await self._error(scenario, f"retry-after: {RETRY_AFTER_S}\r\n")
            case Scenario.RATE_LIMITED | Scenario.UNAVAILABLE | Scenario.CONTEXT_LENGTH | Scenario.CONTENT_FILTER:
                await self._error(scenario)
            case Scenario.SERVER_ERROR_ONCE if self._asked.count == 1:
                await self._error(scenario)
            case Scenario.NO_PREFILL if self._asked.ends_in_answer:
                await self._error(scenario)
            case _ if self._asked.request.stream:
                await self._stream(scenario)
            case _:
                await self._once(scenario)

    async def _stream(self, scenario: Scenario) -> None:
        match scenario:
            case Scenario.RESET_IN_STREAM | Scenario.PREFILL_REJECTED:
                await self._head("text/event-stream", *self._begin)
                self._reset()
            case Scenario.STALL:
                await self._head("text/event-stream", *self._begin)
                await self._reader.read()
            case Scenario.SLOW_FIRST_TOKEN:
                await self._head("text/event-stream", _ALIVE, *self._begin[:-1])
                await self._reader.read()
            case Scenario.MALFORMED_EVENT:
                await self._head("text/event-stream", b"data: {broken\n\n", b"")
            case Scenario.MISSING_TERMINATOR:
                await self._head("text/event-stream", *self._begin, b"")
            case Scenario.ERROR_BODY:
                _, body = error_body(self._asked.dialect, scenario)
                await self._head("text/event-stream", _ALIVE, b"event: error\ndata: " + body + b"\n\n", b"")
            case _:
                await self._head("text/event-stream", *self._frames, b"")

    async def _once(self, scenario: Scenario) -> None:
        half = self._whole[: len(self._whole) // 2]
        match scenario:
            case Scenario.RESET_IN_STREAM | Scenario.PREFILL_REJECTED:
                await self._head(_JSON, half)
                self._reset()
            case Scenario.STALL:
                await self._head(_JSON, half)
                await self._reader.read()
            case Scenario.SLOW_FIRST_TOKEN:
                await self._reader.read()
            case Scenario.MALFORMED_EVENT | Scenario.MISSING_TERMINATOR:
                await self._head(_JSON, half, b"")
            case Scenario.ERROR_BODY:
                await self._head(_JSON, error_body(self._asked.dialect, scenario)[1], b"")
            case _:
                await self._head(_JSON, self._whole, b"")

    async def _head(self, kind: str, *pieces: bytes) -> None:
        """Begin an answer and send pieces of it; an empty piece ends it tidily."""
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        self._writer.write(head.encode())
        for piece in pieces:
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await self._writer.drain()

    async def _error(self, scenario: Scenario, fields: str = "") -> None:
        status, body = error_body(self._asked.dialect, scenario)
        length = f"content-length: {len(body)}\r\nconnection: close\r\n"
        head = f"HTTP/1.1 {status} no\r\ncontent-type: {_JSON}\r\n{length}{fields}\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()

    def _reset(self) -> None:
        """Break the connection off."""
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _QUICK_DEATH)
        self._writer.transport.abort()
