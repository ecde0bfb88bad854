"""Approvals: people's answer to one exact tool call, bound to its digest, used once.

pending -> approved -> consumed
        -> denied | expired | cancelled
approved -> expired (not used within its time)

An approval with a repeat permit stays approved until its last use.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.verdict import Obligations

RESTORE, LOST, NONE = "Restore point", "lost with it", "none"
"""The label under which people are told of restore points, and the words that make it bad news."""


PERMITTED = "permitted"
"""In place of an approval's id: the policy asks nobody about that form."""


class ApprovalStatus(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CONSUMED = "consumed"


class Decision(StrEnum):
    """What an approver can say."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Permit:
    """How often an approved call may pass, and within which time of the decision."""

    uses: int = 1
    within_s: int = 0
    """0: the usual time."""


ONCE = Permit()
"""What every approval permits unless its approver says more."""


class FormState(StrEnum):
    """What became of a form that an approver had us run."""

    BEGUN = "begun"
    """It is being sent, or was when this server stopped."""
    DONE = "done"
    ACCEPTED = "accepted"
    """The API has taken it and is not through."""
    FAILED = "failed"
    """The API said no, or could not be reached before it was sent."""
    REFUSED = "refused"
    """Not sent: our own judgement said no."""
    WAITING = "waiting"
    """Not sent: it waits for an approval of its own."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows what became of it; never repeated by itself."""


@dataclass(frozen=True, slots=True)
class Form:
    """What could be done first, or instead of a call, so that it can be taken back: one exact request."""

    line: str
    """As people read it: words, and the request."""
    request: str = ""
    """The request as `core.outgoing` writes it, to the call's own target; empty: it is not run by us."""
    before: bool = False
    """The call itself can follow it; otherwise it takes the call's place."""


@dataclass(frozen=True, slots=True)
class FormRun:
    """One try to run a form of an approval; times are unix microseconds."""

    number: int
    form: int
    """Which of the approval's forms, from 1."""
    state: FormState
    status: int = 0
    """Of the API's answer; 0: there was none."""
    note: str = ""
    """A code of ours, or the id of the approval that it waits for."""
    by: str = ""
    """Pseudonymous id of the approver."""
    begun_at: int = 0
    ended_at: int = 0


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said of an approval; at unix microseconds."""

    number: int
    """From 1, in the order of the log."""
    voter: str
    """Pseudonymous id of the approver, under the name that he used."""
    decision: Decision
    at: int
    auth: str
    """What he showed: `Approver.auth`."""
    groups: tuple[str, ...] = ()
    """The groups for which he could speak then."""
    together: int = 1
    """How many approvals he answered at once, this one among them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One vote; at unix microseconds."""

    voter: str
    """Pseudonymous id."""
    decision: Decision
    at: int
    seen_at: int
    """When he was first shown the request; 0: never before he voted."""
    together: int = 1
    """How many requests he answered at once, this one among them."""


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
    """What could be done first, or instead, so that it could be taken back: one line each."""
    forms: tuple[Form, ...] = ()
    """The same, as they can be run on an approver's word."""
    also: tuple[str, ...] = ()
    """The other policy rows that ask, as `row`: what they demand is in the approval's obligations as well."""
    edited: str = ""
    """The id of the approval in whose place an approver wrote this form of its call; empty: an agent asked."""


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
    opened_at: int
    expires_at: int
    obligations: Obligations = field(default_factory=Obligations)
    """What the rows that asked demand of people."""
    use_before: int = 0
    """Only once approved."""
    decided_at: int = 0
    decided_by: str = ""
    """Pseudonymous id of the approver; of the last, where there were several."""
    self_approved: bool = False
    reason: str = ""
    """What the approver says to the agent (denials)."""
    instead: str = ""
    """Of a denial that says another form, which `reason` is then: the id of the form's approval, or PERMITTED."""
    subject: Subject | None = None
    """Opened only for those permitted."""
    runs: tuple[FormRun, ...] = ()
    """What approvers had run for it, oldest first; read with one approval, not in listings."""
    votes: tuple[Vote, ...] = ()
    """What people said, oldest first; whose of them count is decided when the next is given."""
    uses: int = 1
    """How often it may be used."""
    used: int = 0
    """How often it was."""
    authors: tuple[str, ...] = ()
    """Pseudonyms of everything that the approvers are called who wrote it as a form in place of another call."""
    glass: bool = False
    """One person approved it alone where it would have needed more (ADR 0050)."""
