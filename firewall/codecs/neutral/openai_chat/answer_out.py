"""The neutral form, written as answers of Chat Completions: whole, as a stream, and errors."""

import orjson

from firewall.codecs import sse
from firewall.codecs.neutral import ids
from firewall.codecs.neutral.events import (
    Answer,
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
from firewall.codecs.openai_chat import render
from firewall.codecs.upstream_json import JsonObject
from firewall.core.call import CallForm

_STOPS = {
    Stop.END: "stop",
    Stop.CALLS: "tool_calls",
    Stop.LENGTH: "length",
    Stop.SEQUENCE: "stop",
    Stop.REFUSAL: "content_filter",
    Stop.CONTEXT: "length",
}
_STATUS = {Fault.OVERLOADED: 503, Fault.BILLING: 429, Fault.CONTEXT: 400}
_APART = "\n\n"
"""Stands between texts that had a call or a thought between them: here they are one."""


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Write a whole answer for a client."""
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    calls: list[JsonObject] = []
    said = ""
    thought: list[str] = []
    refused: list[str] = []
    before: object = None
    for part in answer.parts:
        match part:
            case Text():
                said += (_APART if said and not isinstance(before, Text) else "") + part.text
            case Refusal():
                refused.append(part.text)
            case Thinking():
                thought += [part.text] if part.text else []
            case Call():
                calls.append(_call(part.id, part.name, part.form, part.arguments))
        before = part
    if said:
        message["content"] = said
    if refused:
        message["refusal"] = "".join(refused)
    if thought:
        message["reasoning_content"] = _APART.join(thought)
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _STOPS[answer.stop]}
    head = _head(answer.id, answer.model, asked, "chat.completion")
    return orjson.dumps({**head, "choices": [choice], "usage": _usage(answer.usage)})


def _call(identity: str, name: str, form: CallForm, told: str) -> JsonObject:
    kind, member = ("custom", "input") if form is CallForm.TEXT else ("function", "arguments")
    return {"id": ids.outward(identity, ids.OPENAI_CHAT), "type": kind, kind: {"name": name, member: told}}


def _head(identity: str, model: str, asked: Asked, kind: str) -> JsonObject:
    return {"id": identity or f"chatcmpl-{asked.seed[:24]}", "object": kind, "created": asked.at, "model": model}


def _usage(usage: Usage) -> JsonObject:
    cached = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": cached,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def write_error(failure: Failure) -> tuple[int, bytes]:
    """Return status and body of an error answer."""
    status = _STATUS.get(failure.fault, failure.status if failure.status >= 400 else 502)
    return status, render.error(status, failure.fault.value, failure.message)


class ChatWriter:
    """A `StreamWriter` for Chat Completions."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._head: JsonObject = {}
        self._opening = b""
        self._call = -1
        self._member = ("function", "arguments")
        self._told = self._spoke = self._apart = False

    def write(self, event: Event) -> bytes:
        """Return the frames of one event."""
        match event:
            case TextDelta():
                written = self._text(event.text)
            case CallDelta():
                self._told = True
                written = self._piece(event.text)
            case ThinkingDelta():
                self._apart = self._spoke
                written = self._delta(b"reasoning_content", event.text)
            case ThinkingSealed():
                written = b""
            case RefusalDelta():
                written = self._delta(b"refusal", event.text)
            case CallBegun():
                written = self._begun_call(event)
            case CallEnded():
                is_bare = not self._told and self._member[0] == "function"
                written = self._piece("{}") if is_bare else b""
            case Begun() | Ended() | Failure():
                written = self._frame_of(event)
        return written

    def _frame_of(self, event: Begun | Ended | Failure) -> bytes:
        match event:
            case Begun():
                return self._begun(event)
            case Ended():
                return self._ended(event)
            case Failure():
                return render.chunk(render.error_object(event.fault.value, event.message, status=event.status))

    def _begun(self, event: Begun) -> bytes:
        self._head = _head(event.id, event.model, self._asked, "chat.completion.chunk")
        self._opening = b"data: " + orjson.dumps(self._head)[:-1] + b',"choices":[{"index":0,"delta":'
        return self._chunk(b'{"role":"assistant","content":""}')

    def _text(self, text: str) -> bytes:
        if self._apart:
            self._apart = False
            text = _APART + text
        self._spoke = True
        return self._delta(b"content", text)

    def _delta(self, member: bytes, text: str) -> bytes:
        return self._chunk(b'{"%b":%b}' % (member, orjson.dumps(text)))

    def _chunk(self, delta: bytes) -> bytes:
        return self._opening + delta + b',"finish_reason":null}]}\n\n'

    def _begun_call(self, event: CallBegun) -> bytes:
        self._call += 1
        self._told, self._apart = False, self._spoke
        self._member = ("custom", "input") if event.form is CallForm.TEXT else ("function", "arguments")
        call = {"index": self._call, **_call(event.id, event.name, event.form, "")}
        return self._chunk(orjson.dumps({"tool_calls": [call]}))

    def _piece(self, text: str) -> bytes:
        kind, member = self._member
        piece = b'{"tool_calls":[{"index":%d,"%b":{"%b":%b}}]}'
        return self._chunk(piece % (self._call, kind.encode(), member.encode(), orjson.dumps(text)))

    def _ended(self, event: Ended) -> bytes:
        usage = _usage(event.usage)
        choice = {"index": 0, "delta": {}, "finish_reason": _STOPS[event.stop]}
        if not self._asked.request.wants_usage:
            last = render.chunk({**self._head, "choices": [choice], "usage": usage})
        else:
            ended = render.chunk({**self._head, "choices": [choice], "usage": None})
            last = ended + render.chunk({**self._head, "choices": [], "usage": usage})
        return last + sse.frame(render.DONE)
