"""A whole answer of the Responses API, read into the neutral form; what its items mean, for the stream as well."""

from collections.abc import Iterator, Mapping

from firewall.codecs.neutral import ids
from firewall.codecs.neutral.events import Answer, AnswerPart, Failure, Fault, Refusal, Stop, Usage
from firewall.codecs.neutral.faults import fault_of, object_of, words_of
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.neutral.openai_responses.seals import sealed
from firewall.codecs.openai_responses import final
from firewall.codecs.upstream_json import loads_object, malformed
from firewall.core.call import CallForm

Json = Mapping[str, object]

CALLS = {"function_call": ("arguments", CallForm.JSON), "custom_tool_call": ("input", CallForm.TEXT)}
"""Items that are calls: where their arguments stand, and in which form."""
_ROOT = "functions"
_FAULTS = {
    "bio_policy": (Fault.FILTERED, 400),
    "content_filter": (Fault.FILTERED, 400),
    "context_length_exceeded": (Fault.CONTEXT, 400),
    "cyber_policy": (Fault.FILTERED, 400),
    "image_content_policy_violation": (Fault.FILTERED, 400),
    "insufficient_quota": (Fault.BILLING, 429),
    "invalid_api_key": (Fault.AUTHENTICATION, 401),
    "invalid_prompt": (Fault.FILTERED, 400),
    "misalignment_policy_violation": (Fault.FILTERED, 400),
    "model_not_found": (Fault.NOT_FOUND, 404),
    "rate_limit_exceeded": (Fault.RATE, 429),
    "server_error": (Fault.SERVER, 500),
    "server_is_overloaded": (Fault.OVERLOADED, 503),
    "slow_down": (Fault.OVERLOADED, 503),
}
"""What a code means, and the status that fits it within a stream."""


def read_answer(body: bytes, *, seed: str) -> Answer:
    """Read a provider's whole answer.

    Raises: ProtocolError (upstream) for what is no response, for one that failed, and for content without a place
    in the form.
    """
    del seed
    response = loads_object(body)
    output = response.get("output")
    if not isinstance(output, list):
        malformed("it is no response", code="answer_malformed")
    if response.get("error") is not None or response.get("status") == "failed":
        malformed("the response failed", code="answer_malformed")
    parts = tuple(part for item in output for part in parts_of(object_in(item)))
    return Answer(
        id=text_of(response, "id"),
        model=text_of(response, "model"),
        parts=parts,
        stop=stop_of(response, has_calls=any(isinstance(part, Call) for part in parts)),
        usage=usage_of(response),
        counted=final.usage_of(response),
    )


def object_in(value: object) -> Json:
    """Return what must be an object.

    Raises: ProtocolError (upstream) when it is none.
    """
    if not isinstance(value, dict):
        malformed("an item is no object")
    return value


def text_of(value: Json, key: str) -> str:
    """Return a string, empty where it is null or missing.

    Raises: ProtocolError (upstream) when it is something else.
    """
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        malformed(f"`{key}` is no string")
    return found


def parts_of(item: Json) -> Iterator[AnswerPart]:
    """Yield what a finished item says; of a call that was cut off, nothing.

    Raises: ProtocolError (upstream) for what cannot be read or has no place in the form.
    """
    kind = item.get("type")
    if kind == "message":
        yield from said(item)
    elif kind == "reasoning":
        thinking = thinking_of(item)
        if thinking.text or thinking.seal:
            yield thinking
    elif is_call(item):
        call = call_of(item)
        if call is not None:
            yield call
    else:
        unanswerable(f"an item `{kind}`")


def is_call(item: Json) -> bool:
    """Tell whether an item is a call."""
    kind = item.get("type")
    return isinstance(kind, str) and kind in CALLS


def said(item: Json) -> Iterator[Text | Refusal]:
    """Yield the texts of a message."""
    for part in _listed(item, "content"):
        match part.get("type"):
            case "output_text":
                if words := text_of(part, "text"):
                    yield Text(words)
            case "refusal":
                if words := text_of(part, "refusal"):
                    yield Refusal(words)
            case kind:
                unanswerable(f"a content `{kind}`")


def thinking_of(item: Json) -> Thinking:
    """Return the reasoning of an item; sealed where the provider sealed it."""
    content = text_of(item, "encrypted_content")
    words = [text_of(part, "text") for key in ("summary", "content") for part in _listed(item, key)]
    return Thinking("\n\n".join(words), sealed(text_of(item, "id"), content) if content else "")


def call_of(item: Json) -> Call | None:
    """Return a finished call, None for one that was cut off: it cannot be run.

    Raises: ProtocolError (upstream) when what decides it is missing, or names a namespace: none was declared.
    """
    if item.get("status") == "incomplete":
        return None
    key, form = CALLS[str(item.get("type"))]
    identity, name = text_of(item, "call_id"), text_of(item, "name")
    arguments = item.get(key)
    if not identity or not name or not isinstance(arguments, str):
        malformed("a call without its id, name or arguments")
    if text_of(item, "namespace") not in ("", _ROOT):
        unanswerable("a call in a namespace")
    return Call(ids.inward(identity), name, arguments, form)


def _listed(item: Json, key: str) -> Iterator[Json]:
    found = item.get(key)
    if found is None:
        return
    if not isinstance(found, list):
        malformed(f"`{key}` is no list")
    for one in found:
        yield object_in(one)


def stop_of(response: Json, *, has_calls: bool) -> Stop:
    """Return why a response ended."""
    if response.get("status") != "incomplete":
        return Stop.CALLS if has_calls else Stop.END
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return Stop.REFUSAL if reason == "content_filter" else Stop.LENGTH


def usage_of(response: Json) -> Usage:
    """Return the tokens of a response."""
    usage = _table(response, "usage")
    sent, made = _table(usage, "input_tokens_details"), _table(usage, "output_tokens_details")
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        cache_read_tokens=_count(sent, "cached_tokens"),
        cache_write_tokens=_count(sent, "cache_write_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        reasoning_tokens=_count(made, "reasoning_tokens"),
    )


def _table(value: Json, key: str) -> Json:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _count(value: Json, key: str) -> int:
    found = value.get(key)
    return found if type(found) is int and found >= 0 else 0


def read_error(status: int, body: bytes) -> Failure:
    """Read a provider's error answer, whatever its body is."""
    value = object_of(body)
    return failure_of(_table(value, "error") or value, status)


def failure_of(error: Json, status: int = 0) -> Failure:
    """Return the failure that an error tells; without a status, as it stands in a stream, by its code."""
    told = error.get("code") or error.get("type")
    code = told if isinstance(told, str) else ""
    fault, usual = _FAULTS.get(code, (None, 502))
    status = status or usual
    message = words_of(error.get("message"), status)
    return Failure(fault or fault_of(status, message), message, status, code)
