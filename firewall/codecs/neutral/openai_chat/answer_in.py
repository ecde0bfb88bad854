"""A whole answer of Chat Completions, read into the neutral form; what its parts mean, for the stream as well."""

from collections.abc import Iterator, Mapping

from firewall.codecs.neutral import ids
from firewall.codecs.neutral.events import Answer, AnswerPart, Failure, Fault, Refusal, Stop, Usage
from firewall.codecs.neutral.faults import fault_of, object_of, words_of
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.codecs.neutral.losses import unanswerable
from firewall.codecs.openai_chat.notes import Notes
from firewall.codecs.openai_chat.tables import REASONING
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed
from firewall.core.call import CallForm

_STOPS = {
    "stop": Stop.END, "end_turn": Stop.END, "eos": Stop.END, "eos_token": Stop.END, "stop_sequence": Stop.END,
    "tool_calls": Stop.CALLS, "function_call": Stop.CALLS, "tool_use": Stop.CALLS,
    "length": Stop.LENGTH, "max_tokens": Stop.LENGTH, "model_length": Stop.CONTEXT,
    "content_filter": Stop.REFUSAL, "refusal": Stop.REFUSAL,
}  # fmt: skip
"""OpenAI's reasons, and those that compatible servers give."""
_SPOKEN = ("reasoning_content", "reasoning", "reasoning_text")
_IGNORED = frozenset({"annotations", "provider_specific_fields", "role"}).union(REASONING)
_READ = frozenset({"content", "refusal", "tool_calls", "function_call"})
_CODES = {
    "context_length_exceeded": Fault.CONTEXT, "insufficient_quota": Fault.BILLING,
    "billing_hard_limit_reached": Fault.BILLING, "rate_limit_exceeded": Fault.RATE,
    "invalid_api_key": Fault.AUTHENTICATION, "model_not_found": Fault.NOT_FOUND,
    "content_policy_violation": Fault.FILTERED, "content_filter": Fault.FILTERED,
    "overloaded_error": Fault.OVERLOADED, "server_overloaded": Fault.OVERLOADED,
}  # fmt: skip


def read_answer(body: bytes, *, seed: str) -> Answer:
    """Read a provider's whole answer.

    Raises: ProtocolError (upstream) for what is no completion, and for content without a place in the form.
    """
    value = loads_object(body)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        malformed("it is no chat completion", code="answer_malformed")
    choice = only_choice(choices)
    message = choice.get("message")
    if not isinstance(message, dict):
        malformed("a choice without a message", code="answer_malformed")
    refuse_unknown(message)
    parts = tuple(_parts(message, seed))
    notes = Notes()
    notes.count(value)
    return Answer(
        id=text_of(value, "id"),
        model=text_of(value, "model"),
        parts=parts,
        stop=stop_of(choice.get("finish_reason"), calls=any(isinstance(part, Call) for part in parts)),
        usage=usage_of(value.get("usage")),
        counted=notes.usage,
    )


def _parts(message: JsonObject, seed: str) -> Iterator[AnswerPart]:
    if thought := thought_of(message):
        yield Thinking(thought)
    if said := text_of(message, "content"):
        yield Text(said)
    if refused := text_of(message, "refusal"):
        yield Refusal(refused)
    old = message.get("function_call")
    if old is not None:
        yield _call({"function": old}, seed, -1)
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        malformed("`tool_calls` is no list", code="answer_malformed")
    for key, call in enumerate(calls or ()):
        if not isinstance(call, dict):
            malformed("a call is no object", code="answer_malformed")
        yield _call(call, seed, key)


def _call(call: JsonObject, seed: str, key: int) -> Call:
    kind, inside = inside_of(call)
    name = text_of(inside, "name")
    if not name:
        malformed("a call without a name", code="answer_malformed")
    form = CallForm.TEXT if kind == "custom" else CallForm.JSON
    told = text_of(inside, "input" if form is CallForm.TEXT else "arguments")
    identity = text_of(call, "id") or ids.derived(seed, key=key)
    return Call(identity, name, told if told.strip() or form is CallForm.TEXT else "{}", form)


def inside_of(call: Mapping[str, object]) -> tuple[str, JsonObject]:
    """Return a call's type and what it holds under it.

    Raises: ProtocolError (upstream) for a type that nobody else knows.
    """
    for kind in ("function", "custom"):
        inside = call.get(kind)
        if isinstance(inside, dict):
            return kind, inside
    if call.get("type") not in (None, "function", "custom"):
        unanswerable("a call of a type of its own")
    return str(call.get("type") or "function"), {}


def only_choice(choices: list[object]) -> JsonObject:
    """Return the one choice.

    Raises: ProtocolError (upstream) when there are several.
    """
    choice = choices[0]
    if len(choices) != 1 or not isinstance(choice, dict) or choice.get("index") not in (0, None):
        unanswerable("several candidates")
    return choice


def refuse_unknown(said: JsonObject) -> None:
    """Refuse a message or delta that says something which has no place in the form.

    Raises: ProtocolError (upstream) `untranslatable_answer`.
    """
    for key, one in said.items():
        if key not in _READ and key not in _IGNORED and one not in (None, "", [], {}):
            unanswerable(f"its member `{key}`")


def thought_of(said: JsonObject) -> str:
    """Return what a message or delta says of the reasoning, in whichever member it stands."""
    for key in _SPOKEN:
        found = said.get(key)
        if isinstance(found, str) and found:
            return found
    details = said.get("reasoning_details")
    texts: list[str] = []
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict):
            texts += [text for name in ("text", "summary") if isinstance(text := one.get(name), str)]
    return "".join(texts)


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


def stop_of(reason: object, *, calls: bool) -> Stop:
    """Return why an answer ended; some servers say `stop` where the model waits for calls, or the other way.

    Raises: ProtocolError (upstream) when it does not say, or says what nobody knows.
    """
    if not isinstance(reason, str) or not reason:
        malformed("an answer without `finish_reason`")
    found = _STOPS.get(reason)
    if found is None:
        unanswerable("it ends for a reason of its own")
    if found in (Stop.END, Stop.CALLS):
        return Stop.CALLS if calls else Stop.END
    return found


def usage_of(usage: object) -> Usage:
    """Return the usage of an answer or chunk; zeros where there is none."""
    if not isinstance(usage, dict):
        return Usage()
    cached, thought = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        cache_read_tokens=_count(cached, "cached_tokens"),
        cache_write_tokens=_count(cached, "cache_write_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(thought, "reasoning_tokens"),
    )


def _count(value: object, key: str) -> int:
    found = value.get(key) if isinstance(value, dict) else None
    return found if type(found) is int and found >= 0 else 0


def read_error(status: int, body: bytes) -> Failure:
    """Read a provider's error answer, whatever its body is."""
    return failure_of(object_of(body), status)


def failure_of(value: JsonObject, status: int = 0) -> Failure:
    """Return the failure that an error object tells; without a status, as it stands in a stream, by its code."""
    error = value.get("error")
    inner = error if isinstance(error, dict) else {"message": error or value.get("message") or value.get("detail")}
    code = inner.get("code")
    if not status:
        status = code if type(code) is int and 400 <= code < 600 else 502
    name = code if isinstance(code, str) else str(inner.get("type") or "")
    message = words_of(inner.get("message"), status)
    return Failure(_CODES.get(name) or fault_of(status, message), message, status, name)
