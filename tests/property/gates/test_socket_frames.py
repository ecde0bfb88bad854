"""What a target says through a WebSocket: as many bytes leave as came, and no credential in them, however cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.masking import Masker
from firewall.gates.infra.frames import Frames
from tests.support.credentials import DETECTOR
from tests.support.sockets import frame

PAT = b"gh" + b"p_" + b"aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
CONTROLS = (frame(b"", 9), frame(b"still there", 10), frame(b"\x03\xe8bye", 8))


def played(wire: bytes, cuts: list[int], *, protocol: str = "", flushes: bool = False) -> bytes:
    """Feed what came, cut at some places; `flushes`: nothing comes for a while at each of them."""
    frames = Frames(lambda: Masker(DETECTOR, keeps_length=True), protocol=protocol, is_cluster=True)
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    out = b""
    for begin, end in pairwise(edges):
        out += frames.feed(wire[begin:end])
        if flushes:
            out += frames.flush()
        assert len(out) <= end
    return out + frames.flush()


def payload(wire: bytes) -> bytes:
    """Return what stands in the data frames, for frames shorter than 126 bytes."""
    at, out = 0, b""
    while at < len(wire):
        size = wire[at + 1]
        if wire[at] & 0x0F < 8:
            out += wire[at + 2 : at + 2 + size]
        at += 2 + size
    return out


def pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    """Cut a text."""
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[begin:end] for begin, end in pairwise(edges)]


messages = st.lists(st.binary(max_size=200).map(lambda data: data.replace(b"p_", b"--")), max_size=6)
places = st.lists(st.integers(0, 4000), max_size=12)


@given(said=messages, cuts=places, flushes=st.booleans(), protocol=st.sampled_from(["", "v5.channel.k8s.io"]))
def test_what_holds_no_credential_stays_as_it_is(
    *, said: list[bytes], cuts: list[int], flushes: bool, protocol: str
) -> None:
    """Text and data, whole and cut, with control frames between: the same bytes, where nothing was found."""
    wire = b"".join(frame(one) + CONTROLS[at % 2] for at, one in enumerate(said))
    came = played(wire, cuts, protocol=protocol, flushes=flushes)
    assert len(came) == len(wire)
    if b"redacted" not in came:
        assert came == wire


@given(cuts=places, frames=st.lists(st.integers(0, 100), max_size=5), pings=st.booleans())
def test_a_credential_in_one_message_is_hidden(*, cuts: list[int], frames: list[int], pings: bool) -> None:
    """A message in fragments, with or without control frames between them and however the stream is cut."""
    parts = pieces(b"see " + PAT + b" there", frames)
    wire = b"".join(
        frame(part, 2 if at == 0 else 0, is_last=at == len(parts) - 1) + (CONTROLS[at % 2] if pings else b"")
        for at, part in enumerate(parts)
    )
    came = played(wire, cuts)
    assert len(came) == len(wire)
    assert payload(came).startswith(b"see [redacted:")
    assert payload(came).endswith(b" there")
    assert PAT not in payload(came)


@given(
    cuts=places,
    frames=st.lists(st.integers(0, 100), max_size=5),
    between=st.sampled_from([b"", frame(b"\x02"), frame(b"\x02x"), frame(b"\x02an error\n"), CONTROLS[0]]),
    protocol=st.sampled_from(["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io", ""]),
)
def test_a_credential_in_a_channel_is_hidden(
    cuts: list[int], frames: list[int], between: bytes, protocol: str
) -> None:
    """The output of a pod comes in as many messages as it likes: one channel is one stream."""
    wire = between.join(frame(b"\x01" + part) for part in pieces(b"TOKEN=" + PAT + b"\n", frames))
    came = played(wire, cuts, protocol=protocol)
    assert len(came) == len(wire)
    said = channel(came, 1)
    assert PAT not in said
    assert said.startswith(b"TOKEN=[redacted:")


def channel(wire: bytes, number: int) -> bytes:
    """Return what one channel said, for frames shorter than 126 bytes."""
    at, out = 0, b""
    while at < len(wire):
        said = wire[at + 2 : at + 2 + wire[at + 1]]
        if wire[at] & 0x0F < 8 and said[:1] == bytes([number]):
            out += said[1:]
        at += 2 + len(said)
    return out
