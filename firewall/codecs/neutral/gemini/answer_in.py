"""An answer of generateContent, read into the neutral form; what its parts mean, for the stream as well."""

from collections.abc import Iterator, Mapping

from firewall.codecs.gemini import parts as wire
from firewall.codecs.gemini import tables
from firewall.codecs.gemini.fields import folded
from firewall.codecs.interface import UNCOUNTED
from firewall.codecs.neutral import ids
from firewall.codecs.neutral.events import Answer, AnswerPart, Failure, Fault, Stop, Usage
from firewall.codecs.neutral.faults import fault_of, object_of, words_of
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.losses import unanswerable

Json = Mapping[str, object]

_STOPS = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "SAFETY": Stop.REFUSAL,
    "RECITATION": Stop.REFUSAL,
    "LANGUAGE": Stop.REFUSAL,
    "BLOCKLIST": Stop.REFUSAL,
    "PROHIBITED_CONTENT": Stop.REFUSAL,
    "SPII": Stop.REFUSAL,
    "ESCALATION": Stop.REFUSAL,
    "MODEL_ARMOR": Stop.REFUSAL,
    "PUP_LIMITED_DISABLED": Stop.REFUSAL,
}
"""Why a candidate ended; anything else means that the model got no answer together."""
_FAULTS = {
    "RESOURCE_EXHAUSTED": Fault.RATE, "UNAUTHENTICATED": Fault.AUTHENTICATION, "NOT_FOUND": Fault.NOT_FOUND,
    "PERMISSION_DENIED": Fault.PERMISSION, "DEADLINE_EXCEEDED": Fault.TIMEOUT, "UNAVAILABLE": Fault.OVERLOADED,
    "INTERNAL": Fault.SERVER,
}  # fmt: skip
_NAMES = {name: status for status, name in reversed(tables.STATUS.items())}


def read_answer(body: bytes, *, seed: str) -> Answer:
    """Read a provider's whole answer.

    Raises: ProtocolError (upstream) for what is no answer of this dialect, and for content without a place in the
    form.
    """
    value = wire.parse(body)
    if "candidates" not in value and "promptFeedback" not in value:
        wire.malformed("it is no answer of this API", code="answer_malformed")
    found, stop = read(value, body, seed=seed, first=0)
    if stop is None:
        wire.malformed("an answer without a reason for its end", code="answer_malformed")
    if stop is Stop.END and any(isinstance(part, Call) for part in found):
        stop = Stop.CALLS
    return Answer(
        id=text_of(value, "responseId"),
        model=text_of(value, "modelVersion"),
        parts=_joined(found),
        stop=stop,
        usage=usage_of(value),
        counted=wire.usage_of(value) or UNCOUNTED,
    )


def read(value: Json, data: bytes, *, seed: str, first: int) -> tuple[list[AnswerPart], Stop | None]:
    """Return the parts of a response object, and why it ends where it says so; calls are counted from `first`.

    A seal stands after the text that it was given with, and before the call.
    Raises: ProtocolError (upstream).
    """
    parts: list[AnswerPart] = []
    stop = Stop.REFUSAL if _is_blocked(value) else None
    for place, (index, candidate) in enumerate(wire.candidates_of(value)):
        if index:
            unanswerable("a second candidate")
        if wire.is_plain(candidate):
            parts += (Text(text_of(raw, "text")) for raw in _raws(candidate))
        else:
            for part in wire.parts_in(candidate, data, (place, index), {}):
                parts += _parts(candidate, part, seed, first + sum(isinstance(one, Call) for one in parts))
        reason = candidate.get("finishReason")
        if reason:
            stop = stop_of(reason)
    return parts, stop


