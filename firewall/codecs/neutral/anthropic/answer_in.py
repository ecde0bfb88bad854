"""A whole answer of the Messages API, read into the neutral form; what its parts mean, for the stream as well."""

from collections.abc import Iterator

from firewall.codecs import json_span
from firewall.codecs.anthropic.notes import Notes
from firewall.codecs.neutral.events import Answer, AnswerPart, Failure, Fault, Stop, Usage
from firewall.codecs.neutral.faults import fault_of, object_of, words_of
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed

_STOPS = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.CALLS,
    "refusal": Stop.REFUSAL,
    "model_context_window_exceeded": Stop.CONTEXT,
}
_FAULTS = {
    "authentication_error": Fault.AUTHENTICATION, "billing_error": Fault.BILLING,
    "permission_error": Fault.PERMISSION, "not_found_error": Fault.NOT_FOUND, "rate_limit_error": Fault.RATE,
    "request_too_large": Fault.TOO_LARGE, "timeout_error": Fault.TIMEOUT, "overloaded_error": Fault.OVERLOADED,
    "api_error": Fault.SERVER,
}  # fmt: skip
_STATUS = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500,
    "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip


def read_answer(body: bytes, *, seed: str) -> Answer:
    """Read a provider's whole answer.

    Raises: ProtocolError (upstream) for what is no message, and for content without a place in the form.
    """
    del seed
    message = loads_object(body)
    content = message.get("content")
    if message.get("type") != "message" or not isinstance(content, list):
        malformed("it is not a message", code="answer_malformed")
    places = json_span.Places(body, ("content",))
    parts = tuple(part for place, block in enumerate(content) for part in _parts(block, places, place))
    sequence = message.get("stop_sequence")
    notes = Notes()
    notes.usage_of(message)
    return Answer(
        id=text_of(message, "id"),
        model=text_of(message, "model"),
        parts=parts,
        stop=stop_of(message.get("stop_reason")),
        stop_sequence=sequence if isinstance(sequence, str) else "",
        usage=usage_of(counts_of(message, {})),
        counted=notes.usage,
    )


def _parts(block: object, places: json_span.Places, place: int) -> Iterator[AnswerPart]:
    if not isinstance(block, dict):
        malformed("a content block is no object", code="answer_malformed")
    match block.get("type"):
        case "text":
            if said := text_of(block, "text"):
                yield Text(said)
        case "thinking":
            yield Thinking(text_of(block, "thinking"), text_of(block, "signature"))
        case "redacted_thinking":
            yield Thinking("", text_of(block, "data"))
        case "tool_use":
            identity, name = call_of(block)
            written = places.member(place, "input")
            if not isinstance(block.get("input"), dict) or written is None:
                malformed("the input of a call is no object", code="answer_malformed")
            yield Call(identity, name, written.decode())
        case other:
            unanswerable(f"a block `{other}`")


def call_of(block: JsonObject) -> tuple[str, str]:
    """Return id and name of a `tool_use` block.

    Raises: ProtocolError (upstream) when one is missing, or when the call is of a toolset.
    """
    identity, name = text_of(block, "id"), text_of(block, "name")
    if not identity or not name:
        malformed("a call without a name or an id")
    if block.get("toolset_name") is not None:
        unanswerable("a call of a toolset")
    return identity, name


def text_of(value: JsonObject, key: str) -> str:
    """Return a string, empty where it is null or missing.

    Raises: ProtocolError (upstream) when it is something else.
    """
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        malformed(f"`{key}` is no string")
    return found


def stop_of(reason: object) -> Stop:
    """Return why an answer ended.

    Raises: ProtocolError (upstream) when it does not say, or says what nobody else can say.
    """
    if reason is None:
        malformed("an answer without `stop_reason`")
    found = _STOPS.get(reason) if isinstance(reason, str) else None
    if found is None:
        unanswerable("it ends for a reason of its own")
    return found


def counts_of(value: JsonObject, known: dict[str, int]) -> dict[str, int]:
    """Return the counts of a `usage`, over those known before: each is a total, what is left out stays."""
    usage = value.get("usage")
    if not isinstance(usage, dict):
        return known
    fresh = {name: count for name, count in usage.items() if type(count) is int and count >= 0}
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else None
    if type(thought) is int and thought >= 0:
        fresh["thinking_tokens"] = thought
    return {**known, **fresh}


def usage_of(counts: dict[str, int]) -> Usage:
    """Return the usage that counts mean: here, what was cached is not counted among the input."""
    read, written = counts.get("cache_read_input_tokens", 0), counts.get("cache_creation_input_tokens", 0)
    return Usage(
        input_tokens=counts.get("input_tokens", 0) + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=counts.get("output_tokens", 0),
        reasoning_tokens=counts.get("thinking_tokens", 0),
    )


def read_error(status: int, body: bytes) -> Failure:
    """Read a provider's error answer, whatever its body is."""
    return failure_of(object_of(body), status)


def failure_of(value: JsonObject, status: int = 0) -> Failure:
    """Return the failure that an error object tells; without a status, as it stands in a stream, by its type."""
    error = value.get("error")
    inner = error if isinstance(error, dict) else {}
    kind = inner.get("type")
    type_ = kind if isinstance(kind, str) else ""
    status = status or _STATUS.get(type_, 502)
    message = words_of(inner.get("message"), status)
    told = fault_of(status, message)
    specific = told in (Fault.CONTEXT, Fault.BILLING)
    return Failure(told if specific else _FAULTS.get(type_, told), message, status, type_)
