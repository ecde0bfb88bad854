"""Frames of a target: what is no frame of a server is refused, and each message stands for itself."""

import pytest

from firewall.classify.credentials.masking import Masker
from firewall.gates.infra.frames import CredentialSaidError, FrameError, Frames
from tests.support.credentials import DETECTOR
from tests.support.sockets import frame

PAT = b"gh" + b"p_" + b"aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"


def reader(*, hides: bool = True, forms: tuple[bytes, ...] = (), found: list[str] | None = None) -> Frames:
    """Return one that masks."""
    note = None if found is None else found.append
    return Frames(lambda: Masker(DETECTOR, hides=hides, found=note, keeps_length=True), forms=forms)


@pytest.mark.parametrize(
    "wire",
    [
        b"\xc2\x01x",
        b"\x83\x01x",
        b"\x8b\x01x",
        b"\x82\x81abcdx",
        b"\x89\x7e\x00\x80",
        b"\x09\x01x",
        b"\x80\x01x",
        b"\x02\x01x\x82\x01y",
        b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
    ],
    ids=[
        "reserved bits",
        "opcode 3",
        "opcode 11",
        "masked",
        "long ping",
        "ping in pieces",
        "goes on with nothing",
        "begins within another",
        "longer than there is",
    ],
)
def test_what_is_no_frame_is_refused(wire: bytes) -> None:
    """Nothing that cannot be read goes on (RFC 6455, 5.2 to 5.5)."""
    with pytest.raises(FrameError):
        reader().feed(wire)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
def test_every_length_is_read(size: int) -> None:
    """Seven, sixteen and sixty-four bits."""
    wire = frame(b"x " * (size // 2) + b"x" * (size % 2)) + frame(b"behind it", 1)
    frames = reader()
    assert frames.feed(wire) + frames.flush() == wire


def test_a_message_is_no_context_of_the_next() -> None:
    """What ends one message does not stand before what begins another, and what waits ends with its message."""
    frames = reader()
    came = frames.feed(frame(b"abc", 1) + frame(PAT, 1))
    assert came.startswith(frame(b"abc", 1))
    assert len(came) == len(frame(b"abc", 1) + frame(PAT, 1))
    assert PAT not in came
    assert not frames.is_waiting


def test_the_environment_of_a_process_is_searched() -> None:
    """Between NULs, and it goes on at once: what reads data waits for all of it."""
    data = b"PATH=/bin\0GITHUB_TOKEN=" + PAT + b"\0"
    came = reader().feed(frame(data))
    assert (len(came), PAT in came) == (len(frame(data)), False)


def test_the_reason_of_a_close_is_searched() -> None:
    """It is text of the target's like any other."""
    wire = frame(b"\x03\xe8" + PAT, 8)
    came = reader().feed(wire)
    assert (len(came), PAT in came) == (len(wire), False)


def test_who_may_see_secrets_does_and_it_is_noted() -> None:
    """The grant's `secret`: the same bytes, and lineage knows what was shown."""
    found: list[str] = []
    frames = reader(hides=False, found=found)
    wire = frame(b"it is " + PAT + b" now")
    assert frames.feed(wire) + frames.flush() == wire
    assert found == [PAT.decode()]


def test_its_own_credential_ends_it_across_frames() -> None:
    """Frames between its parts do not hide it."""
    frames = reader(forms=(b"the-own-credential",))
    frames.feed(frame(b"the-own", 1))
    with pytest.raises(CredentialSaidError):
        frames.feed(frame(b"-credential", 1))


@pytest.mark.parametrize("between", [b"\x02", b"\x02x", b"\x02a word\n"])
def test_its_own_credential_ends_it_whatever_other_channels_say(between: bytes) -> None:
    """Standard error between two parts of standard output parts nothing."""
    frames = Frames(
        lambda: Masker(DETECTOR, keeps_length=True), protocol="v5.channel.k8s.io", forms=(b"the-own-credential",)
    )
    frames.feed(frame(b"\x01the-own") + frame(between))
    with pytest.raises(CredentialSaidError):
        frames.feed(frame(b"\x01-credential"))


@pytest.mark.parametrize("at", range(1, len(PAT)))
def test_data_lets_no_half_of_a_credential_go(at: int) -> None:
    """A NUL before it lets go what it ends, not the word behind it."""
    frames = reader()
    wire = frame(b"\0" + PAT[:at], is_last=False) + frame(PAT[at:] + b"\n", 0)
    came = frames.feed(wire[: at + 3])
    came += frames.feed(wire[at + 3 :])
    assert (len(came), PAT[:4] in came, PAT[-4:] in came) == (len(wire), False, False)


def test_what_waits_is_bounded() -> None:
    """A channel that never ends its word holds back no more than a little of the others."""
    frames = Frames(lambda: Masker(DETECTOR, keeps_length=True), protocol="v5.channel.k8s.io")
    came = frames.feed(frame(b"\x02word"))
    other = frame(b"\x01" + b"line of text\n" * 1000)
    for _ in range(20):
        came += frames.feed(other)
    assert len(frame(b"\x02word") + other * 20) - len(came) < 80_000
