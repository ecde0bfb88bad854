"""The neutral form, written as answers of the Messages API: whole, as a stream, and errors."""

import orjson

from firewall.codecs import sse
from firewall.codecs.anthropic import render
from firewall.codecs.neutral import ids, marks
from firewall.codecs.neutral.events import (
    Answer,
    AnswerPart,
    Begun,
    CallBegun,
    CallDelta,
    CallEnded,
    Ended,
    Event,
    Failure,
    Fault,
    Refusal,
    RefusalDelta,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    Usage,
)
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.upstream_json import JsonObject, is_strict_object
from firewall.core.call import CallForm

_STOPS = {
    Stop.END: "end_turn",
    Stop.CALLS: "tool_use",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.REFUSAL: "refusal",
    Stop.CONTEXT: "model_context_window_exceeded",
}
_STATUS = {Fault.OVERLOADED: 529, Fault.BILLING: 402, Fault.RATE: 429, Fault.CONTEXT: 400}
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Write a whole answer for a client.

    Raises: ProtocolError (upstream) `untranslatable_answer` for a call whose arguments are no JSON object.
    """
    content = [block for part in answer.parts if (block := _block(part, asked)) is not None]
    message = _message(answer.id or f"msg_{asked.seed[:24]}", answer.model, answer.usage)
    ends = _ends(answer.stop, answer.stop_sequence)
    return orjson.dumps({**message, "content": content, **ends})


def _block(part: AnswerPart, asked: Asked) -> JsonObject | None:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text} if part.text else None
        case Thinking():
            mark = marks.marked(asked.there.provider, part.seal)
            if part.text:
                return {"type": "thinking", "thinking": part.text, "signature": mark}
            return {"type": "redacted_thinking", "data": mark} if part.seal else None
        case Call():
            _plain(part.form)
            written = (part.arguments.strip() or "{}").encode()
            if not is_strict_object(written):
                unanswerable("the arguments of a call are no JSON object")
            identity = ids.outward(part.id, ids.ANTHROPIC)
            return {"type": "tool_use", "id": identity, "name": part.name, "input": orjson.Fragment(written)}


def _plain(form: CallForm) -> None:
    if form is not CallForm.JSON:
        unanswerable("a call of a tool that takes free text")


def _message(identity: str, model: str, usage: Usage) -> JsonObject:
    return {
        "id": identity, "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": _usage(usage),
    }  # fmt: skip


def _usage(usage: Usage) -> JsonObject:
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    written: JsonObject = {
        "input_tokens": max(0, usage.input_tokens - cached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return written


def _ends(stop: Stop, sequence: str) -> JsonObject:
    """Return how a message ends; a stop sequence that the provider did not name is an ordinary end."""
    reason = "end_turn" if stop is Stop.SEQUENCE and not sequence else _STOPS[stop]
    return {"stop_reason": reason, "stop_sequence": sequence if reason == "stop_sequence" else None}


def write_error(failure: Failure) -> tuple[int, bytes]:
    """Return status and body of an error answer."""
    status = _STATUS.get(failure.fault, failure.status if failure.status >= 400 else 502)
    return status, orjson.dumps(_error(failure, status))


def _error(failure: Failure, status: int) -> JsonObject:
    return render.error_object(failure.fault.value, failure.message, status=status)


class MessagesWriter:
    """A `StreamWriter` for the Messages API: one block is open at a time."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._index = -1
        self._open = ""
        self._seal = ""

    def write(self, event: Event) -> bytes:
        """Return the frames of one event.

        Raises: ProtocolError (upstream) `untranslatable_answer` for a call of a tool that takes free text.
        """
        match event:
            case TextDelta() | RefusalDelta():
                written = self._piece("text", b"text_delta", event.text)
            case CallDelta():
                written = _DELTA % (self._index, b"input_json_delta", b"partial_json", orjson.dumps(event.text))
            case ThinkingDelta():
                written = self._piece("thinking", b"thinking_delta", event.text)
            case ThinkingSealed():
                written = self._sealed(event.seal)
            case CallBegun():
                written = self._call(event)
            case CallEnded():
                written = self._closed()
            case Begun():
                identity = event.id or f"msg_{self._asked.seed[:24]}"
                written = render.event(
                    {"type": "message_start", "message": _message(identity, event.model, event.usage)}
                )
            case Ended():
                written = self._ended(event)
            case Failure():
                written = render.event(_error(event, event.status))
        return written

    def _piece(self, kind: str, delta: bytes, text: str) -> bytes:
        opened = b"" if self._open == kind else self._opened(kind, {"type": kind, kind: ""})
        return opened + _DELTA % (self._index, delta, kind.encode(), orjson.dumps(text))

    def _call(self, event: CallBegun) -> bytes:
        _plain(event.form)
        identity = ids.outward(event.id, ids.ANTHROPIC)
        return self._opened("tool_use", {"type": "tool_use", "id": identity, "name": event.name, "input": {}})

    def _sealed(self, seal: str) -> bytes:
        if self._open == "thinking":
            self._seal = seal
            return self._closed()
        if not seal:
            return b""
        mark = marks.marked(self._asked.there.provider, seal)
        return self._opened("redacted_thinking", {"type": "redacted_thinking", "data": mark}) + self._closed()

    def _opened(self, kind: str, block: JsonObject) -> bytes:
        closed = self._closed()
        self._index += 1
        self._open = kind
        if kind == "thinking":
            block["signature"] = ""
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return closed + render.event(start)

    def _closed(self) -> bytes:
        if not self._open:
            return b""
        signed = b""
        if self._open == "thinking":
            mark = marks.marked(self._asked.there.provider, self._seal)
            signed = _DELTA % (self._index, b"signature_delta", b"signature", orjson.dumps(mark))
            self._seal = ""
        self._open = ""
        stop = b'{"type":"content_block_stop","index":%d}' % self._index
        return signed + sse.frame(stop, event="content_block_stop")

    def _ended(self, event: Ended) -> bytes:
        delta = _ends(event.stop, event.stop_sequence)
        summed: JsonObject = {"type": "message_delta", "delta": delta, "usage": _usage(event.usage)}
        return self._closed() + render.event(summed) + render.event({"type": "message_stop"})
