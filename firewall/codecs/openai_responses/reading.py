"""Reading the events of one Responses answer: which item each belongs to, and that all say the same.

Source: https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from dataclasses import dataclass

from firewall.codecs import json_span, sse, upstream_json
from firewall.codecs.interface import Pending, Usage
from firewall.codecs.openai_responses import final, tables
from firewall.codecs.openai_responses.calls import JsonObject, call_of, identity_of, malformed
from firewall.codecs.openai_responses.items import Item, item_of
from firewall.codecs.openai_responses.tables import Kind
from firewall.codecs.steps import Role, Steps
from firewall.core.call import ToolCall

DONE = b"[DONE]"
"""What some providers send after the terminal event."""
_CALLS = (Kind.CALL, Kind.UNKNOWN)
_LARGEST = 2**53
"""What every reader of JSON counts exactly."""


@dataclass(frozen=True, slots=True)
class Held:
    """One frame in line."""

    frame: sse.Frame
    owner: Item | None
    sequence: int | None
    index: int | None
    last: bool = False


class Reader:
    """What one answer said so far."""

    def __init__(self) -> None:
        self.pending: dict[int, Item] = {}
        """Calls that wait for a ruling, by slot."""
        self.pairs: list[Item | None] = []
        """The items that the terminal event repeats, in its order."""
        self.opened: JsonObject | None = None
        """The response object that opened the answer."""
        self.usage = Usage()
        self.ended = False
        """The terminal event was read."""
        self._items: dict[int, Item] = {}
        self._finished: dict[int, JsonObject] = {}
        self._call_ids: set[str] = set()
        self._steps = Steps()
        self._slots = 0

    @property
    def response_id(self) -> str:
        """The id of the response, empty before it was opened."""
        return identity_of(self.opened) if self.opened is not None else ""

    def read(self, frame: sse.Frame, calls: list[Pending]) -> Held | None:
        """Take one frame; calls that it completes are added to `calls`. None: it says nothing any more.

        Raises: ProtocolError (502) for what is no event of this dialect, or says two things.
        """
        if not frame.lines:
            return None if self.ended else Held(frame, None, None, None)
        if self.ended:
            if frame.data == DONE:
                return None
            malformed("data after the end")
        if frame.lines > 1:
            malformed("the data of an event has several lines")
        value = upstream_json.loads_object(frame.data)
        name = value.get("type")
        if not isinstance(name, str) or frame.event not in ("", name):
            malformed("an event whose name and type differ")
        index = value.get("output_index")
        if index is not None and (not isinstance(index, int) or isinstance(index, bool) or index < 0):
            malformed("`output_index` is no number")
        owner = self._owner(frame, name, value, calls)
        sequence = value.get("sequence_number")
        if not isinstance(sequence, int) or isinstance(sequence, bool):
            sequence = None
        elif not 0 <= sequence <= _LARGEST:
            malformed("`sequence_number` is no number that can be counted on from")
        return Held(frame, owner, sequence, index, last=name in tables.TERMINAL)

    def _owner(self, frame: sse.Frame, name: str, value: JsonObject, calls: list[Pending]) -> Item | None:
        if name in tables.LIFECYCLE:
            self._open(name, value)
        elif name in tables.TERMINAL:
            self._terminal(name, value)
        elif name not in tables.LOOSE:
            if self.opened is None:
                malformed(f"`{name}` before `response.created`")
            if name == "response.output_item.added":
                return self._added(value)
            if name == "response.output_item.done":
                return self._done(frame, value, calls)
            return self._detail(frame, name, value, calls)
        return None

    def _open(self, name: str, value: JsonObject) -> None:
        response = self._response(value)
        output = response.get("output") or []
        if not isinstance(output, list) or not all(_is_free(element) for element in output):
            malformed("a response that opens with a call or reasoning")
        if self.opened is None:
            self.opened = response
        elif name == "response.created":
            malformed("a second `response.created`")

    def _response(self, value: JsonObject) -> JsonObject:
        response = value.get("response")
        if not isinstance(response, dict):
            malformed("an event without its `response`")
        if self.opened is not None and response.get("id") != self.opened.get("id"):
            malformed("the response id changed", code="stream_inconsistent")
        return response

    def _added(self, value: JsonObject) -> Item | None:
        item = value.get("item")
        if item is None:
            return None
        return self._new(_object(item), value)

    def _new(self, value: JsonObject, event: JsonObject) -> Item:
        index = event.get("output_index")
        if not isinstance(index, int):
            malformed("an item without `output_index`")
        if index in self._items or (self._items and index < max(self._items)):
            malformed("`output_index` is used twice or out of order")
        item = item_of(value, index)
        self._items[index] = item
        self._steps.add(item)
        return item

    def _item(self, value: JsonObject) -> Item:
        index = value.get("output_index")
        item = self._items.get(index) if isinstance(index, int) else None
        if item is None or item.done:
            malformed("an event of an item that is not open")
        return item

    def _done(self, frame: sse.Frame, value: JsonObject, calls: list[Pending]) -> Item:
        element = _object(value.get("item"))
        index = value.get("output_index")
        item = self._item(value) if index in self._items else self._new(element, value)
        if element.get("type") != item.type or tables.kind_of(element) not in (item.kind, Kind.HOSTED):
            malformed("an item changed its type", code="stream_inconsistent")
        item.done = True
        item.identity = identity_of(element) or item.identity
        if item.kind in _CALLS:
            if item.draft is not None:
                item.draft.settle(element)
            if element.get("status") == "incomplete":
                item.gone = True
                return item
            self._finished[item.index] = element
            begin = (json_span.locate(frame.data, ("item",)) or (0, 0))[0]
            self._ask(item, call_of(element, item.kind, data=frame.data, start=begin), calls)
        return item

    def _detail(self, frame: sse.Frame, name: str, value: JsonObject, calls: list[Pending]) -> Item:
        index = value.get("output_index")
        known = self._items.get(index) if isinstance(index, int) else None
        if known is not None and known.kind is Kind.UNKNOWN and not known.done:
            return known
        if not tables.is_item_event(name):
            unknown = Item(
                role=Role.CALL, index=-1, kind=Kind.UNKNOWN, type=name, identity=str(self._slots), done=True
            )
            self._ask(unknown, ToolCall("", f"unknown:{name}", frame.data), calls)
            return unknown
        item = self._item(value)
        if not tables.fits(name, item.kind):
            malformed(f"`{name}` at an item of type `{item.type}`")
        if item.draft is not None:
            item.draft.take(name, value)
        return item

    def _ask(self, item: Item, call: ToolCall, calls: list[Pending]) -> None:
        if call.id:
            if call.id in self._call_ids:
                malformed("a call id is used twice", code="stream_inconsistent")
            self._call_ids.add(call.id)
        self.pending[self._slots] = item
        calls.append(Pending(self._slots, call))
        self._slots += 1

    def _terminal(self, name: str, value: JsonObject) -> None:
        if name == "error":
            self._end()
            return
        if self.opened is None:
            malformed(f"`{name}` before `response.created`")
        response = self._response(value)
        self.usage = final.usage_of(response)
        if name == "response.completed" and any(not item.done for item in self._items.values()):
            malformed("the answer is complete before its items are")
        self._end()
        output = response.get("output")
        if output is not None and not isinstance(output, list):
            malformed("`output` is no list")
        self.pairs = final.match(output or [], self._items.values(), self._finished)

    def _end(self) -> None:
        """Nothing new comes; calls that are not complete are dropped, with the reasoning that was only theirs."""
        self.ended = True
        for item in self._items.values():
            if item.kind in _CALLS and not item.done:
                item.gone = True
        self._steps.end()


def _is_free(element: object) -> bool:
    return isinstance(element, dict) and tables.kind_of(element) in (Kind.TEXT, Kind.HOSTED)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        malformed("an item is no object")
    return value
