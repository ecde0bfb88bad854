"""One request and its answer: the bytes that uvicorn itself would write, and a client that leaves is noticed."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast
from unittest.mock import Mock

import pytest
from starlette.types import Receive, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from firewall.core.errors import ProtocolError
from firewall.gates.edge.body import read_body
from firewall.gates.edge.cycle import Bell, Cycle, Defaults, cycle_of
from firewall.gates.edge.cycle import Line as Shared
from firewall.gates.edge.send import Connection, has_begun, noting, send_whole

DATE = [(b"date", b"Sat, 21 Nov 2026 22:00:00 GMT")]
JSON = (b"Content-Type", b"application/json")
Messages = Sequence[Mapping[str, Any]]
Fields = list[tuple[bytes, bytes]]


def _start(status: int = 200, *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def _piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _receive(cycle: Cycle) -> Receive:
    return cast("Receive", cycle.receive)  # uvicorn's messages are typed more narrowly


def _send(cycle: Cycle) -> Send:
    return cast("Send", cycle.send)


def _length(size: int) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % size)


ANSWERS: Mapping[str, Messages] = {
    "whole": [_start(200, JSON, _length(2)), _piece(b"{}")],
    "whole in pieces": [_start(200, _length(4)), _piece(b"ab", more=True), _piece(b"cd")],
    "without a length": [_start(200, JSON), _piece(b"ab", more=True), _piece(b"", more=True), _piece(b"c")],
    "chunked by name": [_start(200, (b"Transfer-Encoding", b"Chunked")), _piece(b"ab", more=True), _piece(b"")],
    "empty": [_start(204), _piece(b"")],
    "unchanged": [_start(304, (b"etag", b'"a"')), _piece(b"")],
    "closing": [_start(200, _length(1), (b"Connection", b"x, Close")), _piece(b"a")],
    "longer than it says": [_start(200, _length(1)), _piece(b"ab")],
    "shorter than it says": [_start(200, _length(3)), _piece(b"ab")],
    "a name that ends its line": [_start(200, (b"x\r\ny", b"a")), _piece(b"")],
    "a value that ends its line": [_start(200, JSON, (b"x", b"a\r\ny: b")), _piece(b"")],
    "a value with a tab": [_start(200, (b"x", b"a\tb")), _piece(b"")],
    "a value with a zero": [_start(200, (b"x", b"a\x00b"), JSON), _piece(b"")],
    "a length that is none": [_start(200, (b"content-length", b"x")), _piece(b"")],
    "a body first": [_piece(b"a")],
    "two heads": [_start(200, _length(1)), _start(200, _length(1)), _piece(b"a")],
    "more than an answer": [_start(200, _length(1)), _piece(b"a"), _piece(b"b")],
}


class Line:
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        self.out = b""
        self.is_closed = False
        self.answered = 0
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.write.side_effect = self._write
        self.transport.close.side_effect = self._close
        self.transport.is_closing.side_effect = lambda: self.is_closed
        self.flow = FlowControl(self.transport)

    def _write(self, data: bytes) -> None:
        self.out += data

    def _close(self) -> None:
        self.is_closed = True

    def _answered(self) -> None:
        self.answered += 1

    def ours(self, *, method: str = "POST", keep_alive: bool = True, expects: bool = False) -> Cycle:
        """Return our cycle on this connection."""
        shared = Shared(self.transport, self.flow, asyncio.get_running_loop(), self._answered)
        cycle = Cycle({"method": method}, shared)  # type: ignore[typeddict-item]  # nothing else of a scope is read
        cycle.defaults = Defaults().written(DATE)
        cycle.waiting_for_100_continue = expects
        cycle.keep_alive = keep_alive
        return cycle

    def uvicorns(self, *, method: str = "POST", keep_alive: bool = True) -> RequestResponseCycle:
        """Return uvicorn's cycle on this connection."""
        return RequestResponseCycle(
            {"method": method},  # type: ignore[typeddict-item]  # nothing else of a scope is read
            self.transport,
            self.flow,
            logging.getLogger("test"),
            logging.getLogger("test"),
            access_log=False,
            default_headers=list(DATE),
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=self._answered,
        )


