"""A connection as bytes: bounded both ways, and an end that leaves what has come."""

import asyncio
from unittest.mock import Mock

from firewall.routing.duplex import Duplex, End


def duplex(first: bytes = b"") -> tuple[Duplex, Mock]:
    """Return one over a transport that only notes."""
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    return Duplex(transport, first), transport


async def test_what_has_come_is_taken_in_order_also_after_the_end() -> None:
    """Bytes from before, pieces as they come, then nothing for ever."""
    one, _ = duplex(b"a")
    one.data_received(b"b")
    one.ended(End.CLOSED)
    assert [await one.read(), await one.read(), await one.read()] == [b"ab", b"", b""]


async def test_a_reader_waits_for_bytes_and_for_the_end() -> None:
    """Whoever waits is woken by either."""
    one, _ = duplex()
    reading = asyncio.ensure_future(one.read())
    await asyncio.sleep(0)
    one.data_received(b"x")
    assert await reading == b"x"
    reading = asyncio.ensure_future(one.read())
    await asyncio.sleep(0)
    one.connection_lost(OSError())
    assert (await reading, one.end) == (b"", End.BROKEN)


async def test_more_than_the_limit_is_not_read() -> None:
    """Above the limit the connection is not read any more, until what waits was taken."""
    one, transport = duplex()
    one.data_received(b"x" * (300 << 10))
    one.data_received(b"y")
    transport.pause_reading.assert_called_once_with()
    assert len(await one.read()) == (300 << 10) + 1
    transport.resume_reading.assert_called_once_with()


async def test_a_writer_waits_for_the_other_side() -> None:
    """What is not taken holds the writer; the end lets it go, and nothing is written to what is closed."""
    one, transport = duplex()
    one.pause_writing()
    writing = asyncio.ensure_future(one.write(b"x"))
    await asyncio.sleep(0)
    transport.write.assert_not_called()
    one.resume_writing()
    await writing
    transport.write.assert_called_once_with(b"x")
    one.pause_writing()
    writing = asyncio.ensure_future(one.write(b"y"))
    await asyncio.sleep(0)
    transport.is_closing.return_value = True
    one.connection_lost(None)
    await writing
    transport.write.assert_called_once_with(b"x")


async def test_the_first_reason_of_an_end_stays() -> None:
    """A drained connection that then closes was drained."""
    one, transport = duplex()
    one.ended(End.DRAINED)
    one.connection_lost(None)
    assert one.end is End.DRAINED
    one.abort()
    transport.abort.assert_called_once_with()
