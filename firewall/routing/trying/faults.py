"""What went wrong with one request to a provider, and what may be done about it. Pure.

Structured codes decide before words do: a message is looked at only where a dialect has no code for it.
Sources: the vendors' error pages (platform.claude.com/docs/en/api/errors, developers.openai.com error codes,
ai.google.dev/gemini-api/docs/troubleshooting) and shared/reference/GATEWAYS.md 3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from firewall.codecs.neutral import events
from firewall.codecs.neutral.faults import fault_of, object_of
from firewall.core.errors import UpstreamError, UpstreamFault


class Fault(StrEnum):
    """Why an attempt gave no answer; a word of the log."""

    CONNECT = "connect"
    """Nobody is there."""
    RESET = "reset"
    """The connection broke before the answer was of use."""
    TIMEOUT = "timeout"
    """Silence: connecting, before the first word, or in all."""
    RATE = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER = "server_error"
    CONTEXT = "context_length"
    """The question is too long for the model."""
    FILTERED = "content_filter"
    KEY = "key_refused"
    """Our key, or what it may spend, is used up."""
    MISSING = "model_missing"
    CALLER = "caller"
    """The request is wrong, whoever is asked."""
    MALFORMED = "malformed"
    """What came is no answer of the dialect."""
    TRUNCATED = "truncated"
    """It ended before the answer did."""
    INVALID = "failed_validation"
    """An answer, but not one that the route accepts."""
    REJECTED = "rejected"
    """A redirect, or an address that is not spoken to."""
    UNTRANSLATABLE = "untranslatable"
    """The candidate's dialect cannot carry the request."""
    CIRCUIT = "circuit_open"
    """Not asked: it failed too often lately."""
    BUDGET = "retry_budget"
    """Not asked: too many repetitions fail already."""
    QUEUE = "queue_full"
    """Not asked: it has as much to do as it may."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What follows from a fault."""

    elsewhere: bool = True
    """The next candidate may be asked."""
    again: bool = False
    """The same candidate may be asked again."""
    again_first: bool = False
    """… before the next one: it is likely to be over at once."""
    blames: bool = False
    """It counts against the provider's circuit."""
    may_cost: bool = False
    """The provider may charge for it all the same."""


_CONDUCT: Mapping[Fault, Conduct] = {
    Fault.CONNECT: Conduct(again=True, blames=True),
    Fault.RESET: Conduct(again=True, again_first=True, blames=True, may_cost=True),
    Fault.TIMEOUT: Conduct(blames=True, may_cost=True),
    Fault.RATE: Conduct(again=True),
    Fault.OVERLOADED: Conduct(again=True, blames=True),
    Fault.SERVER: Conduct(again=True, again_first=True, blames=True),
    Fault.CONTEXT: Conduct(),
    Fault.FILTERED: Conduct(may_cost=True),
    Fault.KEY: Conduct(),
    Fault.MISSING: Conduct(),
    Fault.CALLER: Conduct(elsewhere=False),
    Fault.MALFORMED: Conduct(again=True, blames=True, may_cost=True),
    Fault.TRUNCATED: Conduct(again=True, blames=True, may_cost=True),
    Fault.INVALID: Conduct(may_cost=True),
    Fault.REJECTED: Conduct(blames=True),
    Fault.UNTRANSLATABLE: Conduct(),
    Fault.CIRCUIT: Conduct(),
    Fault.BUDGET: Conduct(),
    Fault.QUEUE: Conduct(),
}
UNASKED = frozenset({Fault.CIRCUIT, Fault.BUDGET, Fault.QUEUE, Fault.UNTRANSLATABLE})
"""Nothing was sent."""

