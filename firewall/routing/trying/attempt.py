"""One request to one candidate, followed until it is known whether an answer comes.

INVARIANT: nothing is handed on before its first word, thought or call (streamed) or before all of it was read as
an answer of the client's dialect (whole): until then a failure is a `Failed`, and somebody else may be asked.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import lru_cache

import orjson

from firewall.codecs.dialects import CODECS
from firewall.codecs.upstream_json import JsonObject, loads_object
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, ProtocolError, UpstreamError, UpstreamFault
from firewall.core.fast_init import fast_init, maker
from firewall.routing.call import Candidate, Heard, ModelCall, Plan, heard_of
from firewall.routing.interpreting import counted
from firewall.routing.port import Upstream, UpstreamRequest, UpstreamResponse
from firewall.routing.trying.answers import Begun, Broke, Kept, kept_of
from firewall.routing.trying.faults import Fault, fault_of_error, fault_of_object, fault_of_status
from firewall.routing.trying.lines import Place
from firewall.routing.trying.opening import Opening
from firewall.routing.trying.resting import retry_after_s

_KEPT_BYTES = 64
_MAX_ERROR_BYTES = 1 << 20
MAX_ANSWER_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer; what the client would be told if nobody else has one."""

    candidate: Candidate
    fault: Fault
    error: FirewallError | None = None
    answer: Kept | None = None
    """The provider's own error, where it gave one."""
    status: int = 0
    retry_after_s: float | None = None
    """As the provider said."""


@fast_init
@dataclass(frozen=True, slots=True)
class Asking:
    """What one attempt is about."""

    call: ModelCall
    plan: Plan
    candidate: Candidate
    request: UpstreamRequest
    place: Place
    broke: Broke


asking_of = maker(Asking)


async def attempt(upstream: Upstream, asking: Asking) -> Kept | Begun | Failed:
    """Ask once. Cancelling closes what is open.

    Raises: ProtocolError (400) where the client's own bytes cannot be sent.
    """
    candidate = asking.candidate
    asked_at = asyncio.get_running_loop().time() if asking.call.request.stream else 0.0
    try:
        response = await upstream.open(candidate.provider.endpoint, asking.request)
    except UpstreamError as error:
        return Failed(candidate, fault_of_error(error), error)
    try:
        found = await _read(asking, response, asked_at)
    except UpstreamError as error:
        found = Failed(candidate, fault_of_error(error), error, status=response.status)
    except ProtocolError as error:  # what came cannot be given back in the client's dialect
        found = Failed(candidate, Fault.MALFORMED, error, status=response.status)
    except BaseException:
        response.close()
        raise
    if not isinstance(found, Begun):
        response.close()
    return found


def _read(
    asking: Asking, response: UpstreamResponse, asked_at: float
) -> Coroutine[object, object, Kept | Begun | Failed]:
    kind = _content_type(response)
    if not 200 <= response.status < 300:
        return _refusal(asking, response, kind)
    if kind == "text/event-stream" and asking.call.request.stream:
        return _stream(asking, response, asked_at + asking.candidate.provider.endpoint.timeouts.first_byte_s)
    if kind == "application/json":
        return _whole(asking, response)
    return _no_answer(asking, response, kind)


async def _no_answer(asking: Asking, response: UpstreamResponse, kind: str) -> Failed:
    error = UpstreamError(
        "the provider answered with something that is no answer",
        fault=UpstreamFault.MALFORMED,
        detail=f"content-type `{kind[:80]}`",
    )
    return Failed(asking.candidate, Fault.MALFORMED, error, status=response.status)


async def _refusal(asking: Asking, response: UpstreamResponse, kind: str) -> Failed:
    body = await response.read(_MAX_ERROR_BYTES)
    fault = fault_of_status(response.status, body if kind == "application/json" else b"")
    kept = Kept(response.status, list(response.fields), body, _heard(asking))
    after = retry_after_s(response.raw_fields)
    return Failed(asking.candidate, fault, answer=kept, status=response.status, retry_after_s=after)


async def _stream(asking: Asking, response: UpstreamResponse, deadline: float) -> Begun | Failed:
    opening = Opening(asking.call.dialect)
    chunks = response.chunks()
    try:
        async with asyncio.timeout_at(deadline):
            fault = await _until_content(chunks, opening)
    except TimeoutError:
        return Failed(asking.candidate, Fault.TIMEOUT, _silent(asking.candidate), status=response.status)
    if fault is Fault.FILTERED and not asking.plan.terms.filtered_falls_over:
        fault = None  # the provider's word on it is the answer
    if fault is None:
        return Begun(
            response,
            chunks,
            opening=opening.take(),
            dialect=asking.call.dialect,
            heard=_heard(asking),
            place=asking.place,
            broke=asking.broke,
        )
    return _unbegun(asking, response, opening, fault)


async def _until_content(chunks: AsyncIterator[bytes], opening: Opening) -> Fault | None:
    async for chunk in chunks:
        fault = opening.feed(chunk)
        if fault is not None or opening.has_content:
            return fault
    return Fault.TRUNCATED