def _parts(candidate: Json, part: wire.Part, seed: str, number: int) -> Iterator[AnswerPart]:
    raw = _raw(candidate, part.position)
    signature = text_of(raw, "thoughtSignature")
    if part.call is not None:
        if part.call.name.startswith("unknown:") or "functionCall" not in raw:
            unanswerable(f"a part `{part.call.name}`")
        if signature and signature != tables.SKIP_SIGNATURE:
            yield Thinking("", signature)
        identity = ids.inward(part.call.id) if part.call.id else ids.derived(seed, key=number)
        yield Call(identity, part.call.name, part.call.arguments.decode())
        return
    words = text_of(raw, "text")
    if not words and any(name not in tables.PART_NOTES and name != "text" for name, one in raw.items() if one):
        unanswerable("a part that is neither text nor a call")
    if words:
        yield Thinking(words) if raw.get("thought") else Text(words)
    if signature:
        yield Thinking("", signature)


def _raw(candidate: Json, position: int) -> Json:
    return folded(_raws(candidate)[position], "part", "upstream")


def _raws(candidate: Json) -> list[Json]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return parts if isinstance(parts, list) else []


def _joined(parts: list[AnswerPart]) -> tuple[AnswerPart, ...]:
    """Return the parts with neighbouring texts as one, and thoughts together with their seal."""
    out: list[AnswerPart] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Text) and isinstance(last, Text):
            out[-1] = Text(last.text + part.text)
        elif isinstance(part, Thinking) and isinstance(last, Thinking) and not last.seal:
            out[-1] = Thinking(last.text + part.text, part.seal)
        else:
            out.append(part)
    return tuple(out)


def _is_blocked(value: Json) -> bool:
    feedback = value.get("promptFeedback")
    return isinstance(feedback, dict) and bool(folded(feedback, "promptFeedback", "upstream").get("blockReason"))


def stop_of(reason: object) -> Stop:
    """Return why a candidate ended.

    Raises: ProtocolError (upstream) when the model got no answer together.
    """
    found = _STOPS.get(reason) if isinstance(reason, str) else None
    if found is None:
        wire.malformed(f"the model ended with `{str(reason)[:40]}`", code="answer_malformed")
    return found


def text_of(value: Json, key: str) -> str:
    """Return a string, empty where it is null or missing.

    Raises: ProtocolError (upstream) when it is something else.
    """
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        wire.malformed(f"`{key}` is no string")
    return found


def usage_of(value: Json) -> Usage:
    """Return the tokens of a response object; here, thoughts are not counted among the output."""
    usage = value.get("usageMetadata")
    known = folded(usage, "usageMetadata", "upstream") if isinstance(usage, dict) else {}
    thoughts = _count(known, "thoughtsTokenCount")
    return Usage(
        input_tokens=_count(known, "promptTokenCount") + _count(known, "toolUsePromptTokenCount"),
        cache_read_tokens=_count(known, "cachedContentTokenCount"),
        output_tokens=_count(known, "candidatesTokenCount") + thoughts,
        reasoning_tokens=thoughts,
    )


def _count(value: Json, key: str) -> int:
    found = value.get(key)
    return found if type(found) is int and found >= 0 else 0


def read_error(status: int, body: bytes) -> Failure:
    """Read a provider's error answer, whatever its body is."""
    return failure_of(object_of(body), status)


def failure_of(value: Json, status: int = 0) -> Failure:
    """Return the failure that an error object tells; without a status, as it stands in a stream, by its own."""
    error = value.get("error")
    inner = error if isinstance(error, dict) else {}
    name, number = inner.get("status"), inner.get("code")
    code = name if isinstance(name, str) else ""
    if not status:
        status = number if type(number) is int and 400 <= number < 600 else _NAMES.get(code, 502)
    message = words_of(inner.get("message"), status)
    told = fault_of(status, message)
    specific = told in (Fault.CONTEXT, Fault.BILLING)
    if "api key" in message.lower() and status == 400:
        return Failure(Fault.AUTHENTICATION, message, status, code)
    return Failure(told if specific else _FAULTS.get(code, told), message, status, code)
