"""Calls leave one after another, whatever order their pieces come in."""

import pytest

from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Failure,
    Fault,
    Stop,
    TextDelta,
)
from firewall.codecs.neutral.ordering import Ordering
from firewall.core.errors import ProtocolError

BEGUN = Begun("a", "m")
END = Ended(Stop.CALLS)


def order(*events: Event) -> list[Event]:
    """Return what leaves, with the opening in front."""
    ordering = Ordering()
    return [one for event in (BEGUN, *events) for one in ordering.take(event)][1:]


def test_woven_calls_are_unwoven() -> None:
    """The pieces of a second call wait until the first is complete; none is lost, none comes twice."""
    one, two = CallBegun(0, "x", "a"), CallBegun(1, "y", "b")
    pieces = (one, CallDelta(0, "1"), two, CallDelta(1, "2"), CallDelta(0, "3"), CallEnded(1), CallEnded(0), END)
    assert order(*pieces) == [
        one, CallDelta(0, "1"), CallDelta(0, "3"), CallEnded(0), two, CallDelta(1, "2"), CallEnded(1), END,
    ]  # fmt: skip


def test_text_leaves_at_once_and_waits_only_behind_an_open_call() -> None:
    """Text before a call is never kept; text within one comes after it."""
    ordering = Ordering()
    ordering.take(BEGUN)
    assert ordering.take(TextDelta("a")) == [TextDelta("a")]
    call = CallBegun(0, "x", "a")
    assert ordering.take(call) == [call]
    assert ordering.take(TextDelta("b")) == []
    assert ordering.take(CallEnded(0)) == [CallEnded(0), TextDelta("b")]


def test_a_waiting_call_goes_on_where_it_stood() -> None:
    """When its turn comes, a call that is not complete streams on at once."""
    ordering = Ordering()
    two = CallBegun(1, "y", "b")
    for event in (BEGUN, CallBegun(0, "x", "a"), two, CallDelta(1, "2")):
        ordering.take(event)
    assert ordering.take(CallEnded(0)) == [CallEnded(0), two, CallDelta(1, "2")]
    assert ordering.take(CallDelta(1, "3")) == [CallDelta(1, "3")]


@pytest.mark.parametrize(
    "events",
    [
        (BEGUN,),
        (CallBegun(0, "x", "a"), CallBegun(0, "x", "a")),
        (CallDelta(0, "1"),),
        (CallBegun(0, "x", "a"), CallEnded(0), CallEnded(0)),
        (CallBegun(0, "x", "a"), CallEnded(0), CallDelta(0, "1")),
        (CallBegun(0, "x", "a"), END),
    ],
)
def test_what_makes_no_answer_is_refused(events: tuple[Event, ...]) -> None:
    """A second opening, a call that begins or ends twice, a piece of none, an end within a call."""
    with pytest.raises(ProtocolError, match="cannot be read"):
        order(*events)


def test_nothing_follows_the_end() -> None:
    """After the end or a failure nothing leaves; a failure leaves even within a call, and drops what waited."""
    assert order(END, TextDelta("late")) == [END]
    failed = Failure(Fault.SERVER, "no")
    call = CallBegun(0, "x", "a")
    assert order(call, TextDelta("held"), failed, CallEnded(0), END) == [call, failed]
    ordering = Ordering()
    with pytest.raises(ProtocolError):
        ordering.take(TextDelta("first"))
    assert ordering.take(failed) == [failed]
    assert ordering.is_terminal