async def _said(line: Line, cycle: RequestResponseCycle, messages: Messages) -> tuple[bytes, bool, bool, int]:
    failed = False
    for message in messages:
        try:
            await cycle.send(message)  # type: ignore[arg-type]  # some of them are wrong on purpose
        except (RuntimeError, ValueError):
            failed = True
            break
    await asyncio.sleep(0)
    return line.out, failed, line.is_closed, line.answered


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(("method", "keep_alive"), [("POST", True), ("HEAD", True), ("POST", False)])
async def test_an_answer_is_the_one_that_uvicorn_writes(name: str, method: str, *, keep_alive: bool) -> None:
    """Byte for byte, with the same end of the connection; what uvicorn refuses to write is refused."""
    theirs, ours = Line(), Line()
    expected = await _said(theirs, theirs.uvicorns(method=method, keep_alive=keep_alive), ANSWERS[name])
    found = await _said(ours, ours.ours(method=method, keep_alive=keep_alive), ANSWERS[name])
    assert found[1:] == expected[1:]
    if expected[1]:  # of an answer that fails no more may be written than uvicorn writes
        assert expected[0].startswith(found[0]) or found[0] == expected[0]
    else:
        assert found[0] == expected[0]


async def test_a_head_leaves_with_its_body_or_alone() -> None:
    """One write for an answer that comes whole; a head that nothing follows is not kept back."""
    line = Line()
    cycle = line.ours()
    await cycle.send(_start(200, _length(2)))  # type: ignore[arg-type]  # as ASGI has it
    await cycle.send(_piece(b"{}"))  # type: ignore[arg-type]  # as ASGI has it
    assert line.transport.write.call_count == 1
    stream = Line()
    await stream.ours().send(_start(200))  # type: ignore[arg-type]  # as ASGI has it
    assert stream.out == b""
    await asyncio.sleep(0)
    assert stream.out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert stream.out.endswith(b"\r\n\r\n")


async def test_an_answer_that_is_not_finished_ends_the_connection() -> None:
    """The client sees the head and a cut, never an end; of an application that said nothing it sees a 500."""

    async def begins(_scope: object, _receive: object, send: Any) -> None:
        await send(_start(200, _length(5)))

    async def fails(_scope: object, _receive: object, _send: object) -> None:
        raise ValueError("on purpose")

    line = Line()
    await line.ours().run_asgi(begins)
    assert line.out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert line.is_closed
    silent = Line()
    await silent.ours().run_asgi(fails)
    assert silent.out.startswith(b"HTTP/1.1 500 ")
    assert silent.is_closed


async def test_a_body_that_is_here_is_taken_without_waiting() -> None:
    """Once, whole, and within its limit; one that is still coming is waited for, piece by piece."""
    cycle = Line().ours()
    cycle.put(b"ab")
    assert cycle.take_whole() is None
    cycle.put(b"cd")
    cycle.more_body = False
    assert await read_body(_receive(cycle), 4) == b"abcd"
    assert cycle.take_whole() == b""

    late = Line().ours()
    late.put(b"ab")
    reading = asyncio.ensure_future(read_body(_receive(late), 4))
    await asyncio.sleep(0)
    late.more_body = False
    late.put(b"cd")
    assert await reading == b"abcd"

    large = Line().ours()
    large.put(b"abcde")
    large.more_body = False
    with pytest.raises(ProtocolError, match="larger than 4"):
        await read_body(_receive(large), 4)


async def test_a_client_that_waits_to_send_is_told_to_go_on() -> None:
    """`100 Continue` is said before its body is waited for, even where the body has come all the same."""
    line = Line()
    cycle = line.ours(expects=True)
    cycle.put(b"ab")
    cycle.more_body = False
    assert await read_body(_receive(cycle), 4) == b"ab"
    assert line.out == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_client_that_leaves_is_noticed_once() -> None:
    """At once, also where it had left before; after the watch has ended nobody is called."""
    gone = Mock()
    cycle = Line().ours()
    connection = Connection(_receive(cycle), gone)
    cycle.lost()
    cycle.lost()
    assert gone.call_count == 1
    connection.close()
    again = Mock()
    Connection(_receive(cycle), again)
    assert again.call_count == 1
    closed, other = Mock(), Line().ours()
    Connection(_receive(other), closed).close()
    other.lost()
    assert closed.call_count == 0


