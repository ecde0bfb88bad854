"""The key is found wherever it is cut, and nothing else is touched."""

import base64
import json
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import UpstreamError
from firewall.core.secret import Secret
from firewall.routing.body import MASK, Decoder, Scrubber, scrub

_KEY = b"sk-sk-abcabd"


def _through(chunks: list[bytes]) -> bytes:
    scrubber = Scrubber((_KEY,))
    return b"".join([*(scrubber.feed(chunk) for chunk in chunks), scrubber.finish()])


@given(st.lists(st.sampled_from([b"s", b"sk-", b"sk-sk-", b"abcab", b"d", _KEY, b"x", b"\n\n"]), max_size=12))
def test_scrubbing_does_not_depend_on_cuts(chunks: list[bytes]) -> None:
    """Any chunking gives the same bytes as the whole, and none of them holds the key."""
    whole = b"".join(chunks)
    assert _through(chunks) == whole.replace(_KEY, MASK)
    assert _through([whole[at : at + 1] for at in range(len(whole))]) == whole.replace(_KEY, MASK)


@given(st.binary(max_size=200))
def test_other_bytes_pass_unchanged(data: bytes) -> None:
    """What is not the key is forwarded as it came."""
    assert _through([data]) == data.replace(_KEY, MASK)


def test_an_event_never_waits() -> None:
    """A complete event leaves at once: nothing is held back unless it could be the key's beginning."""
    assert Scrubber((_KEY,)).feed(b'data: {"s":"sk"}\n\n') == b'data: {"s":"sk"}\n\n'


@given(st.binary(max_size=5000), st.integers(1, 50))
def test_decoding_does_not_depend_on_cuts(data: bytes, step: int) -> None:
    """Any chunking of a compressed body gives the body."""
    packed = zlib.compress(data)
    decoder = Decoder("deflate", limit=10_000)
    out = b"".join(decoder.feed(packed[at : at + step]) for at in range(0, len(packed), step))
    decoder.finish()
    assert out == data


def test_a_bomb_stops_at_the_limit() -> None:
    """Decoding ends with an error as soon as more comes out than allowed."""
    with pytest.raises(UpstreamError, match="too large"):
        Decoder("gzip", limit=1000).feed(zlib.compress(b"a" * 100_000, wbits=31))


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_a_bomb_is_known_by_how_much_comes_out_of_little(step: int) -> None:
    """Long before the limit, and whatever the cuts; what is only well packed passes."""
    packed = zlib.compress(b"a" * (8 << 20), wbits=31)
    decoder = Decoder("gzip", limit=64 << 20)
    given: list[bytes] = []
    with pytest.raises(UpstreamError, match="too large"):
        given.extend(decoder.feed(packed[at : at + step]) for at in range(0, len(packed), step))
    assert sum(map(len, given)) <= 1 << 20
    lines = b"".join(b'{"id": %d, "name": "item", "state": "running"},\n' % number for number in range(60_000))
    assert Decoder("gzip", limit=64 << 20).feed(zlib.compress(lines, 9, wbits=31)) == lines


def test_no_secret_no_change() -> None:
    """An absent key changes no text."""
    assert scrub("plain", ()) == "plain"
    assert scrub("a key here", (b"key",)) == "a [redacted] here"


_LONG = Secret('p/ss+word=a%b"c:Zz9~secret-value')
_FORMS = [
    quote(_LONG.reveal(), safe=""),
    json.dumps(_LONG.reveal()),
    json.dumps(_LONG.reveal()).replace("/", "\\/"),
    json.dumps(json.dumps(_LONG.reveal()).replace("/", "\\/")),
    _LONG.reveal().encode().hex(),
    *(
        base64.b64encode(b"user:x"[:n] + _LONG.reveal().encode() + tail).decode()
        for n in range(4)
        for tail in (b"", b"z")
    ),
    *(base64.urlsafe_b64encode(b"user:x"[:n] + _LONG.reveal().encode()).decode() for n in range(4)),
]


@pytest.mark.parametrize("form", _FORMS)
@given(cut=st.integers(1, 20), around=st.sampled_from([b"", b'{"a": "', b"s", b"Basic "]))
def test_an_encoded_key_is_found_as_well(form: str, cut: int, around: bytes) -> None:
    """Escaped, in hex, in base64 behind anything, wherever the stream is cut: nothing of it is left."""
    whole = around + form.encode() + b"\n"
    scrubber = Scrubber(_LONG.spellings)
    chunks = [whole[at : at + cut] for at in range(0, len(whole), cut)]
    out = b"".join([*(scrubber.feed(chunk) for chunk in chunks), scrubber.finish()])
    assert MASK in out
    assert len(out) < len(around) + 30


def test_a_short_key_is_looked_for_as_it_is() -> None:
    """What is too short to be told from chance in base64 is not looked for there."""
    assert Secret("abc").spellings == (b"abc",)
    assert Secret("").spellings == ()
