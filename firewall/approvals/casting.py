"""One vote on its way: the steps and the record that are committed together. Pure."""

from dataclasses import dataclass

from firewall.approvals import records
from firewall.approvals.counting import Counter
from firewall.approvals.people import Approver
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit, Vote
from firewall.core.demand import Tally
from firewall.core.errors import ApprovalError
from firewall.core.work import CastVote, MoveApproval, Record


@dataclass(frozen=True, slots=True)
class Weighed:
    """What somebody says, who was found to be allowed to."""

    decision: Decision
    by: Approver
    reason: str = ""
    rebind: str = ""
    """The digest of the call in the state that its form left."""
    permit: Permit = ONCE
    together: int = 1
    """How many approvals he answers at once."""


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote and what follows from it."""

    approval: Approval
    decision: Decision
    before: Tally
    after: Tally
    is_last: bool
    """It decides."""
    is_late: bool
    """The approval's time is over."""
    steps: tuple[CastVote | MoveApproval, ...]
    record: Record


def cast(
    approval: Approval, said: Weighed, *, counter: Counter, changes: int, now_us: int, use_within_us: int
) -> Cast:
    """Return the vote that somebody gives; it moves the approval where nothing more is needed.

    `changes`: those among who may decide, when `counter` looked at them.
    Raises: ApprovalError `permit_refused` (403) for a permit by a vote that does not decide.
    """
    by, approves = said.by, said.decision is Decision.APPROVE
    before = counter.of(approval)
    after = counter.with_vote(approval, by) if approves else before
    is_last = not approves or after.is_met
    if approves and not is_last and said.permit != ONCE:
        raise ApprovalError("who votes before others permits no repeats", code="permit_refused", status=403)
    voter = counter.pseudonym(by.name)
    groups = tuple(sorted(counter.groups(approval, by)))
    vote = Vote(len(approval.votes) + 1, voter, said.decision, now_us, by.auth, groups, said.together)
    is_self_approved = approves and counter.is_self_approved(approval, by)
    move = MoveApproval(
        id=approval.id,
        expect=ApprovalStatus.PENDING,
        become=ApprovalStatus.APPROVED if approves else ApprovalStatus.DENIED,
        at=now_us,
        digest=approval.digest,
        by=voter,
        reason=said.reason,
        self_approved=is_self_approved,
        use_before=now_us + (said.permit.within_s * 1_000_000 or use_within_us) if approves else 0,
        rebind=said.rebind,
        uses=said.permit.uses if approves else 1,
    )
    step = CastVote(approval.id, approval.digest, vote, changes)
    return Cast(
        approval=approval,
        decision=said.decision,
        before=before,
        after=after,
        is_last=is_last,
        is_late=approval.expires_at <= now_us,
        steps=(step, move) if is_last else (step,),
        record=records.voted(
            approval, vote, by, move=move, after=after, is_last=is_last, authored=counter.is_author(approval, by)
        ),
    )
