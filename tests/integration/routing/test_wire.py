"""Connections to providers: when one serves again, when it must not, and how many there may be."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest
import pytest_asyncio
import uvloop

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.routing import pool, wire
from firewall.routing.pool import Origin, Pool
from firewall.routing.port import Endpoint, Timeouts, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from tests.support.provider import whole

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
_POST = UpstreamRequest("POST", "/v1/responses", body=b"{}")


@dataclass(slots=True)
class Kept:
    """A provider that keeps its connections."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closed a connection."""

    def endpoint(self, **seconds: float) -> Endpoint:
        """Return it as configured."""
        return Endpoint("kept", f"http://127.0.0.1:{self.port}", private=True, timeouts=Timeouts(**seconds))


@asynccontextmanager
async def kept(answer: Answer) -> AsyncIterator[Kept]:
    """Serve any number of requests on each connection."""
    found = Kept()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                found.requests.append(head + await reader.readexactly(size))
                await answer(found.requests[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            found.left.set()
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def always(*pieces: bytes) -> Answer:
    """Answer everything with the same bytes."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return answer


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    carrier = HttpUpstream()
    yield carrier
    await carrier.close()


async def _get(upstream: HttpUpstream, endpoint: Endpoint) -> tuple[int, bytes]:
    async with await upstream.open(endpoint, _POST) as got:
        return got.status, await got.read(1 << 20)


async def test_one_connection_serves_many_requests(upstream: HttpUpstream) -> None:
    """Requests one after another use the connection of the first."""
    async with kept(always(whole(b"{}"))) as found:
        for _ in range(5):
            assert await _get(upstream, found.endpoint()) == (200, b"{}")
    assert (found.connections, len(found.requests)) == (1, 5)


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(b"ab"), b"ab"),
        (_CHUNKED + b"1;a=b\r\na\r\n1\r\nb\r\n0\r\nX-Trailer: a\r\n\r\n", b"ab"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (whole(b""), b""),
    ],
    ids=["informational", "chunked", "no content", "empty"],
)
async def test_answers_leave_a_connection_that_serves_again(
    upstream: HttpUpstream, answer: bytes, body: bytes
) -> None:
    """However an answer is framed, the next one on its connection is the next one."""
    async with kept(always(answer)) as found:
        got = [await _get(upstream, found.endpoint()) for _ in range(3)]
    assert [one[1] for one in got] == [body] * 3
    assert found.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"ab", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        whole(b"ab") + whole(b"cd"),
        whole(b"ab") + b"x",
    ],
    ids=["close", "HTTP/1.0", "two answers", "bytes behind"],
)
async def test_connections_that_cannot_be_trusted_do_not_serve_again(
    upstream: HttpUpstream, answer: bytes
) -> None:
    """An answer is delivered; what stands behind it is nobody's, and the next request has a new connection."""
    async with kept(always(answer)) as found:
        assert [await _get(upstream, found.endpoint()) for _ in range(3)] == [(200, b"ab")] * 3
    assert (found.connections, len(found.requests)) == (3, 3)


async def test_a_late_second_answer_is_given_to_nobody(upstream: HttpUpstream) -> None:
    """Bytes on an idle connection end it; they never become the answer to the next request."""
    ours = whole(b"first")

    async def twice(request: bytes, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(ours)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(whole(b"evil"))

    async with kept(twice) as found:
        assert await _get(upstream, found.endpoint()) == (200, b"first")
        await found.left.wait()
        assert await _get(upstream, found.endpoint()) == (200, b"first")
    assert found.connections == 2


_BAD = {
    "too many informational": b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + whole(b"{}"),
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\n" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "chunked is not last": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "length and coding": _CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "NUL": b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
    "large head in small fields": b"HTTP/1.1 200 OK\r\n" + (b"A: " + b"b" * 1000 + b"\r\n") * 200,
    "large trailers": _CHUNKED + b"0\r\n" + (b"A: " + b"b" * 5000 + b"\r\n") * 200 + b"\r\n",
    "a trailer without end": _CHUNKED + b"0\r\nA: " + b"b" * (1 << 20),
    "a chunk extension without end": _CHUNKED + b"1;a=" + b"b" * (1 << 20),
    "a status below 100 with a body": b"HTTP/1.1 099 No\r\nContent-Length: 2\r\n\r\n{}" + whole(b"{}"),
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", _BAD)
async def test_answers_that_two_readers_could_frame_differently_are_refused(
    upstream: HttpUpstream, name: str
) -> None:
    """Ambiguous or oversized framing is malformed, and its connection ends."""
    async with kept(always(_BAD[name])) as found:
        with pytest.raises(UpstreamError) as caught:
            await _get(upstream, found.endpoint())
        async with asyncio.timeout(30):
            await found.left.wait()
    assert caught.value.fault is UpstreamFault.MALFORMED


async def test_a_request_is_never_sent_twice(upstream: HttpUpstream) -> None:
    """A connection that ends under a request fails that request: a provider may have begun to act on it."""

    async def once(request: bytes, writer: asyncio.StreamWriter) -> None:
        del request
        if len(found.requests) == 1:
            writer.write(whole(b"{}"))
        else:
            writer.close()

    async with kept(once) as found:
        await _get(upstream, found.endpoint())
        with pytest.raises(UpstreamError) as caught:
            await _get(upstream, found.endpoint())
    assert caught.value.fault is UpstreamFault.UNAVAILABLE
    assert (found.connections, len(found.requests)) == (1, 2)


async def test_an_answer_before_the_request_was_read_ends_the_connection(upstream: HttpUpstream) -> None:
    """What was not written yet would stand before the next request: such a connection is not used again."""
    ends: list[asyncio.Task[object] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b"no", status="413 Too Large"))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            while await reader.read(1 << 20):
                pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 16)
    endpoint = Endpoint("early", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", private=True)
    large = UpstreamRequest("POST", "/v1/x", body=b"a" * (32 << 20))
    for _ in range(2):
        async with await upstream.open(endpoint, large) as got:
            assert (got.status, await got.read(10)) == (413, b"no")
    server.close()
    await asyncio.wait_for(asyncio.gather(*(task for task in ends if task)), 60)
    assert len(ends) == 2


async def test_a_slow_reader_is_not_the_providers_silence(
    upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody takes what came, the idle limit does not run; afterwards everything is there."""
    monkeypatch.setattr(wire, "_HIGH", 1 << 16)
    monkeypatch.setattr(wire, "_LOW", 1 << 14)
    body = b"a" * (8 << 20)
    async with (
        kept(always(whole(body))) as found,
        await upstream.open(found.endpoint(idle_s=0.2), _POST) as got,
    ):
        await asyncio.sleep(0.6)  # three idle limits long
        assert await got.read(16 << 20) == body


async def test_small_pieces_are_not_piled_up() -> None:
    """A body in tiny chunks takes many times its size in memory: reading stops by what it takes."""
    transport = Mock(spec=asyncio.Transport)
    connection = wire.Connection(asyncio.get_running_loop(), free=Mock(), lost=Mock())
    connection.connection_made(transport)
    connection.send(b"", b"", wire.Limits(float("inf"), 5, float("inf")))
    connection.data_received(_CHUNKED + b"2\r\nab\r\n" * 20_000)
    transport.pause_reading.assert_called_once()
    connection.abort()


async def test_closing_ends_what_is_under_way(upstream: HttpUpstream) -> None:
    """Whoever waits for an answer when the carrier is closed learns of it at once."""
    asked = asyncio.Event()

    async def silent(request: bytes, writer: asyncio.StreamWriter) -> None:
        del request, writer
        asked.set()

    async with kept(silent) as found:
        waits = asyncio.ensure_future(upstream.open(found.endpoint(), _POST))
        await asked.wait()
        await upstream.close()
        with pytest.raises(UpstreamError) as caught:
            await asyncio.wait_for(waits, 30)
    assert caught.value.fault is UpstreamFault.UNAVAILABLE


def test_a_limit_that_is_over_already_ends_the_answer_in_production() -> None:
    """Production's loop, uvloop, gives no timer for the present moment; such an answer ends as any late one."""

    async def late() -> None:
        loop = asyncio.get_running_loop()
        connection = wire.Connection(loop, free=Mock(), lost=Mock())
        connection.connection_made(Mock(spec=asyncio.Transport))
        reply = connection.send(b"", b"", wire.Limits(float("inf"), 5, loop.time()))
        connection.data_received(whole(b"ab")[:-1])
        assert await reply.take() == b"a"
        with pytest.raises(wire.BrokenError) as caught:
            await reply.take()
        assert caught.value.fault is UpstreamFault.TIMEOUT

    uvloop.run(late())


class _Clock:
    """A loop whose time is the test's, and which keeps its timers."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.timers: list[tuple[float, Mock]] = []
        self.loop = Mock(wraps=asyncio.get_running_loop())
        self.loop.time.side_effect = lambda: self.now_s
        self.loop.call_at.side_effect = self._call_at

    def _call_at(self, at: float, _call: Callable[[], None]) -> Mock:
        self.timers.append((at, Mock()))
        return self.timers[-1][1]


async def test_a_timer_serves_many_answers_and_none_is_waited_for_too_long() -> None:
    """The timer of one answer looks at the next one as well: later limits move it, earlier ones replace it."""
    clock, free = _Clock(), Mock()
    connection = wire.Connection(clock.loop, free=free, lost=Mock())
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    transport.get_write_buffer_size.return_value = 0
    connection.connection_made(transport)
    for count in range(1, 4):  # each is answered at once, a second after the one before
        reply = connection.send(b"", b"", wire.Limits(clock.now_s + 30, 120, clock.now_s + 600))
        connection.data_received(whole(b"ab"))
        assert reply.take_whole() == b"ab"
        assert free.call_count == count
        clock.now_s += 1
    assert [at for at, _ in clock.timers] == [1030]

    silent = connection.send(b"", b"", wire.Limits(clock.now_s + 30, 120, clock.now_s + 600))
    clock.now_s = 1030
    connection._look()  # the timer of the first one
    assert silent.error is None
    assert [at for at, _ in clock.timers] == [1030, 1033]
    clock.now_s = 1033
    connection._look()
    assert silent.error is not None
    assert silent.error.fault is UpstreamFault.TIMEOUT


async def test_a_shorter_limit_replaces_the_timer_of_an_answer_before() -> None:
    """Who asks with less patience than the one before is not made to wait for the other's timer."""
    clock = _Clock()
    connection = wire.Connection(clock.loop, free=Mock(), lost=Mock())
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    transport.get_write_buffer_size.return_value = 0
    connection.connection_made(transport)
    connection.send(b"", b"", wire.Limits(float("inf"), 120, clock.now_s + 600))
    connection.data_received(whole(b"ab"))
    connection.send(b"", b"", wire.Limits(clock.now_s + 5, 120, clock.now_s + 600))
    assert [at for at, _ in clock.timers] == [1600, 1005]
    assert clock.timers[0][1].cancel.call_count == 1
    connection.connection_lost(None)
    assert clock.timers[1][1].cancel.call_count == 1


async def test_an_answer_is_taken_whole_only_once_it_is() -> None:
    """What is still coming, and what broke off, is never given as if it were all."""
    connection = wire.Connection(asyncio.get_running_loop(), free=Mock(), lost=Mock())
    connection.connection_made(Mock(spec=asyncio.Transport))
    reply = connection.send(b"", b"", wire.Limits(float("inf"), 5, float("inf")))
    connection.data_received(whole(b"abcd")[:-2])
    assert reply.take_whole() is None
    connection.connection_lost(None)
    assert reply.done
    assert reply.take_whole() is None
    assert await reply.take() == b"ab"
    with pytest.raises(wire.BrokenError):
        await reply.take()


async def test_idle_connections_are_closed(upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nobody used for the keep-alive time is closed by us."""
    monkeypatch.setattr(pool, "KEEP_ALIVE_S", 0.1)
    async with kept(always(whole(b"{}"))) as found:
        await _get(upstream, found.endpoint())
        async with asyncio.timeout(30):
            await found.left.wait()


async def test_what_may_change_something_takes_no_connection_that_has_rested_for_long(
    upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers close what rests, and nobody would know whether a change met that; model calls take it longer."""
    async with kept(always(whole(b"{}"))) as found:
        await _get(upstream, found.endpoint())
        await _get(upstream, found.endpoint())
        places = upstream._pools[True]
        ((origin, (connection,)),) = places._idle.items()
        now = connection.idle_since
        assert places.idle(origin, now + pool.FRESH_S - 1, is_fresh=True) is connection
        places._freed(origin, connection)
        assert places.idle(origin, now + pool.KEEP_ALIVE_S - 1) is connection
        places._freed(origin, connection)
        asked: list[bool] = []
        real = places.idle

        def noting(origin: Origin, now: float, *, is_fresh: bool = False) -> wire.Connection | None:
            asked.append(is_fresh)
            return real(origin, now, is_fresh=is_fresh)

        monkeypatch.setattr(places, "idle", noting)
        for verbatim in (False, True):
            async with await upstream.open(
                found.endpoint(), UpstreamRequest("POST", "/x", body=b"{}", verbatim=verbatim)
            ) as answer:
                await answer.read(10)
        assert asked == [False, True]
        assert real(origin, connection.idle_since + pool.FRESH_S + 1, is_fresh=True) is None
        async with asyncio.timeout(30):
            await found.left.wait()


async def _local(host: str, port: int) -> list[str]:
    del host, port
    return ["127.0.0.1"]


async def test_places_are_bounded_and_handed_on() -> None:
    """With all places taken a request waits its turn; a waiter that gives up takes no place with it."""
    async with kept(always(whole(b"{}"))) as found:
        places = Pool(resolve=_local, tls=HttpUpstream()._tls, most=2)
        here = Origin("127.0.0.1", found.port, is_tls=False)
        first, second = [await places.connect(here, 30) for _ in range(2)]
        gives_up = asyncio.ensure_future(places.connect(here, 30))
        waits = asyncio.ensure_future(places.connect(here, 30))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gives_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gives_up
        assert not waits.done()
        first.abort()
        assert (await waits).is_open
        with pytest.raises(wire.BrokenError) as caught:
            await places.connect(here, 0.05)
        assert caught.value.fault is UpstreamFault.TIMEOUT
        assert second.is_open
        places.close()
        await asyncio.sleep(0)


async def test_an_idle_connection_makes_room_for_another_provider() -> None:
    """Idle connections to one provider never keep another from being asked."""
    async with kept(always(whole(b"{}"))) as one, kept(always(whole(b"{}"))) as other:
        places = Pool(resolve=_local, tls=HttpUpstream()._tls, most=1)
        origins = [Origin("127.0.0.1", found.port, is_tls=False) for found in (one, other)]
        connection = await places.connect(origins[0], 30)
        reply = connection.send(
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"", wire.Limits(float("inf"), 5, float("inf"))
        )
        await reply.head()
        assert await places.connect(origins[1], 30) is not connection
        assert not connection.is_open
        places.close()
        await asyncio.sleep(0)
