"""A streamed answer of the Responses API, read into neutral events.

Text and thoughts pass as they come. A call is given whole, when its item is done: nobody may run it before, and
what its frames said piece by piece must be what its end says. One that was cut off is not given at all.
Source: https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from collections.abc import Callable, Iterator, Mapping

from firewall.codecs import interface, sse
from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Refusal,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    Usage,
)
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.neutral.openai_responses import answer_in
from firewall.codecs.neutral.openai_responses.answer_in import Json, object_in, text_of
from firewall.codecs.openai_responses import final
from firewall.codecs.openai_responses.calls import Draft
from firewall.codecs.openai_responses.tables import CALL_EVENTS
from firewall.codecs.upstream_json import loads_object, malformed

_PASSING: Mapping[str, type[TextDelta | RefusalDelta | ThinkingDelta]] = {
    "response.output_text.delta": TextDelta,
    "response.refusal.delta": RefusalDelta,
    "response.reasoning_summary_text.delta": ThinkingDelta,
    "response.reasoning_text.delta": ThinkingDelta,
}


class ResponsesReader:
    """A `StreamReader` for the Responses API."""

    def __init__(self) -> None:
        self._frames = sse.Splitter()
        self._drafts: dict[int, Draft] = {}
        self._spoken: set[int] = set()
        """Items whose words came in deltas."""
        self._finished: dict[int, Json] = {}
        self._ready: dict[int, list[Event]] = {}
        """Calls that are complete while one before them is not, by place."""
        self._call_ids: set[str] = set()
        self._usage = Usage()
        self._counted = interface.UNCOUNTED
        self._begun = self._done = False
        self._rare: dict[str, Callable[[Json], list[Event]]] = {
            "response.created": self._on_opened,
            "response.in_progress": self._on_opened,
            "response.queued": self._on_opened,
            "response.output_item.added": self._on_added,
            "response.output_item.done": self._on_done,
            "response.reasoning_summary_part.added": self._on_part,
            "response.completed": self._on_end,
            "response.incomplete": self._on_end,
            "response.failed": self._on_failed,
            "error": self._on_error,
        }

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._usage

    @property
    def counted(self) -> interface.Usage:
        """All that the provider has counted so far."""
        return self._counted

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take bytes, cut anywhere, and yield the events that they complete.

        Raises: ProtocolError (upstream) for what is no stream of this dialect, or has no place in the form.
        """
        for frame in self._frames.feed(chunk):
            if frame.lines and not self._done and frame.data != b"[DONE]":
                out: list[Event] = []
                self._take(loads_object(frame.data), out)
                yield from out

    def close(self) -> list[Event]:
        """The connection has ended; a last frame whose blank line is missing is not read."""
        return []

    def _take(self, value: Json, out: list[Event]) -> None:
        name = value.get("type")
        if not isinstance(name, str):
            malformed("an event without a type")
        passing = _PASSING.get(name)
        if passing is not None:
            self._must_be_open()
            self._spoken.add(_place(value))
            if words := text_of(value, "delta"):
                out.append(passing(words))
            return
        read = self._rare.get(name)
        if read is not None:
            out += read(value)
        elif name in CALL_EVENTS:
            self._must_be_open()
            draft = self._drafts.get(_place(value))
            if draft is None:
                malformed("a piece of a call that has not begun")
            draft.take(name, value)

    def _must_be_open(self) -> None:
        if not self._begun:
            malformed("something is said before `response.created`")

    def _on_opened(self, value: Json) -> list[Event]:
        response = object_in(value.get("response"))
        if self._begun:
            return []
        self._begun = True
        return [Begun(text_of(response, "id"), text_of(response, "model"))]

    def _on_added(self, value: Json) -> list[Event]:
        self._must_be_open()
        item, place = object_in(value.get("item")), _place(value)
        if place in self._drafts or place in self._finished:
            malformed("two items have one place")
        kind = item.get("type")
        if answer_in.is_call(item):
            self._drafts[place] = Draft(item)
        elif kind not in ("message", "reasoning"):
            unanswerable(f"an item `{kind}`")
        return []

    def _on_part(self, value: Json) -> list[Event]:
        self._must_be_open()
        return [ThinkingDelta("\n\n")] if value.get("summary_index") and _place(value) in self._spoken else []

    def _on_done(self, value: Json) -> list[Event]:
        self._must_be_open()
        item, place = object_in(value.get("item")), _place(value)
        if place in self._finished:
            malformed("an item ends twice")
        self._finished[place] = item
        kind = item.get("type")
        if answer_in.is_call(item):
            return self._call(item, place)
        spoken = place in self._spoken
        if kind == "message":
            return [] if spoken else [_delta(part) for part in answer_in.said(item)]
        if kind != "reasoning":
            unanswerable(f"an item `{kind}`")
        thinking = answer_in.thinking_of(item)
        out: list[Event] = [ThinkingDelta(thinking.text)] if thinking.text and not spoken else []
        return [*out, ThinkingSealed(thinking.seal)] if thinking.text or thinking.seal or spoken else out

    def _call(self, item: Json, place: int) -> list[Event]:
        draft = self._drafts.get(place)
        call = answer_in.call_of(item)
        if call is None:
            return []
        if draft is not None:
            draft.settle(item)
        if call.id in self._call_ids:
            malformed("a call id is used twice", code="stream_inconsistent")
        self._call_ids.add(call.id)
        ready: list[Event] = [CallBegun(place, call.id, call.name, call.form)]
        if call.arguments:
            ready.append(CallDelta(place, call.arguments))
        self._ready[place] = [*ready, CallEnded(place)]
        return self._in_order(is_over=False)

    def _in_order(self, *, is_over: bool) -> list[Event]:
        """Return the calls that wait for no earlier one that is still being written."""
        first = min((one for one in self._drafts if one not in self._finished), default=None)
        leaving = sorted(one for one in self._ready if is_over or first is None or one < first)
        return [event for one in leaving for event in self._ready.pop(one)]

    def _on_end(self, value: Json) -> list[Event]:
        self._must_be_open()
        response = object_in(value.get("response"))
        self._count(response)
        self._done = True
        output = response.get("output")
        items = [object_in(item) for item in output] if isinstance(output, list) else []
        out: list[Event] = []
        if not self._finished and not self._spoken:
            # Some servers stream nothing but the end.
            for place, item in enumerate(items):
                out += self._on_done({"item": item, "output_index": place})
        else:
            self._must_be_known(items)
        out += self._in_order(is_over=True)
        return [*out, Ended(answer_in.stop_of(response, has_calls=bool(self._call_ids)), usage=self._usage)]

    def _count(self, response: Json) -> None:
        self._usage = answer_in.usage_of(response)
        self._counted = final.usage_of(response)

    def _must_be_known(self, items: list[Json]) -> None:
        """Refuse an end with a call that the stream did not carry, or carried otherwise."""
        done = [answer_in.call_of(one) for one in self._finished.values() if answer_in.is_call(one)]
        for item in items:
            if answer_in.is_call(item) and answer_in.call_of(item) not in (None, *done):
                malformed("the end repeats a call that the stream did not carry", code="stream_inconsistent")

    def _on_failed(self, value: Json) -> list[Event]:
        response = object_in(value.get("response"))
        self._count(response)
        error = response.get("error")
        return self._on_error(error if isinstance(error, dict) else {})

    def _on_error(self, value: Json) -> list[Event]:
        self._done = True
        inner = value.get("error")
        return [answer_in.failure_of(inner if isinstance(inner, dict) else {**value, "type": None})]


def stream(*, seed: str) -> ResponsesReader:
    """Start reading a streamed answer."""
    del seed
    return ResponsesReader()


def _place(value: Json) -> int:
    found = value.get("output_index")
    if type(found) is not int or found < 0:
        malformed("`output_index` is no number")
    return found


def _delta(part: object) -> Event:
    text = getattr(part, "text", "")
    return RefusalDelta(text) if isinstance(part, Refusal) else TextDelta(text)
