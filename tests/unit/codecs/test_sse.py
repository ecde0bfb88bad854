"""The splitter of server-sent events."""

import pytest

from firewall.codecs import sse
from firewall.core.errors import ProtocolError


def _frames(data: bytes) -> list[sse.Frame]:
    splitter = sse.Splitter()
    return [*splitter.feed(data), *splitter.finish()]


@pytest.mark.parametrize(
    ("raw", "event", "data", "lines"),
    [
        (b"data: {}\n\n", "", b"{}", 1),
        (b"data:{}\n\n", "", b"{}", 1),
        (b"event: ping\ndata: {}\n\n", "ping", b"{}", 1),
        (b"data: a\ndata: b\n\n", "", b"a\nb", 2),
        (b"data: a\r\n\r\n", "", b"a", 1),
        (b"event: x\rdata: a\r\r", "x", b"a", 1),
        (b"id: 7\nretry: 10\ndata: a\n\n", "", b"a", 1),
        (b": keep\n\n", "", b"", 0),
        (b"\n", "", b"", 0),
        (b"\xef\xbb\xbfdata: a\n\n", "", b"a", 1),
    ],
)
def test_a_frame_is_read_as_the_specification_says(raw: bytes, event: str, data: bytes, lines: int) -> None:
    """Every legal form of a frame is read alike, with its exact bytes beside it."""
    assert _frames(raw) == [sse.Frame(raw, event, data, lines)]


def test_a_carriage_return_at_the_end_waits_for_its_line_feed() -> None:
    r"""A `\r` may be the first half of `\r\n`: the frame is not cut before that is known."""
    splitter = sse.Splitter()
    assert splitter.feed(b"data: a\r\n\r") == []
    assert [frame.raw for frame in splitter.feed(b"\ndata: b\n\n")] == [b"data: a\r\n\r\n", b"data: b\n\n"]


def test_what_is_unfinished_stays_in_rest() -> None:
    """A frame without its blank line is not a frame."""
    splitter = sse.Splitter()
    assert splitter.feed(b"data: a\n\ndata: b\n") == [sse.Frame(b"data: a\n\n", "", b"a", 1)]
    assert splitter.finish() == []
    assert splitter.rest == b"data: b\n"


@pytest.mark.parametrize(
    "raw",
    [
        b" data: x\n\n",
        b"data\n\n",
        b"DATA: x\n\n",
        b"something: x\n\n",
        b": data: x\n\n",
        b"event: a\nevent: b\ndata: x\n\n",
        b"event: \xff\ndata: x\n\n",
        b"event: {\x0bdata: {}\n\n",
        b"event: {\x0bdata: {}\ndata: {}\n\n",
        b"id: {\x0cdata: {}\n\n",
        b"retry: {\x1cdata: {}\n\n",
        b": x\x1dda\n\n",
        b"id: {\x1edata: {}\ndata: {}\n\n",
        "event: {\x85data: {}\n\n".encode(),
        'data: {"a":"\u2028data: {}"}\n\n'.encode(),
        'data: {"a":"\x85event: error"}\n\n'.encode(),
    ],
)
def test_lines_that_readers_understand_differently_are_refused(raw: bytes) -> None:
    """No frame passes that one reader takes for data and another for nothing."""
    with pytest.raises(ProtocolError) as caught:
        _frames(raw)
    assert (caught.value.code, caught.value.side) == ("stream_malformed", "upstream")


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 200 + b"\n\n"], [b"data: ", b"x" * 60, b"y" * 60]])
def test_a_frame_has_a_bounded_size(pieces: list[bytes]) -> None:
    """A frame longer than the bound is refused, finished or not."""
    splitter = sse.Splitter(max_frame_bytes=100)
    *first, last = pieces
    for piece in first:
        splitter.feed(piece)
    with pytest.raises(ProtocolError) as caught:
        splitter.feed(last)
    assert caught.value.code == "stream_frame_too_large"


def test_what_we_write_is_read_back() -> None:
    """Frames and comments that we write ourselves are well-formed."""
    written = sse.frame(b"{}", event="ping") + sse.comment(b"held") + sse.frame(b"{}")
    assert [(frame.event, frame.data) for frame in _frames(written)] == [("ping", b"{}"), ("", b""), ("", b"{}")]
