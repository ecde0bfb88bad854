"""AWS's binary event stream: read as botocore reads it, whatever the chunks; what is broken is never an end."""

from binascii import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.routing.kinds.bedrock import Events
from firewall.routing.kinds.eventstream import Decoder
from tests.support.clouds import chunk_of, message_of

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = st.text(alphabet="abc:-xyz", min_size=1, max_size=20)
MESSAGES = st.lists(st.tuples(st.dictionaries(NAMES, TEXTS, max_size=4), st.binary(max_size=200)), max_size=4)


@given(MESSAGES, st.integers(min_value=1, max_value=64))
def test_messages_are_read_as_botocore_reads_them(wanted: list[tuple[dict[str, str], bytes]], step: int) -> None:
    """Headers and payloads of any content come out alike, however the stream is cut."""
    stream = b"".join(message_of(headers, payload) for headers, payload in wanted)
    decoder, oracle = Decoder(), EventStreamBuffer()
    found = []
    for place in range(0, len(stream), step):
        found += decoder.feed(stream[place : place + step])
    decoder.finish()
    oracle.add_data(stream)
    assert [(one.headers, one.payload) for one in found] == [(one.headers, one.payload) for one in oracle]


@given(st.integers(min_value=0, max_value=7), st.data())
def test_one_wrong_bit_is_noticed(bit: int, data: st.DataObject) -> None:
    """Checksums cover every byte: a flipped bit is an error, or the stream never completes."""
    stream = bytearray(message_of({":event-type": "chunk"}, b'{"bytes": ""}'))
    place = data.draw(st.integers(min_value=0, max_value=len(stream) - 1))
    stream[place] ^= 1 << bit
    decoder = Decoder()
    with pytest.raises(UpstreamError):  # noqa: PT012 - either of the two may be the first to notice
        decoder.feed(bytes(stream))
        decoder.finish()


def test_headers_of_every_type_are_passed_over() -> None:
    """Numbers, times and bytes are skipped by their lengths; texts behind them are found."""
    sizes = {0: b"", 1: b"", 2: b"a", 3: b"ab", 4: b"abcd", 5: b"x" * 8, 6: b"\0\2hi", 8: b"y" * 8, 9: b"z" * 16}
    head = b"".join(bytes([1, 97 + kind, kind]) + value for kind, value in sizes.items())
    head += b"\x01t\x07\x00\x02ok"
    [found] = Decoder().feed(_framed(head, b"p"))
    assert (found.headers["t"], found.payload) == ("ok", b"p")


@pytest.mark.parametrize(
    "head",
    [
        b"\x05ab",
        b"\x01a\x63",
        b"\x01a\x07\xff\xffx",
        b"\x01a\x07\x00\x01x\x01a\x07\x00\x01x",
        b"\x01\xff\x07\x00\x00",
        b"\x01a",
    ],
)
def test_headers_that_cannot_be_read_are_refused(head: bytes) -> None:
    """Cut, unknown, too long, twice or no text: the stream is malformed."""
    with pytest.raises(UpstreamError) as refused:
        Decoder().feed(_framed(head, b""))
    assert refused.value.fault is UpstreamFault.MALFORMED


@pytest.mark.parametrize("lengths", [(8, 0), (1 << 31, 0), (40, 200), (200_000, 190_000)])
def test_lengths_that_cannot_be_are_refused_at_once(lengths: tuple[int, int]) -> None:
    """A length is judged before anything is waited for: nobody makes us keep gigabytes."""
    prelude = b"".join(one.to_bytes(4, "big") for one in lengths)
    with pytest.raises(UpstreamError):
        Decoder().feed(prelude + _crc(prelude))


def test_events_become_events_and_exceptions_errors() -> None:
    """What Bedrock adds is left out, unknown frames are passed over, an exception is an error event."""
    events = Events()
    stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"x": 1}}
    assert events.feed(chunk_of(stop)) == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert events.feed(chunk_of({"completion": "old"})) == b""
    assert events.feed(message_of({":event-type": "initial-response", ":message-type": "event"}, b"{}")) == b""
    kind = {":exception-type": "modelTimeoutException", ":message-type": "exception"}
    error = events.feed(message_of(kind, b'{"message": "late"}'))
    assert error.startswith(b"event: error\n")
    assert b"late" in error
    assert b"modelTimeoutException" in events.feed(message_of(kind, b"no json"))


@pytest.mark.parametrize("payload", [b'{"bytes": "!!"}', b'{"bytes": "bm8="}', b"[]", b"{}"])
def test_events_that_cannot_be_read_are_refused(payload: bytes) -> None:
    """No base64, no JSON inside, no object, nothing: malformed, never passed over."""
    with pytest.raises(UpstreamError):
        Events().feed(message_of({":event-type": "chunk"}, payload))


def test_a_cut_message_is_no_end() -> None:
    """Whoever ends in the middle of a message has broken off."""
    events = Events()
    events.feed(chunk_of({"type": "ping"})[:-1])
    with pytest.raises(UpstreamError) as refused:
        events.finish()
    assert refused.value.fault is UpstreamFault.UNAVAILABLE


def _crc(data: bytes) -> bytes:
    return crc32(data).to_bytes(4, "big")


def _framed(head: bytes, payload: bytes) -> bytes:
    prelude = (16 + len(head) + len(payload)).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    whole = prelude + _crc(prelude) + head + payload
    return whole + _crc(whole)
