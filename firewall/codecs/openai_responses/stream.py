"""One streamed Responses answer, read as it arrives: text leaves at once, calls wait for their ruling.

Frames leave in the order in which they came, so what follows a waiting call waits behind it.
INVARIANT: a frame of a call, of the reasoning that belongs to it, or of a kind that no table knows is never in
`forward` before `rule` released that call.
Source: https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from collections import deque
from dataclasses import dataclass
from typing import NoReturn

from firewall.codecs import json_span, sse
from firewall.codecs.interface import Pending, Refused, Ruling, Step, Usage
from firewall.codecs.openai_responses import final, render, tables
from firewall.codecs.openai_responses.calls import JsonObject, call_of, identity_of, malformed
from firewall.codecs.openai_responses.items import Item, item_of
from firewall.codecs.openai_responses.tables import Kind
from firewall.codecs.steps import Fate, Role, Steps
from firewall.core import strict_json
from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError

_DONE = b"[DONE]"
_COMMENT_CLIENTS = frozenset({"claude-code", "opencode", "other"})
_CALLS = (Kind.CALL, Kind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Held:
    """One frame in line."""

    frame: sse.Frame
    owner: Item | None
    sequence: int | None
    index: int | None
    last: bool = False


class ResponsesStream:
    """A `StreamCodec` for the Responses API."""

    def __init__(self) -> None:
        self._splitter = sse.Splitter()
        self._line: deque[_Held] = deque()
        self._items: dict[int, Item] = {}
        self._finished: dict[int, JsonObject] = {}
        self._pending: dict[int, Item] = {}
        self._call_ids: set[str] = set()
        self._steps = Steps()
        self._pairs: list[Item | None] = []
        self._opened: JsonObject | None = None
        self._usage = Usage()
        self._slots = 0
        self._top = -1
        self._offset = 0
        self._sequence = -1
        self._changed = False
        self._ended = False
        self._over = False
        self._unsent = b""

    # -- the contract ------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider, cut anywhere.

        Raises: ProtocolError (502) when the bytes are no stream of this dialect.
        """
        return self._take(self._splitter.feed(chunk))

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call; returns what may leave now, in order.

        Raises: KeyError when `slot` is not waiting for a ruling.
        """
        if self._over:
            return Step(done=True)
        self._pending.pop(slot).ruling = ruling
        return Step(forward=self._drain(), done=self._over)

    def close(self) -> Step:
        """The provider closed the connection; without a terminal event, end in an error and release nothing."""
        if self._over:
            return Step(done=True)
        try:
            step = self._take(self._splitter.finish())
        except ProtocolError as error:
            return Step(forward=self.abort(error.code, error.public), done=True)
        if self._ended:
            return step
        end = self.abort("stream_truncated", "the provider closed the stream before its end")
        return Step(forward=step.forward + end, done=True)

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with `response.failed` (or `error` where none was opened); drops all that is held."""
        if self._over:
            return b""
        self._over = True
        self._line.clear()
        self._pending.clear()
        if self._opened is None:
            end = render.bare_error(code, message, self._sequence + 1)
        else:
            end = render.failed(self._opened, code=code, text=message, sequence=self._sequence + 1)
        return self._unsent + end

    def keepalive(self, client: str) -> bytes:
        """Return a comment, or for clients that need a real event the `response.in_progress` once more.

        It repeats the last sequence number: it says nothing new, and later frames keep their bytes.
        """
        if self._over:
            return b""
        if client in _COMMENT_CLIENTS:
            return sse.comment(b"keep-alive")
        if self._opened is None:
            return b""
        body = {**render.slim(self._opened), "status": "in_progress"}
        return render.event("response.in_progress", {"response": body}, max(self._sequence, 0))

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._usage

    @property
    def issued(self) -> tuple[str, ...]:
        """The response id, once it is known."""
        found = identity_of(self._opened) if self._opened is not None else ""
        return (found,) if found else ()

    # -- reading -----------------------------------------------------------------------------------------

    def _take(self, frames: list[sse.Frame]) -> Step:
        if self._over:
            if any(frame.lines and frame.data != _DONE for frame in frames):
                malformed("data after the end")
            return Step(done=True)
        out: list[bytes] = []
        calls: list[Pending] = []
        try:
            for frame in frames:
                held = self._read(frame, calls)
                if held is None:
                    continue
                if not self._line and not self._changed and self._is_free(held):
                    self._note(held)
                    out.append(frame.raw)
                else:
                    self._line.append(held)
                    out.append(self._drain())
        except ProtocolError:
            # What was free before the fault leaves with the error event, however the input was cut.
            self._unsent = b"".join(out)
            raise
        return Step(forward=b"".join(out), calls=tuple(calls), done=self._over)

    def _read(self, frame: sse.Frame, calls: list[Pending]) -> _Held | None:
        if not frame.lines:
            return None if self._ended else _Held(frame, None, None, None)
        if self._ended:
            if frame.data == _DONE:
                return None
            malformed("data after the end")
        value = _parse(frame.data)
        name = value.get("type")
        if not isinstance(name, str) or frame.event not in ("", name):
            malformed("an event whose name and type differ")
        index = value.get("output_index")
        if index is not None and (not isinstance(index, int) or isinstance(index, bool) or index < 0):
            malformed("`output_index` is no number")
        owner = self._owner(frame, name, value, calls)
        sequence = value.get("sequence_number")
        return _Held(
            frame, owner, sequence if isinstance(sequence, int) else None, index, last=name in tables.TERMINAL
        )

    def _owner(self, frame: sse.Frame, name: str, value: JsonObject, calls: list[Pending]) -> Item | None:
        if name in tables.LIFECYCLE:
            self._open(name, value)
        elif name in tables.TERMINAL:
            self._terminal(name, value)
        elif name not in tables.LOOSE:
            if self._opened is None:
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
        if self._opened is None:
            self._opened = response
        elif name == "response.created":
            malformed("a second `response.created`")

    def _response(self, value: JsonObject) -> JsonObject:
        response = value.get("response")
        if not isinstance(response, dict):
            malformed("an event without its `response`")
        if self._opened is not None and response.get("id") != self._opened.get("id"):
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
            self._ask(item, call_of(element, item.kind, data=frame.data, path=("item",)), calls)
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
        self._pending[self._slots] = item
        calls.append(Pending(self._slots, call))
        self._slots += 1

    def _terminal(self, name: str, value: JsonObject) -> None:
        if name == "error":
            self._end()
            return
        if self._opened is None:
            malformed(f"`{name}` before `response.created`")
        response = self._response(value)
        self._usage = final.usage_of(response)
        if name == "response.completed" and any(not item.done for item in self._items.values()):
            malformed("the answer is complete before its items are")
        self._end()
        output = response.get("output")
        if output is not None and not isinstance(output, list):
            malformed("`output` is no list")
        self._pairs = final.match(output or [], self._items.values(), self._finished)

    def _end(self) -> None:
        """Nothing new comes; calls that are not complete are dropped, with the reasoning that was only theirs."""
        self._ended = True
        for item in self._items.values():
            if item.kind in _CALLS and not item.done:
                item.gone = True
        self._steps.end()

    # -- writing -----------------------------------------------------------------------------------------

    def _is_free(self, held: _Held) -> bool:
        return not held.last and (held.owner is None or held.owner.fate is Fate.LEAVES)

    def _note(self, held: _Held) -> None:
        if held.sequence is not None:
            self._sequence = held.sequence
        if held.index is not None and held.index > self._top:
            self._top = held.index

    def _drain(self) -> bytes:
        out: list[bytes] = []
        while self._line:
            held = self._line[0]
            fate = Fate.LEAVES if held.owner is None else held.owner.fate
            if fate is Fate.WAITS:
                break
            self._line.popleft()
            if fate is Fate.LEAVES:
                out.append(self._leaving(held))
            elif held.owner is not None:
                self._changed = True
                out.append(self._instead(held.owner, fate))
            if held.last:
                self._over = True
        return b"".join(out)

    def _leaving(self, held: _Held) -> bytes:
        if held.owner is not None and held.owner.offset is None:
            held.owner.offset = self._offset
        if not self._changed:
            self._note(held)
            return held.frame.raw
        if not held.frame.lines:
            return held.frame.raw
        data = held.frame.data
        if held.last and self._pairs:
            data = final.rewrite(data, ("response", "output"), self._pairs, self._seed)
        return self._renumbered(held, data)

    def _renumbered(self, held: _Held, data: bytes) -> bytes:
        changes: dict[json_span.Span, bytes] = {}
        for key, _, span in json_span.members(data):
            if key == "sequence_number" and held.sequence is not None:
                self._sequence += 1
                changes[span] = b"%d" % self._sequence
            elif key == "output_index" and held.index is not None:
                moved = held.owner.offset if held.owner is not None else None
                index = held.index + (self._offset if moved is None else moved)
                self._top = max(self._top, index)
                changes[span] = b"%d" % index
        return sse.frame(json_span.one_line(json_span.splice(data, changes)), event=held.frame.event)

    def _instead(self, item: Item, fate: Fate) -> bytes:
        if item.replaced:
            return b""
        item.replaced = True
        if fate is Fate.DROPPED or not isinstance(item.ruling, Refused):
            self._offset -= 1
            return b""
        if item.index < 0:
            # An event of no table has no place of its own: its text becomes an item of its own.
            index = self._top + 1
            self._offset += 1
        else:
            index = item.index + self._offset
        self._top = max(self._top, index)
        events = render.message_events(final.message_id(self._seed, item), item.ruling.text, index)
        first = self._sequence + 1
        self._sequence += len(events)
        return render.numbered(events, first)

    @property
    def _seed(self) -> str:
        return identity_of(self._opened) if self._opened is not None else ""


def _is_free(element: object) -> bool:
    return isinstance(element, dict) and tables.kind_of(element) in (Kind.TEXT, Kind.HOSTED)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        malformed("an item is no object")
    return value


def _parse(data: bytes) -> dict[str, object]:
    try:
        return strict_json.loads_object(data, what="event")
    except ProtocolError as error:
        _unreadable(error)


def _unreadable(error: ProtocolError) -> NoReturn:
    raise ProtocolError(
        f"the provider's answer is not readable: {error.public}", code=error.code, side="upstream"
    ) from error
