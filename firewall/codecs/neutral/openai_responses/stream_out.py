"""The neutral form, written as a stream of the Responses API: one item is open at a time.

Source: https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from collections.abc import Mapping

import orjson

from firewall.codecs import sse
from firewall.codecs.neutral.events import (
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Failure,
    Refusal,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
)
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.openai_responses import answer_out
from firewall.codecs.neutral.openai_responses.answer_out import JsonObject
from firewall.codecs.openai_responses import render

_DELTA = (
    b'event: %b\ndata: {"type":"%b","sequence_number":%d,"item_id":"%b","output_index":%d,"%b":0,"delta":%b%b}\n\n'
)
_TEXT, _REFUSAL, _THOUGHT = "output_text", "refusal", "reasoning_summary_text"
_NAMES = {kind: f"response.{kind}.delta".encode() for kind in (_TEXT, _REFUSAL, _THOUGHT)}
_INDEXES = {_TEXT: b"content_index", _REFUSAL: b"content_index", _THOUGHT: b"summary_index"}
_NOTES = {_TEXT: b',"logprobs":[]', _REFUSAL: b"", _THOUGHT: b""}
_CALLED = {"function_call": "arguments", "custom_tool_call": "input"}
_CALL_EVENTS = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}


class ResponsesWriter:
    """A `StreamWriter` for the Responses API."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._items = answer_out.Items(asked)
        self._response: JsonObject | None = None
        self._output: list[object] = []
        self._sequence = -1
        self._open = ""
        """The kind of the text that is open."""
        self._identity = ""
        self._said: list[str] = []
        self._call: CallBegun | None = None

    def write(self, event: Event) -> bytes:
        """Return the frames of one event."""
        match event:
            case TextDelta():
                written = self._piece(_TEXT, event.text)
            case RefusalDelta():
                written = self._piece(_REFUSAL, event.text)
            case ThinkingDelta():
                written = self._piece(_THOUGHT, event.text)
            case ThinkingSealed():
                written = self._sealed(event.seal)
            case CallBegun() | CallDelta() | CallEnded():
                written = self._calling(event)
            case Begun():
                written = self._begun(event)
            case Ended():
                written = self._ended(event)
            case Failure():
                written = self._failed(event)
        return written

    def _frame(self, name: str, fields: Mapping[str, object]) -> bytes:
        self._sequence += 1
        body = {"type": name, "sequence_number": self._sequence, **fields}
        return sse.frame(orjson.dumps(body), event=name)

    def _begun(self, event: Begun) -> bytes:
        self._response = answer_out.opened(event.model, self._asked)
        fields = {"response": self._response}
        return self._frame("response.created", fields) + self._frame("response.in_progress", fields)

    # -- texts and thoughts

    def _piece(self, kind: str, text: str) -> bytes:
        opened = b"" if self._open == kind else self._opened(kind)
        self._said.append(text)
        self._sequence += 1
        name = _NAMES[kind]
        return opened + _DELTA % (
            name, name, self._sequence, self._identity.encode(), len(self._output), _INDEXES[kind],
            orjson.dumps(text), _NOTES[kind],
        )  # fmt: skip

    def _opened(self, kind: str) -> bytes:
        closed = self._closed()
        self._open, self._said = kind, []
        if kind == _THOUGHT:
            self._identity = self._items.identity("rs")
            item: JsonObject = {"id": self._identity, "type": "reasoning", "summary": []}
            name = "response.reasoning_summary_part.added"
        else:
            self._identity = self._items.identity("msg")
            item = {**answer_out.message(self._identity, []), "status": "in_progress"}
            name = "response.content_part.added"
        return closed + self._added(item) + self._frame(name, self._spot(part=self._part("")))

    def _spot(self, **fields: object) -> JsonObject:
        index = _INDEXES[self._open].decode()
        return {"item_id": self._identity, "output_index": len(self._output), index: 0, **fields}

    def _part(self, text: str) -> JsonObject:
        if self._open == _REFUSAL:
            return answer_out.said(Refusal(text))
        return answer_out.summary(text) if self._open == _THOUGHT else answer_out.said(Text(text))

    def _sealed(self, seal: str) -> bytes:
        if self._open == _THOUGHT:
            return self._closed(seal)
        closed = self._closed()
        if not seal:
            return closed
        item = self._items.item(Thinking("", seal))
        return closed + self._added({**item, "encrypted_content": None}) + self._done(item)

    def _closed(self, seal: str = "") -> bytes:
        """End the text or thought that is open."""
        if not self._open:
            return b""
        text, kind = "".join(self._said), self._open
        part = self._part(text)
        key = "refusal" if kind == _REFUSAL else "text"
        notes: JsonObject = {"logprobs": []} if kind == _TEXT else {}
        over = self._frame(f"response.{kind}.done", self._spot(**{key: text}, **notes))
        if kind == _THOUGHT:
            over += self._frame("response.reasoning_summary_part.done", self._spot(part=part))
            item = self._items.reasoning(self._identity, Thinking(text, seal))
        else:
            over += self._frame("response.content_part.done", self._spot(part=part))
            item = answer_out.message(self._identity, [part])
        self._open = ""
        return over + self._done(item)

    def _added(self, item: JsonObject) -> bytes:
        return self._frame("response.output_item.added", {"output_index": len(self._output), "item": item})

    def _done(self, item: JsonObject) -> bytes:
        frame = self._frame("response.output_item.done", {"output_index": len(self._output), "item": item})
        self._output.append(item)
        return frame

    # -- calls and the end

    def _calling(self, event: CallBegun | CallDelta | CallEnded) -> bytes:
        """Gather a call: it leaves whole, as nobody may run it before its end."""
        match event:
            case CallBegun():
                closed, self._call, self._said = self._closed(), event, []
                return closed
            case CallDelta():
                self._said.append(event.text)
                return b""
            case CallEnded():
                return self._called()

    def _called(self) -> bytes:
        begun, self._call = self._call, None
        if begun is None:
            return b""
        whole = Call(begun.id, begun.name, "".join(self._said), begun.form, begun.namespace)
        item = self._items.call(whole)
        kind = str(item["type"])
        key = _CALLED.get(kind)
        if key is None:
            return self._added({**item, "status": "in_progress"}) + self._done(item)
        spot: JsonObject = {"item_id": item["id"], "output_index": len(self._output)}
        return (
            self._added({**item, "status": "in_progress", key: ""})
            + self._frame(f"{_CALL_EVENTS[kind]}.delta", {**spot, "delta": item[key]})
            + self._frame(f"{_CALL_EVENTS[kind]}.done", {**spot, key: item[key]})
            + self._done(item)
        )

    def _ended(self, event: Ended) -> bytes:
        closed = self._closed()
        response = self._response or answer_out.opened("", self._asked)
        whole = answer_out.ended(response, self._output, event.stop, event.usage)
        return closed + self._frame(f"response.{whole['status']}", {"response": whole})

    def _failed(self, event: Failure) -> bytes:
        code, text = event.fault.value, event.message
        if self._response is None:
            return render.bare_error(code, text, self._sequence + 1)
        return render.failed(self._response, code=code, text=text, sequence=self._sequence + 1)


def stream(asked: Asked) -> ResponsesWriter:
    """Start writing a streamed answer."""
    return ResponsesWriter(asked)