def _unbegun(asking: Asking, response: UpstreamResponse, opening: Opening, fault: Fault) -> Failed:
    """Return the failure of a stream that ended before it began; an error event is kept as the answer it is."""
    if opening.raw:
        kept = Kept(response.status, list(response.fields), opening.take(), _heard(asking))
        return Failed(asking.candidate, fault, answer=kept, status=response.status)
    name = asking.candidate.provider.name
    what = "broke off its answer" if fault is Fault.TRUNCATED else "gave an answer that cannot be read"
    error = UpstreamError(f"`{name}` {what}", fault=UpstreamFault.MALFORMED)
    return Failed(asking.candidate, fault, error, status=response.status)


async def _whole(asking: Asking, response: UpstreamResponse) -> Kept | Failed:
    body = await response.read(MAX_ANSWER_BYTES)
    dialect = asking.call.dialect
    kept = kept_of(response.status, list(response.fields), body, _heard(asking), usage=counted(response))
    try:
        kept.answer = CODECS[dialect].read_answer(body)
        fault = _hidden_fault(dialect, body, asking)
    except ProtocolError as error:
        found = _fault_in(body)
        if found is None or found is Fault.MALFORMED:
            return Failed(asking.candidate, Fault.MALFORMED, error, status=response.status)
        return Failed(asking.candidate, found, answer=_as_error(asking, body), status=response.status)
    if fault is None:
        return kept
    if dialect is Dialect.OPENAI_CHAT and fault is not Fault.FILTERED:
        kept = _as_error(asking, _told_by_choice(body))
    return Failed(asking.candidate, fault, answer=kept, status=response.status)


def _hidden_fault(dialect: Dialect, body: bytes, asking: Asking) -> Fault | None:
    """Return what is wrong with an answer that reads like one, None where it is one."""
    if dialect is Dialect.OPENAI_RESPONSES and body.find(b'"failed"') >= 0:
        value = loads_object(body)
        if value.get("status") == "failed":
            return fault_of_object(value) or Fault.SERVER
    if dialect is Dialect.OPENAI_CHAT and body.find(b'"error"') >= 0:
        found = fault_of_object(loads_object(body))
        if found is not None:
            return found
    if asking.plan.terms.filtered_falls_over and _is_filtered(dialect, loads_object(body)):
        return Fault.FILTERED
    return None


def _is_filtered(dialect: Dialect, value: JsonObject) -> bool:
    """Tell whether a filter has taken the place of an answer."""
    if dialect is Dialect.GEMINI:
        feedback = value.get("promptFeedback")
        return not value.get("candidates") and isinstance(feedback, dict) and bool(feedback.get("blockReason"))
    if dialect is Dialect.ANTHROPIC:
        return value.get("stop_reason") == "refusal" and not value.get("content")
    if dialect is Dialect.OPENAI_RESPONSES:
        details = value.get("incomplete_details")
        return isinstance(details, dict) and details.get("reason") == "content_filter" and not value.get("output")
    choices = value.get("choices")
    return isinstance(choices, list) and any(
        isinstance(one, dict) and one.get("finish_reason") == "content_filter" for one in choices
    )


def _fault_in(body: bytes) -> Fault | None:
    """Return the error that a body holds in place of an answer."""
    try:
        return fault_of_object(loads_object(body))
    except ProtocolError:
        return None


_STATUS = {
    Fault.CONTEXT: 400,
    Fault.FILTERED: 400,
    Fault.CALLER: 400,
    Fault.KEY: 502,
    Fault.MISSING: 404,
    Fault.RATE: 429,
    Fault.OVERLOADED: 503,
}


def _as_error(asking: Asking, body: bytes) -> Kept:
    """Return an error object that came under status 200 with a status that says what it is."""
    fault = _fault_in(body) or Fault.SERVER
    fields = [(b"content-type", b"application/json")]
    return Kept(_STATUS.get(fault, 502), fields, body, _heard(asking))


def _told_by_choice(body: bytes) -> bytes:
    """Return the error that stands in an answer's first choice as the object that it would be by itself."""
    choices = loads_object(body).get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    said = first.get("error") if isinstance(first, dict) else None
    return orjson.dumps({"error": said or {"code": "server_error", "message": "the provider gave up"}})


def _heard(asking: Asking) -> Heard:
    return heard_of(asking.candidate, asking.plan.route, dropped=asking.request.dropped)


def _silent(candidate: Candidate) -> UpstreamError:
    return UpstreamError(
        f"`{candidate.provider.name}` did not answer in time",
        fault=UpstreamFault.TIMEOUT,
        status=504,
        detail="first word",
    )


def _content_type(response: UpstreamResponse) -> str:
    for name, value in response.fields:
        if name == b"content-type":
            return (_known_kind if len(value) <= _KEPT_BYTES else _kind)(value)
    return ""


def _kind(value: bytes) -> str:
    """Return a content type without its parameters."""
    return value.decode("latin-1").partition(";")[0].strip().lower()


_known_kind = lru_cache(maxsize=64)(_kind)
"""Few of them come often."""
