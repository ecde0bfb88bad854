"""Approvals: people's answer to one exact tool call, bound to its digest, used once.

pending -> approved -> consumed
        -> denied | expired | cancelled
approved -> expired (not used within its time)
"""

from dataclasses import dataclass
from enum import StrEnum

RESTORE, LOST, NONE = "Restore point", "lost with it", "none"
"""The label under which people are told of restore points, and the words that make it bad news."""


class ApprovalStatus(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CONSUMED = "consumed"


FINAL = frozenset(
    {ApprovalStatus.DENIED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED, ApprovalStatus.CONSUMED}
)

NEXT: dict[ApprovalStatus, frozenset[ApprovalStatus]] = {
    ApprovalStatus.PENDING: frozenset(
        {
            ApprovalStatus.APPROVED,
            ApprovalStatus.DENIED,
            ApprovalStatus.EXPIRED,
            ApprovalStatus.CANCELLED,
        }
    ),
    ApprovalStatus.APPROVED: frozenset(
        {ApprovalStatus.CONSUMED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}
    ),
}


def may_become(now: ApprovalStatus, then: ApprovalStatus) -> bool:
    """Tell whether the state machine has this step."""
    return then in NEXT.get(now, frozenset())


class Decision(StrEnum):
    """What an approver can say."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class ActionView:
    """What a page shows of one action, all of it derived from the intercepted bytes."""

    operation: str
    resource: str
    environment: str
    effects: tuple[str, ...]
    summary: str
    undo: str
    text: str
    evidence: tuple[tuple[int, int, str], ...]
    """Spans of `text` with their notes."""
    unseen: tuple[str, ...]
    scope: str = ""
    """Where what it touches lies (`firewall.core.action.Scope`); empty in approvals of older versions."""
    reversal: str = ""
    """What can be taken back (`Reversal`)."""
    confidence: str = ""
    """How it was read (`Confidence`)."""
    found: tuple[tuple[str, str], ...] = ()
    """What resolvers found out about what it does something to: (label, words)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an approval is about: sealed at rest, shown to signed-in approvers only."""

    tool: str
    arguments: str
    """The intercepted arguments as text; bytes that are no UTF-8 are escaped visibly."""
    actions: tuple[ActionView, ...]
    agent: str
    owner: str
    session: str
    workspace: str
    row: str
    """The deciding policy row, as `file:line` and its text."""
    said: str
    """What the agent or model says about it: untrusted, shown last."""
    moved: tuple[tuple[str, str, str], ...] = ()
    """What is another way than when people were asked about the same call before: (what, before, now)."""
    first: tuple[str, ...] = ()
    """What could be done first, or instead, so that it could be taken back; runs on an approver's word."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval as stored; times are unix microseconds."""

    id: str
    status: ApprovalStatus
    digest: str
    principal: str
    token: str
    """Id of the requester's token."""
    session: str
    environment: str
    effects: tuple[str, ...]
    group: str
    """Approvers must belong to this group; empty: any."""
    opened_at: int
    expires_at: int
    use_before: int = 0
    """Only once approved."""
    decided_at: int = 0
    decided_by: str = ""
    """Pseudonymous id of the approver."""
    self_approved: bool = False
    reason: str = ""
    """What the approver says to the agent (denials)."""
    subject: Subject | None = None
    """Opened only for those permitted."""