_CODES: Mapping[str, Fault] = {
    "context_length_exceeded": Fault.CONTEXT,
    "model_context_window_exceeded": Fault.CONTEXT,
    "content_filter": Fault.FILTERED,
    "content_filtered": Fault.FILTERED,
    "content_policy_violation": Fault.FILTERED,
    "responsibleaipolicyviolation": Fault.FILTERED,
    "moderation_blocked": Fault.FILTERED,
    "insufficient_quota": Fault.KEY,
    "billing_error": Fault.KEY,
    "billing_hard_limit_reached": Fault.KEY,
    "billing_not_active": Fault.KEY,
    "invalid_api_key": Fault.KEY,
    "api_key_invalid": Fault.KEY,
    "authentication_error": Fault.KEY,
    "permission_error": Fault.KEY,
    "unauthenticated": Fault.KEY,
    "permission_denied": Fault.KEY,
    "model_not_found": Fault.MISSING,
    "not_found_error": Fault.MISSING,
    "rate_limit_error": Fault.RATE,
    "rate_limit_exceeded": Fault.RATE,
    "resource_exhausted": Fault.RATE,
    "overloaded_error": Fault.OVERLOADED,
    "server_is_overloaded": Fault.OVERLOADED,
    "slow_down": Fault.OVERLOADED,
    "unavailable": Fault.OVERLOADED,
    "api_error": Fault.SERVER,
    "server_error": Fault.SERVER,
    "internal": Fault.SERVER,
    "internal_server_error": Fault.SERVER,
    "deadline_exceeded": Fault.SERVER,
    "stream_truncated": Fault.TRUNCATED,
    "timeout_error": Fault.SERVER,
}
"""Codes, types and statuses of the four dialects, in lower case."""
_BY_NEUTRAL: Mapping[events.Fault, Fault] = {
    events.Fault.INVALID: Fault.CALLER,
    events.Fault.AUTHENTICATION: Fault.KEY,
    events.Fault.PERMISSION: Fault.KEY,
    events.Fault.BILLING: Fault.KEY,
    events.Fault.NOT_FOUND: Fault.MISSING,
    events.Fault.TOO_LARGE: Fault.CALLER,
    events.Fault.CONTEXT: Fault.CONTEXT,
    events.Fault.FILTERED: Fault.FILTERED,
    events.Fault.RATE: Fault.RATE,
    events.Fault.OVERLOADED: Fault.OVERLOADED,
    events.Fault.TIMEOUT: Fault.SERVER,
    events.Fault.SERVER: Fault.SERVER,
    events.Fault.TRUNCATED: Fault.TRUNCATED,
}
_KNOWN: Mapping[str, Fault] = {**_CODES, **{fault.value: meaning for fault, meaning in _BY_NEUTRAL.items()}}
"""With the codes of errors that were translated."""
_DECISIVE = frozenset({Fault.CONTEXT, Fault.FILTERED, Fault.KEY, Fault.MISSING})
"""What a code may say of any 4xx; of other codes the status knows better."""
_PROVIDERS_OWN = frozenset({408, 409, 424})
"""Of 4xx those that tell of the provider: 424 is how Bedrock says that the model failed."""
_NOBODY = ("ConnectionRefusedError", "gaierror", "OSError")
_OWN_STATUS = 200
"""Of an error within an answer that began well."""


def conduct(fault: Fault) -> Conduct:
    """Return what follows from a fault."""
    return _CONDUCT[fault]


def fault_of_error(error: UpstreamError) -> Fault:
    """Return what an error of the carrier means."""
    match error.fault:
        case UpstreamFault.TIMEOUT:
            return Fault.TIMEOUT
        case UpstreamFault.REJECTED:
            return Fault.REJECTED
        case UpstreamFault.MALFORMED:
            return Fault.MALFORMED
        case UpstreamFault.UNAVAILABLE:
            return Fault.CONNECT if error.detail.startswith(_NOBODY) else Fault.RESET


def fault_of_status(status: int, body: bytes) -> Fault:
    """Return what a provider's error answer means."""
    return _named(status, object_of(body))


def fault_of_object(value: Mapping[str, object]) -> Fault | None:
    """Return what is wrong with an answer that came under status 200, None where it holds no error."""
    error = value.get("error")
    if not error and value.get("type") != "error":
        return _fault_of_choice(value.get("choices"))
    return _named(_status_in(value), value)


def _fault_of_choice(choices: object) -> Fault | None:
    """Return the error that stands in a choice in place of its answer (OpenRouter), None where none does."""
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, Mapping) or first.get("finish_reason") != "error":
        return None
    return _named(_status_in(first), first) if first.get("error") else Fault.SERVER


def _named(status: int, value: Mapping[str, object]) -> Fault:
    found = [_KNOWN[code] for code in _codes(value) if code in _KNOWN]
    decisive = next((fault for fault in found if fault in _DECISIVE), None)
    if decisive is not None and (status < 500 or status == _OWN_STATUS):
        return decisive
    if found and status == _OWN_STATUS:
        return found[0]
    by_words = _BY_NEUTRAL[fault_of(status, _message(value))]
    if status in _PROVIDERS_OWN or (status == _OWN_STATUS and by_words is Fault.CALLER):
        return Fault.SERVER
    return by_words


def _codes(value: Mapping[str, object]) -> Iterator[str]:
    """Yield the codes that an error object holds, the most particular first."""
    error = value.get("error")
    inner = error if isinstance(error, Mapping) else value
    deeper = inner.get("innererror")
    places = [deeper, inner] if isinstance(deeper, Mapping) else [inner]
    for place in places:
        for name in ("code", "status", "type"):
            if isinstance(code := place.get(name), str):
                yield code.lower()
    metadata = inner.get("metadata")
    if isinstance(metadata, Mapping) and "flagged_input" in metadata:
        yield "content_filter"
    details = inner.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and isinstance(reason := detail.get("reason"), str):
            yield reason.lower()


def _message(value: Mapping[str, object]) -> str:
    error = value.get("error")
    inner = error if isinstance(error, Mapping) else value
    said = inner.get("message")
    return said if isinstance(said, str) else error if isinstance(error, str) else ""


def _status_in(value: Mapping[str, object]) -> int:
    """Return the status that an error object names itself (Gemini, OpenRouter), or the answer's own."""
    error = value.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else _OWN_STATUS