async def test_somebody_between_is_watched_by_messages() -> None:
    """A `receive` that is not the connection's own is asked as ASGI has it."""
    cycle = Line().ours()
    gone = asyncio.Event()

    async def between() -> Any:
        return await cycle.receive()

    assert cycle_of(between) is None
    connection = Connection(between, gone.set)
    connection.watch()
    await asyncio.sleep(0)
    cycle.lost()
    async with asyncio.timeout(30):
        await gone.wait()
    connection.close()


def _two(status: int, fields: Fields, body: bytes) -> Messages:
    head = {"type": "http.response.start", "status": status, "headers": fields}
    return [head, {"type": "http.response.body", "body": body}]


_WHOLE: dict[str, tuple[int, Fields, bytes]] = {
    "plain": (200, [(b"content-type", b"text/plain"), (b"content-length", b"2")], b"ok"),
    "nothing": (204, [], b""),
    "no length": (200, [(b"x-a", b"1")], b"chunked"),
    "closing": (200, [(b"connection", b"close"), (b"content-length", b"0")], b""),
    "too long": (200, [(b"content-length", b"1")], b"ok"),
    "too short": (200, [(b"content-length", b"9")], b"ok"),
    "a line in a value": (200, [(b"x-a", b"1\r\nx-b: 2"), (b"content-length", b"2")], b"ok"),
    "a line in a name": (200, [(b"x-a\r\n", b"1"), (b"content-length", b"2")], b"ok"),
}


@pytest.mark.parametrize("name", _WHOLE)
@pytest.mark.parametrize(("method", "keep_alive"), [("POST", True), ("HEAD", True), ("POST", False)])
async def test_an_answer_given_at_once_is_the_one_of_two_messages(
    name: str, method: str, *, keep_alive: bool
) -> None:
    """The same bytes, the same refusal, the same end of the connection."""
    status, fields, body = _WHOLE[name]
    twice, once = Line(), Line()
    expected = await _said(twice, twice.ours(method=method, keep_alive=keep_alive), _two(status, fields, body))
    cycle, failed = once.ours(method=method, keep_alive=keep_alive), False
    try:
        cycle.answer(status, fields, body)
    except (RuntimeError, ValueError):
        failed = True
        cycle._flush()  # what `run_asgi` does before it closes the connection of an answer that failed
    assert (once.out, failed, once.is_closed, once.answered) == expected


async def test_a_second_answer_has_no_place() -> None:
    """Neither behind one that was given at once nor behind a head; to nobody, nothing is written."""
    line = Line()
    cycle = line.ours()
    assert not has_begun(_send(cycle))
    await send_whole(_send(cycle), 200, [], b"ok")
    assert has_begun(_send(cycle))
    with pytest.raises(RuntimeError):
        cycle.answer(200, [], b"again")
    gone = Line()
    left = gone.ours()
    left.lost()
    await send_whole(_send(left), 200, [], b"ok")
    assert not gone.out
    assert not has_begun(_send(left))


async def test_an_answer_waits_for_what_was_written_before() -> None:
    """While the client does not take what it has, nothing more is written."""
    line = Line()
    cycle = line.ours()
    line.flow.pause_writing()
    waiting = asyncio.ensure_future(send_whole(_send(cycle), 200, [], b"ok"))
    await asyncio.sleep(0)
    assert not line.out
    line.flow.resume_writing()
    await waiting
    assert line.out.endswith(b"\r\n\r\nok")


async def test_who_stands_between_is_noted() -> None:
    """Where an application is not called by our protocol, a wrapper notes that its answer has begun."""
    said: list[object] = []

    async def send(message: object) -> None:
        said.append(message)

    noted = noting(send)
    assert not has_begun(noted)
    await send_whole(noted, 200, [], b"ok")
    assert has_begun(noted)
    assert len(said) == 2


async def test_a_bell_is_an_event() -> None:
    """Who comes after it rang does not wait; everybody who waits goes on; cleared, it is waited for again."""
    bell = Bell()
    waiting = [asyncio.ensure_future(bell.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    bell.set()
    await asyncio.gather(*waiting)
    await bell.wait()
    bell.clear()
    again = asyncio.ensure_future(bell.wait())
    await asyncio.sleep(0)
    assert not again.done()
    bell.set()
    await again
