"""Errors of clouds that serve Claude, in the words of the Messages API, as its clients and we read them."""

import orjson

from firewall.codecs.anthropic import render
from firewall.codecs.upstream_json import JsonObject, loads_object
from firewall.core.errors import ProtocolError

_KINDS = {
    "AccessDeniedException": 403, "InternalServerException": 500, "ModelErrorException": 500,
    "ModelNotReadyException": 503, "ModelStreamErrorException": 500, "ModelTimeoutException": 504,
    "ResourceNotFoundException": 404, "ServiceQuotaExceededException": 429, "ServiceUnavailableException": 503,
    "ThrottlingException": 429, "UnrecognizedClientException": 401, "ValidationException": 400,
}  # fmt: skip
"""What Amazon's exceptions are as statuses, where no status of their own comes with them."""


_MODEL_FAILED = 424
"""Amazon's status for that; the Messages API has none of its own."""


def error_body(status: int, body: bytes) -> bytes:
    """Return an error answer of Amazon's or Google's as an object of the Messages API; its own stays as it is."""
    try:
        value = _first(body)
    except (ProtocolError, orjson.JSONDecodeError):
        value = {}
    if value.get("type") == "error":
        return body
    inner = value.get("error")
    told = inner if isinstance(inner, dict) else value
    said = told.get("message") or told.get("Message")
    code = told.get("status") if isinstance(told.get("status"), str) else "upstream_rejected"
    message = str(said)[:2000] if said else f"the provider answered with status {status}"
    return render.error(500 if status == _MODEL_FAILED else status, str(code).lower(), message)


def _first(body: bytes) -> JsonObject:
    """Return the object; Google's streams answer an error as a list of one."""
    if body.lstrip()[:1] == b"[":
        found: object = orjson.loads(body)
        return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    return loads_object(body)


def exception_event(kind: str, payload: bytes) -> bytes:
    """Return the error event for an exception in a stream of Amazon's."""
    try:
        value = loads_object(payload)
    except ProtocolError:
        value = {}
    status = _KINDS.get(kind[:1].upper() + kind[1:], 502)
    message = str(value.get("message") or value.get("Message") or kind or "the provider ended its answer")[:2000]
    return render.event(render.error_object(kind or "upstream_rejected", message, status=status))
