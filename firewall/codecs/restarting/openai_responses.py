"""Beginning again in Responses: the open message is closed as incomplete, the words are a message of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.codecs.continuing.values import GAP, documents, member, objects
from firewall.codecs.openai_responses import render
from firewall.codecs.restarting.interface import WORDS
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_SILENT = frozenset({"response.created", "response.in_progress", "response.queued", "keepalive"})
_CLOSING = frozenset({"response.output_text.done", "response.content_part.done", "response.output_item.done"})
_ERRORS = frozenset({"error", "response.failed"})
_Event = tuple[str, Mapping[str, object]]


def may_restart(value: Mapping[str, object]) -> bool:
    """Tell whether the answer to a request may begin again."""
    asked = value.get("input")
    turns = objects(asked)
    is_prefilled = bool(turns) and turns[-1].get("role") == "assistant"
    has_form = member(member(value, "text"), "format").get("type", "text") != "text"
    is_kept = value.get("store") is not False or value.get("previous_response_id") is not None
    return isinstance(asked, str | list) and not is_prefilled and not has_form and not is_kept


@dataclass(slots=True)
class _Message:
    """A message that is open: its item, the part that is, and what it says."""

    index: int
    item: JsonObject
    part: int | None = None
    texts: dict[int, str] = field(default_factory=dict)

    def closing(self) -> list[_Event]:
        """Return the events that close it."""
        content = [render.text_part(self.texts[place]) for place in sorted(self.texts)]
        item = {**self.item, "status": "incomplete", "content": content}
        end: _Event = ("response.output_item.done", {"output_index": self.index, "item": item})
        if self.part is None:
            return [end]
        text = self.texts[self.part]
        spot = {"item_id": self.item.get("id"), "output_index": self.index, "content_index": self.part}
        return [
            ("response.output_text.done", {**spot, "text": text, "logprobs": []}),
            ("response.content_part.done", {**spot, "part": render.text_part(text)}),
            end,
        ]


@dataclass(slots=True)
class _Said:
    """What a stream has said so far."""

    ident: str = ""
    sequence: int = -1
    top: int = -1
    has_spoken: bool = False
    open: _Message | None = None

    def take(self, value: JsonObject) -> bool:
        """Note an event; False where it is no text."""
        kind, number = value.get("type"), value.get("sequence_number")
        self.ident = self.ident or str(member(value, "response").get("id") or "")
        self.sequence = max(self.sequence, number) if isinstance(number, int) else self.sequence
        if kind in _SILENT:
            return True
        if kind == "response.output_item.added":
            return self._added(value)
        message, place = self.open, value.get("content_index")
        if message is None or value.get("output_index") != message.index:
            return False
        if kind == "response.output_item.done":
            self.open = None
            return True
        if not isinstance(place, int):
            return False
        return self._within(str(kind), message, place, value)

    def _added(self, value: JsonObject) -> bool:
        item, index = member(value, "item"), value.get("output_index")
        if item.get("type") != "message" or item.get("content") or not isinstance(index, int):
            return False
        self.top = max(self.top, index)
        self.open = _Message(index, item)
        return True

    def _within(self, kind: str, message: _Message, place: int, value: JsonObject) -> bool:
        if kind == "response.content_part.added" and member(value, "part").get("type") == "output_text":
            message.part = place
            message.texts[place] = str(member(value, "part").get("text") or "")
        elif kind == "response.output_text.delta" and place in message.texts:
            message.texts[place] += str(value.get("delta") or "")
        elif kind == "response.content_part.done" and place == message.part:
            message.part = None
        elif kind not in _CLOSING:
            return False
        self.has_spoken = self.has_spoken or bool(message.texts.get(place))
        return True


def bridge(sent: bytes) -> bytes | None:
    """Return the frames that close the answer so far and say the words."""
    said = _Said()
    if not all(said.take(value) for _, value in documents(sent)):
        return None
    events = said.open.closing() if said.open is not None else []
    if said.has_spoken:
        ident = render.stable_id("msg", said.ident, said.top, WORDS)
        events += render.message_events(ident, f"{GAP}{WORDS}{GAP}", said.top + 1)
    return render.numbered(events, said.sequence + 1)


def is_error(frame: Frame) -> bool:
    """Tell whether a frame is the terminal event of an answer that broke off."""
    return b"error" in frame.data and loads_object(frame.data).get("type") in _ERRORS
