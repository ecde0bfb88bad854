"""A provider on a real socket that says exactly the bytes a test gives it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behave = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class RawProvider:
    """Where it listens and what it was asked."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first request has come."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closed its connection."""

    @property
    def base_url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"


def says(*pieces: bytes, pause_s: float = 0.0, then_hang: bool = False) -> Behave:
    """Answer with the pieces, whatever is asked; afterwards close, or keep silent until the client leaves."""

    async def behave(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause_s:
                await asyncio.sleep(pause_s)
        if then_hang:
            await reader.read()

    return behave


def whole(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """Return a complete answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@asynccontextmanager
async def provider(behave: Behave) -> AsyncIterator[RawProvider]:
    """Serve one request per connection with `behave`, after it was read."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                request = await _request(reader)
                found.requests.append(request)
                found.asked.set()
                await behave(request, reader, writer)
        finally:
            found.gone.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found = RawProvider(server.sockets[0].getsockname()[1])
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head
