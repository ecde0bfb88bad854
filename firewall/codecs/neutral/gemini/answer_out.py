"""The neutral form, written as answers of generateContent: whole answers, streams and errors."""

from collections.abc import Sequence

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.gemini import render
from firewall.codecs.gemini.tables import SKIP_SIGNATURE
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
    RefusalDelta,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    Usage,
)
from firewall.codecs.neutral.form import Call, Thinking
from firewall.codecs.neutral.gemini import seals
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.upstream_json import is_strict_object
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_STOPS = {
    Stop.END: "STOP",
    Stop.CALLS: "STOP",
    Stop.SEQUENCE: "STOP",
    Stop.LENGTH: "MAX_TOKENS",
    Stop.CONTEXT: "MAX_TOKENS",
    Stop.REFUSAL: "PROHIBITED_CONTENT",
}
_STATUS = {Fault.OVERLOADED: 503, Fault.BILLING: 429, Fault.CONTEXT: 400, Fault.RATE: 429}


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Write a whole answer for a client.

    Raises: ProtocolError (upstream) `untranslatable_answer` for a call that this dialect cannot say.
    """
    parts: list[object] = []
    signature = SKIP_SIGNATURE
    for part in answer.parts:
        if isinstance(part, Thinking):
            if part.text:
                parts.append(_thought(part.text))
            signature = seals.marked(asked.there.provider, part)
        elif isinstance(part, Call):
            parts.append(_call(part, signature))
            signature = ""
        else:
            parts.append({"text": part.text})
    return orjson.dumps(_response(answer.id, answer.model, parts, asked, stop=answer.stop, usage=answer.usage))


def _response(
    identity: str,
    model: str,
    parts: Sequence[object],
    asked: Asked,
    *,
    stop: Stop | None = None,
    usage: Usage | None = None,
) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if stop is not None:
        candidate["finishReason"] = _STOPS[stop]
    response: JsonObject = {"candidates": [candidate]}
    if usage is not None:
        response["usageMetadata"] = _usage(usage)
    return response | {"modelVersion": model or asked.request.model, "responseId": identity or asked.seed[:24]}


def _thought(text: str) -> JsonObject:
    return {"text": text, "thought": True}


def _call(call: Call, signature: str) -> JsonObject:
    if call.form is not CallForm.JSON:
        unanswerable("a call of a tool that takes free text")
    written = (call.arguments.strip() or "{}").encode()
    if not is_strict_object(written):
        unanswerable("the arguments of a call are no JSON object")
    args = orjson.Fragment(json_span.one_line(written))
    part: JsonObject = {"functionCall": {"id": ids.outward(call.id, ids.GEMINI), "name": call.name, "args": args}}
    if signature:
        part["thoughtSignature"] = signature
    return part


def _usage(usage: Usage) -> JsonObject:
    written: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    if usage.cache_read_tokens:
        written["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        written["thoughtsTokenCount"] = usage.reasoning_tokens
    return written


def write_error(failure: Failure) -> tuple[int, bytes]:
    """Return status and body of an error answer."""
    status = _status(failure)
    return status, render.error(status, failure.fault.value, failure.message)


def _status(failure: Failure) -> int:
    return _STATUS.get(failure.fault, failure.status if failure.status >= 400 else 502)


class GeminiWriter:
    """A `StreamWriter` for streamGenerateContent: a frame for each piece of text, one for each whole call."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._identity = self._model = ""
        self._frame = b"%b"
        self._thoughts: list[str] = []
        """Those whose seal has not come."""
        self._signature = SKIP_SIGNATURE
        """Waits for the call that it was given with; the API itself wants one on the first call of an answer."""
        self._call: CallBegun | None = None
        self._arguments: list[str] = []

    def write(self, event: Event) -> bytes:
        """Return the frames of one event.

        Raises: ProtocolError (upstream) `untranslatable_answer` for a call that this dialect cannot say.
        """
        match event:
            case TextDelta() | RefusalDelta():
                written = self._framed(b'{"text":%b}' % orjson.dumps(event.text))
            case ThinkingDelta():
                self._thoughts.append(event.text)
                written = self._framed(orjson.dumps(_thought(event.text)))
            case ThinkingSealed():
                written = self._sealed(event.seal)
            case CallBegun() | CallDelta() | CallEnded():
                written = self._calling(event)
            case Begun():
                written = self._begun(event)
            case Ended():
                written = self._ended(event)
            case Failure():
                written = sse.frame(render.error(_status(event), event.fault.value, event.message))
        return written

    def _begun(self, event: Begun) -> bytes:
        self._identity, self._model = event.id, event.model
        shape = orjson.dumps(_response(event.id, event.model, [], self._asked)).replace(b"%", b"%%")
        self._frame = b"data: " + shape.replace(b'"parts":[]', b'"parts":[%b]', 1) + b"\n\n"
        return b""

    def _framed(self, part: bytes) -> bytes:
        return self._frame % part

    def _sealed(self, seal: str) -> bytes:
        """Keep the mark for the call that the thought leads to; of one that leads to none, nobody asks for it."""
        thought, self._thoughts = "".join(self._thoughts), []
        if seal or thought:
            self._signature = seals.marked(self._asked.there.provider, Thinking(thought, seal))
        return b""

    def _calling(self, event: CallBegun | CallDelta | CallEnded) -> bytes:
        match event:
            case CallBegun():
                self._call, self._arguments = event, []
            case CallDelta():
                self._arguments.append(event.text)
            case CallEnded():
                return self._called()
        return b""

    def _called(self) -> bytes:
        begun, self._call = self._call, None
        if begun is None:
            return b""
        if self._thoughts:
            self._sealed("")
        call = Call(begun.id, begun.name, "".join(self._arguments), begun.form, begun.namespace)
        signature, self._signature = self._signature, ""
        return self._framed(orjson.dumps(_call(call, signature)))

    def _ended(self, event: Ended) -> bytes:
        last = _response(
            self._identity, self._model, [{"text": ""}], self._asked, stop=event.stop, usage=event.usage
        )
        return sse.frame(orjson.dumps(last))


def stream(asked: Asked) -> GeminiWriter:
    """Start writing a streamed answer."""
    return GeminiWriter(asked)
