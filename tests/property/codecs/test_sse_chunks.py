"""What always holds of the splitter of server-sent events."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.codecs import sse
from firewall.core.errors import ProtocolError

_PIECES = st.sampled_from(
    [
        b"data: a",
        b"data: b\r\n\r\n",
        b"data:",
        b"event: x",
        b": c",
        b"id: 1",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        "é\u2028".encode(),
    ]
)
_MARK = b"\xef\xbb\xbf"


def _split(chunks: list[bytes]) -> tuple[list[sse.Frame], bytes] | str:
    splitter = sse.Splitter()
    try:
        frames = [frame for chunk in chunks for frame in splitter.feed(chunk)]
        frames += splitter.finish()
    except ProtocolError as error:
        return error.code
    return frames, splitter.rest


@given(st.booleans(), st.lists(_PIECES, max_size=30), st.lists(st.integers(0, 200), max_size=20))
@settings(max_examples=400, deadline=None)
def test_any_chunking_gives_the_same_frames(marked: bool, pieces: list[bytes], places: list[int]) -> None:  # noqa: FBT001 - hypothesis passes its draws by place
    """However a stream is cut, the frames are the same, and with the rest they are every byte of it."""
    stream = (_MARK if marked else b"") + b"".join(pieces)
    cuts = sorted({min(place, len(stream)) for place in places} | {0, len(stream)})
    whole = _split([stream])
    assert _split([stream[a:b] for a, b in pairwise(cuts)]) == whole
    assert _split([stream[at : at + 1] for at in range(len(stream))]) == whole
    if not isinstance(whole, str):
        frames, rest = whole
        assert b"".join(frame.raw for frame in frames) + rest == stream
