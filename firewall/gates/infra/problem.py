"""Refusals at this gate: `application/problem+json` (RFC 9457) with a stable code.

Where people were asked it names the approval and where its status can be waited for.
"""

import math

import orjson

from firewall.core.errors import FirewallError, LimitError, UpstreamError
from firewall.core.reason import Reason
from firewall.gates.edge.send import Headers
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Stop

_TYPE = "about:blank"
_RETRY_S = 5
Answer = tuple[int, Headers, bytes]


def of_error(error: FirewallError) -> Answer:
    """Return status, headers and body for an error of ours."""
    more: Headers = []
    if isinstance(error, LimitError):
        more.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
    document = {"type": _TYPE, "title": _title(error.status), "status": error.status}
    return _answer(error.status, {**document, "detail": error.public, "code": error.code}, more)


def indeterminate(error: UpstreamError) -> FirewallError:
    """Say honestly that it may have happened, where nobody knows."""
    return FirewallError(
        f"{error.public}; it may have happened all the same: look before you repeat it",
        code="indeterminate",
        status=error.status,
    )


def of_stop(target: str, stop: Stop) -> Answer:
    """Return 403 for a request that was not sent, with why and what the agent may do."""
    reason = stop.verdict.reason
    document: dict[str, object] = {
        "type": _TYPE,
        "title": "not sent",
        "status": 403,
        "detail": refusal_text(target, stop),
        "code": reason.value,
    }
    more: Headers = [(b"x-stayhand-entry", b"%d" % stop.entry)]
    if stop.first:
        document["first"] = list(stop.first)
    if stop.approval:
        document["approval_id"] = stop.approval
        document["status_url"] = f"/v1/approvals/{stop.approval}"
    if reason is Reason.HOLD_ENDED:
        document["retry_after"] = _RETRY_S
        if stop.verdict.detail:
            document["standing"] = stop.verdict.detail
        more.append((b"retry-after", b"%d" % _RETRY_S))
    return _answer(403, document, more)


def _answer(status: int, document: dict[str, object], more: Headers) -> Answer:
    headers: Headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), *more]
    return status, headers, orjson.dumps(document)


def _title(status: int) -> str:
    return "refused" if status < 500 else "could not be done"
