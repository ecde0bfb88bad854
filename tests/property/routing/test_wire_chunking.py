"""However a provider's bytes are cut, the same answer comes out."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import cast
from unittest.mock import Mock

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.routing.reply import BrokenError
from firewall.routing.wire import Connection, Limits

_NEVER = float("inf")
_ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-Request-Id: a\r\n\r\nhello world",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n",
    b"HTTP/1.1 103 Early\r\nLink: y\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: 2\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
)

Seen = tuple[int, list[tuple[bytes, bytes]], bytes, str]


async def _seen(pieces: Sequence[bytes]) -> Seen:
    """Return what a caller sees of an answer that arrives in these pieces, then the provider closes."""
    transport = Mock()
    transport.is_closing.return_value = False
    transport.get_write_buffer_size.return_value = 0
    transport.get_extra_info.return_value = None
    connection = Connection(asyncio.get_running_loop(), free=Mock(), lost=Mock())
    connection.connection_made(cast("asyncio.BaseTransport", transport))
    reply = connection.send(b"GET / HTTP/1.1\r\n\r\n", b"", Limits(_NEVER, 5, _NEVER))
    for piece in pieces:
        connection.data_received(piece)
    connection.eof_received()
    connection.connection_lost(None)
    body = b""
    try:
        await reply.head()
        while piece := await reply.take():
            body += piece
    except BrokenError as error:
        return reply.status, reply.fields, body, error.fault.value
    return reply.status, reply.fields, body, ""


@settings(max_examples=300)
@given(st.sampled_from(_ANSWERS), st.lists(st.integers(0, 130), max_size=12))
def test_cuts_change_nothing(answer: bytes, cuts: list[int]) -> None:
    """Status, fields, body and fault are those of the answer in one piece."""
    edges = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[start:end] for start, end in itertools.pairwise(edges)]

    async def both() -> tuple[Seen, Seen]:
        return await _seen([answer]), await _seen(pieces)

    alone, cut = asyncio.run(both())
    assert cut[0] == alone[0]
    assert cut[2:] == alone[2:]
    if not alone[3]:
        assert cut[1] == alone[1]
