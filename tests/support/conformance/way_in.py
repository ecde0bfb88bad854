"""A way in for clients that know no token: a proxy on loopback that adds one to every request, and nothing else.

The suite has no option for header fields. Heads go on as they came, `Host` and `Origin` among them; what comes
back is not looked at.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOP_LIMIT_S: Final = 10
_MOST_HEAD_BYTES: Final = 1 << 16


class WayIn:
    """One proxy before one address."""

    def __init__(self, port: int, token: str) -> None:
        """`port`: where the firewall listens on loopback."""
        self._port = port
        self._field = b"authorization: Bearer " + token.encode("ascii") + b"\r\n"
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def aclose(self) -> None:
        """Drop every connection."""
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*(task for task in self._open if task is not None))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._port, limit=_MOST_HEAD_BYTES)
        except OSError:
            writer.close()
            return
        self._open[asyncio.current_task()] = writer
        ways = [asyncio.create_task(one) for one in (self._requests(reader, forth), _copy(back, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)  # either side ends as it likes
            for one in (writer, forth):
                one.close()
            self._open.pop(asyncio.current_task())

    async def _requests(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, _, fields = head.partition(b"\r\n")
            forth.write(line + b"\r\n" + self._field + fields)
            await _body(reader, forth, fields)
            await forth.drain()


async def _body(reader: asyncio.StreamReader, forth: asyncio.StreamWriter, fields: bytes) -> None:
    found = {
        name.strip().lower(): value.strip().lower()
        for name, _, value in (field.partition(b":") for field in fields.split(b"\r\n"))
    }
    if found.get(b"transfer-encoding") == b"chunked":
        while True:
            size = await reader.readuntil(b"\r\n")
            forth.write(size + await reader.readexactly(int(size, 16) + 2))
            if int(size, 16) == 0:
                return
    forth.write(await reader.readexactly(int(found.get(b"content-length", b"0"))))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()


@contextmanager
def way_in(port: int, token: str) -> Iterator[int]:
    """Serve from a thread; yields the port."""
    door, ready = WayIn(port, token), threading.Event()
    running: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        over = asyncio.Event()
        async with await asyncio.start_server(door.serve, "127.0.0.1", 0, limit=_MOST_HEAD_BYTES) as server:
            running.append((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()
            server.close()
            await door.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(STOP_LIMIT_S)
    (own, loop, over), *_ = running
    try:
        yield own
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(STOP_LIMIT_S)
