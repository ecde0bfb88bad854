"""Going on in Responses: `…_call_output` items; items and events are numbered on, the end has all items.

Nothing is kept at the provider (`store` is false), so the history names no ids of items that it would look up.
Source: https://developers.openai.com/api/docs/guides/function-calling, .../reasoning.
"""

from collections.abc import Mapping, Sequence

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.continuing.interface import Follower, Told
from firewall.codecs.continuing.values import added, documents, member, objects, texts_of
from firewall.codecs.openai_responses.tables import TERMINAL
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_SPOKEN = frozenset({"message", "reasoning", *_CALLS})
_OPENING = frozenset({"response.created", "response.in_progress", "response.queued"})


def again(value: Mapping[str, object], answer: bytes, told: Sequence[Told]) -> Mapping[str, object] | None:
    """Return the request that tells the model of its refused calls; None where this is not possible."""
    asked, response = value.get("input"), loads_object(answer)
    items = objects(response.get("output"))
    if value.get("tool_choice") not in (None, "auto") or not isinstance(asked, str | list):
        return None
    if response.get("status") != "completed" or not {item.get("type") for item in items} <= _SPOKEN:
        return None
    calls = [item for item in items if item.get("type") in _CALLS]
    texts = texts_of(told, [str(call.get("call_id")) for call in calls])
    if texts is None:
        return None
    before = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    said = [_without_id(item) for item in items if item.get("type") != "reasoning" or _is_sealed(item)]
    results = [
        {"type": _CALLS[str(call["type"])], "call_id": call["call_id"], "output": text}
        for call, text in zip(calls, texts, strict=True)
    ]
    return {**value, "input": [*before, *said, *results]}


def _is_sealed(item: JsonObject) -> bool:
    """Tell whether reasoning carries all of itself; without, the provider would look it up and find nothing."""
    return bool(item.get("encrypted_content"))


def _without_id(item: JsonObject) -> JsonObject:
    if item.get("type") == "reasoning":
        return {key: one for key, one in item.items() if key not in ("id", "status")}
    return {key: one for key, one in item.items() if key not in ("id", "status", "phase")}


class _Follower:
    """Events and items go on counting under the first response's id; the end repeats every item."""

    def __init__(self, sent: bytes, written: int) -> None:
        self._written = written
        self._id: object = None
        self._sequence = -1
        self._items: dict[int, bytes] = {}
        for frame, value in documents(sent):
            self._id = self._id or member(value, "response").get("id")
            self._note(value)
            if value.get("type") == "response.output_item.done" and isinstance(value.get("output_index"), int):
                self._items[int(str(value["output_index"]))] = json_span.cut(frame.data, ("item",)) or b"null"
        self._offset = max(self._items, default=-1) + 1

    def frame(self, frame: Frame) -> bytes:
        """Return what takes the place of one frame."""
        if not frame.lines or frame.data[:1] != b"{":
            return frame.raw
        value = loads_object(frame.data)
        kind = str(value.get("type"))
        if kind in _OPENING and self._id is not None:
            return b""
        self._sequence += 1
        value["sequence_number"] = self._sequence
        added(value, "output_index", self._offset)
        if kind in TERMINAL:
            self._end(frame, value)
        return sse.frame(json_span.one_line(orjson.dumps(value)), event=frame.event)

    def _end(self, frame: Frame, value: JsonObject) -> None:
        response = member(value, "response")
        if self._id is not None:
            response["id"] = self._id
        usage = member(response, "usage")
        for name in ("output_tokens", "total_tokens"):
            added(usage, name, self._written)
        span = json_span.locate(frame.data, ("response", "output"))
        if span is None:
            return
        own = [frame.data[begin:end] for begin, end in json_span.elements(frame.data, span[0])]
        all_items = [*(self._items[place] for place in sorted(self._items)), *own]
        response["output"] = [orjson.Fragment(item) for item in all_items]

    def waiting(self, frame: Frame) -> bytes:
        """Return it under the first response's id and the last number."""
        if not frame.lines or frame.data[:1] != b"{":
            return frame.raw
        value = loads_object(frame.data)
        value["sequence_number"] = max(self._sequence, 0)
        if self._id is not None:
            member(value, "response")["id"] = self._id
        return sse.frame(json_span.one_line(orjson.dumps(value)), event=frame.event)

    def _note(self, value: JsonObject) -> None:
        number = value.get("sequence_number")
        if isinstance(number, int):
            self._sequence = max(self._sequence, number)


def follower(sent: bytes, written: int) -> Follower:
    """Start joining an answer to `sent`."""
    return _Follower(sent, written)
