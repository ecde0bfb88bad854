"""Where a stream of events stands: what its server needs to go on with it, and no field of its own making."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.sse import Splitter
from firewall.gates.mcp.upstream.resuming import Place


def after(*frames: bytes) -> Place:
    """Return the place behind some events."""
    place = Place()
    for frame in frames:
        place.note(frame)
    return place


@pytest.mark.parametrize(
    ("frames", "event", "wait_s"),
    [
        ((b"id: 7\nretry: 500\ndata: \n\n",), b"7", 0.5),
        ((b"retry:0\r\nid:a b\r\ndata: {}\r\n\r\n",), b"a b", 0.5),
        ((b"id: 1\ndata: x\n\n", b"id: 2\ndata: y\n\n"), b"2", 1.0),
        ((b"id: 1\ndata: x\n\n", b"data: y\n\n"), b"1", 1.0),
        ((b"id: 1\n\n", b"id:\n\n"), b"", 1.0),
        ((b"data: id: 9\n\n",), b"", 1.0),
        ((b"identity: 9\n\n", b"retry: soon\n\n", b"retry: -1\n\n", b"retry: 99999999999\n\n"), b"", 1.0),
        ((b"id: a\0b\n\n", b"id: " + b"x" * 1025 + b"\n\n", "id: é\n\n".encode()), b"", 1.0),
        ((b": id: 3\n\n",), b"", 1.0),
    ],
)
def test_the_last_id_and_the_time_to_wait_are_known(
    frames: tuple[bytes, ...], event: bytes, wait_s: float
) -> None:
    """As the event stream's own rules have it; an id that could not stand in a header field is none."""
    place = after(*frames)
    assert (place.event, place.wait_s) == (event, wait_s)


def test_a_place_that_does_not_move_leads_nowhere() -> None:
    """Each time that events are gone on with, something must have come since."""
    place = after(b"id: 7\ndata: \n\n")
    assert place.has_moved
    fields = dict(place.fields("2025-11-25"))
    assert fields[b"last-event-id"] == b"7"
    assert not place.has_moved
    place.note(b": still here\n\n")
    assert not place.has_moved
    place.note(b"id: 7\nretry: 0\n\n")
    assert not place.has_moved
    place.note(b"id: 8\n\n")
    assert place.has_moved
    place.note(b"id: 8\n\n")
    assert place.has_moved


def test_a_place_is_gone_on_with_so_often_and_no_more() -> None:
    """A server that moves on for ever without an answer is asked 32 times."""
    place, rounds = Place(), 0
    place.note(b"id: first\nretry: 0\n\n")
    while place.may_go_on and rounds < 100:
        place.fields("2025-11-25")
        rounds += 1
        place.note(f"id: {rounds}\nretry: 0\n\n".encode())
        assert place.wait_s == 0.5
    assert rounds == 32


@given(st.binary(max_size=80))
def test_no_event_makes_a_field_of_its_own(said: bytes) -> None:
    """Whatever comes: an id is one line of plain characters."""
    splitter = Splitter()
    place = Place()
    try:
        frames = splitter.feed(b"id: " + said + b"\n\n")
    except Exception:  # noqa: BLE001 - what is refused there is not noted here
        return
    for frame in frames:
        place.note(frame.raw)
    assert all(0x20 <= byte < 0x7F for byte in place.event)
