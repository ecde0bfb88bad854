"""Answering: a vote is weighed and committed, and what was asked or approved is taken back.

INVARIANT: an approval is approved by the commit that holds the last vote needed, and only where as many different
people as its rows ask for may decide at that moment: a vote is committed only where no other came and no right
changed since it was weighed.
"""

import logging

from firewall.approvals import records
from firewall.approvals.batches import InBatch, demand_batched
from firewall.approvals.book import Book
from firewall.approvals.casting import Cast, Weighed, cast
from firewall.approvals.people import Approver
from firewall.approvals.permits import demand_permitted
from firewall.approvals.text import plain
from firewall.approvals.typed import demand_typed
from firewall.approvals.wanted import ApprovalRules
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, MoveApproval, Unit

NOTHING = Unit()
_US = 1_000_000
_VOTE_TRIES = 32  # each time another vote was committed, or a right changed
_log = logging.getLogger("stayhand.approvals")


class Deciding:
    """Takes people's answers."""

    def __init__(self, book: Book, *, sequencer: Sequencer, clock: Clock, rules: ApprovalRules) -> None:
        self._book = book
        self._sequencer = sequencer
        self._clock = clock
        self._rules = rules

    async def decide(
        self,
        approval_id: str,
        decision: Decision,
        *,
        by: Approver,
        reason: str = "",
        typed: str | None = None,
        permit: Permit = ONCE,
        spending: Unit = NOTHING,
        batch: InBatch | None = None,
    ) -> Approval:
        """Record somebody's vote, as `Approvals.decide` says."""
        together = batch.together if batch is not None else 1
        for _ in range(_VOTE_TRIES):
            waiting = self._book.get(approval_id)
            if batch is not None:
                demand_batched(waiting, decision, by, batch, self._rules.production)
            ballot = self.ballot(
                waiting, decision, by, reason=plain(reason), typed=typed, permit=permit, together=together
            )
            if ballot.is_late:
                raise records.settled(await self._book.expire(ballot.approval))
            records_, steps = (*spending.records, ballot.record), (*spending.steps, *ballot.steps)
            outcome = await self._sequencer.submit(Unit(records=records_, steps=steps))
            if isinstance(outcome, Committed):
                return self._voted(ballot, by)
            if outcome.step < len(spending.steps):
                raise ApprovalError("what was shown for this vote is used up", code="proof_spent", status=403)
            current = self._book.get(approval_id)
            if records.is_running(current):
                raise records.running()
            if current.status is ApprovalStatus.PENDING and current.expires_at <= self._clock.now_us():
                raise records.settled(await self._book.expire(current))
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    def _voted(self, ballot: Cast, by: Approver) -> Approval:
        _log.info("approval=%s decision=%s via=%s", ballot.approval.id, ballot.decision.value, by.via)
        if ballot.is_last:
            self._book.wake(ballot.approval.id)
        elif set(ballot.after.needed) - set(ballot.before.needed):  # others can answer who could not before
            self._book.tell(ballot.approval)
        return self._book.get(ballot.approval.id)

    def ballot(
        self,
        approval: Approval,
        decision: Decision,
        by: Approver,
        *,
        reason: str = "",
        typed: str | None = None,
        rebind: str = "",
        permit: Permit = ONCE,
        together: int = 1,
    ) -> Cast:
        """Weigh somebody's vote, as `Approvals.ballot` says."""
        changes = self._book.changes()  # before anybody is looked at: what changes from now on voids the vote
        counter = self._book.counter()
        refusal = counter.refusal(approval, by)
        if refusal is not None:
            raise ApprovalError(refusal.public, code=refusal.code, status=403)
        if approval.status is not ApprovalStatus.PENDING:
            raise records.settled(approval)
        if decision is Decision.APPROVE and approval.expires_at > self._clock.now_us():
            refusal = counter.not_approving(approval, by)
            if refusal is not None:
                raise ApprovalError(refusal.public, code=refusal.code, status=refusal.status)
            demand_permitted(approval, by, permit, self._rules.production)
            demand_typed(approval, typed)
        return cast(
            approval,
            Weighed(decision, by, reason, rebind, permit, together),
            counter=counter,
            changes=changes,
            now_us=self._clock.now_us(),
            use_within_us=self._rules.use_within_s * _US,
        )

    def is_enough(self, approval: Approval, by: Approver) -> bool:
        """Tell whether somebody's vote approves it at once, with nothing typed."""
        try:
            ballot = self.ballot(approval, Decision.APPROVE, by)
        except ApprovalError:
            return False
        return ballot.is_last and not ballot.is_late

    async def withdraw(self, approval_id: str, *, by: Approver) -> Approval:
        """Take back what waits or was approved, as `Approvals.withdraw` says."""
        for _ in range(_VOTE_TRIES):
            approval = self._book.get(approval_id)
            refusal = self._book.may_decide(approval, by)
            if refusal is not None:
                raise ApprovalError(refusal.public, code=refusal.code, status=403)
            if approval.status not in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                raise records.settled(approval)
            step = MoveApproval(
                id=approval.id, expect=approval.status, become=ApprovalStatus.CANCELLED, at=self._clock.now_us()
            )
            outcome = await self._sequencer.submit(Unit(records=(records.withdrawn(approval, by),), steps=(step,)))
            if isinstance(outcome, Committed):
                self._book.wake(approval.id)
                return self._book.get(approval_id)
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")
