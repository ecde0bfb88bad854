"""Raw sockets for edge tests: what a client really gets, byte for byte."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope, Send

from firewall.gates.edge.body import read_body


@dataclass(slots=True)
class Witness:
    """An application that notes what reached it and answers with the length of the body."""

    limit: int = 1 << 20
    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request and answer it."""
        self.scopes.append(scope)
        body = await read_body(receive, self.limit, timeout_s=5)
        self.bodies.append(body)
        await answer(send, b"%d" % len(body))


async def answer(send: Send, body: bytes) -> None:
    start: Message = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-length", b"%d" % len(body))],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def talk(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send the pieces, reading meanwhile, and return everything until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.ensure_future(_collect(reader))
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause_s:
                    await asyncio.sleep(pause_s)
        async with asyncio.timeout(30):
            return await reading
    finally:
        reading.cancel()
        writer.close()


async def _collect(reader: asyncio.StreamReader) -> bytes:
    got = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            got += piece
    return bytes(got)


def status_of(answer_bytes: bytes) -> int:
    return int(answer_bytes.split(b" ", 2)[1])


def code_of(answer_bytes: bytes) -> str:
    return str(json.loads(answer_bytes.partition(b"\r\n\r\n")[2])["error"]["code"])


def answers(stream: bytes) -> int:
    """Count status lines, interim ones left out."""
    return len(re.findall(rb"HTTP/1\.[01] [2-5]\d\d ", stream))
