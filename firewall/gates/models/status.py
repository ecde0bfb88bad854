"""`GET /v1/approvals/{id}[?wait=s]`: how the requester's own approval stands; no decision, no arguments."""

from urllib.parse import parse_qs

import orjson

from firewall.approvals.service import Approvals
from firewall.core.approval import Approval
from firewall.core.errors import ApprovalError, ProtocolError
from firewall.core.ids import is_id
from firewall.core.ports import Clock
from firewall.tokens.service import Bearer

MAX_WAIT_S = 300
_UNKNOWN = "there is no such approval"


async def approval_status(approvals: Approvals, clock: Clock, bearer: Bearer, *, path: str, query: str) -> bytes:
    """Return how an approval stands, as `shown` writes it, after the wait that was asked for.

    Raises: ApprovalError `approval_unknown` (404), also for somebody else's; ProtocolError.
    """
    approval = requested(approvals, bearer, path)
    wait_s = _seconds(query)
    if wait_s:
        approval = await approvals.wait(approval.id, until_us=clock.now_us() + wait_s * 1_000_000)
    return shown(approvals, approval)


def requested(approvals: Approvals, bearer: Bearer, path: str) -> Approval:
    """Return the approval of a path, if its requester asks.

    Raises: ApprovalError `approval_unknown` (404), also for somebody else's.
    """
    approval_id = path.rpartition("/")[2]
    if not is_id(approval_id, "apr"):
        raise ApprovalError(_UNKNOWN, code="approval_unknown", status=404)
    approval = approvals.get(approval_id)
    if not approvals.is_of(approval, bearer.principal):
        raise ApprovalError(_UNKNOWN, code="approval_unknown", status=404)
    return approval


def shown(approvals: Approvals, approval: Approval) -> bytes:
    """Return `{"id", "status", "expires_at", "reason"?, "instead"?}`, times in unix seconds.

    Where several people are asked: `votes`, `asked`, `next` (groups) and these in words, `standing`.
    """
    answer: dict[str, object] = {
        "id": approval.id,
        "status": approval.status.value,
        "expires_at": approval.expires_at // 1_000_000,
    }
    standing = approvals.standing(approval)
    if standing:
        tally = approvals.tally(approval)
        answer |= {"votes": tally.given, "asked": tally.asked, "next": list(tally.needed), "standing": standing}
    if approval.reason:
        answer["reason"] = approval.reason
    if approval.instead:
        answer["instead"] = approval.instead
    return orjson.dumps(answer)


def _seconds(query: str) -> int:
    values = parse_qs(query).get("wait", ["0"])
    if len(values) != 1 or not values[0].isdigit() or int(values[0]) > MAX_WAIT_S:
        raise ProtocolError(f"`wait` must be 0 to {MAX_WAIT_S} seconds")
    return int(values[0])
