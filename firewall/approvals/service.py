"""Approvals in motion: open, decide, wait, consume, cancel, expire (DESIGN 5).

Everything is written through the sequencer; this module decides nothing about calls, only who may answer.

INVARIANT: an approval gets at most one decision and is consumed at most once, because each move names the state
that it expects and the sequencer commits it only from there.
INVARIANT: it is approved by the commit that holds the last vote needed, and only where as many different people as
its rows ask for may decide at that moment: a vote is committed only where no other came and no right changed since
it was weighed.
INVARIANT: no failure and no silence here approves anything: a channel that fails, a wait that ends and a time that
is over leave the call held or refused.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from firewall.approvals import records
from firewall.approvals.batches import InBatch
from firewall.approvals.book import Book
from firewall.approvals.casting import Cast
from firewall.approvals.conversing import Conversations
from firewall.approvals.deciding import NOTHING, Deciding
from firewall.approvals.edits import Edits
from firewall.approvals.notices import notice_of
from firewall.approvals.opening import Opening
from firewall.approvals.people import Approver, Refusal, Roster, Unlisted
from firewall.approvals.waiters import woken
from firewall.approvals.wanted import ApprovalRules, Wanted
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.ports import ApprovalStore, Clock, Notifier, Sequencer
from firewall.core.work import MoveApproval, Record, SeeApproval, Unit
from firewall.core.work import UseApproval as Use

SWEEP_S = 1.0
"""How often what is overdue is looked for; whoever waits learns of the end of time at once."""
_US = 1_000_000
_LISTED = 10_000
_OPEN = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})
_TIMER_SLACK_S = 0.002  # a timer may fire a little before the clock says so
_CANCEL_TRIES = 3  # it can be decided, and once more be on its way, while we ask
RESUME_PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""How long a store that fails while people are told again is left alone before each next try."""
_Read = TypeVar("_Read")
_log = logging.getLogger("stayhand.approvals")


class Approvals(Book):
    """The one place where approvals are opened, answered and used up."""

    def __init__(
        self,
        *,
        sequencer: Sequencer,
        store: ApprovalStore,
        clock: Clock,
        rules: ApprovalRules,
        notifier: Notifier,
        new_id: Callable[[], str],
        roster: Roster | None = None,
        may_be_production: Callable[[Approval], bool] | None = None,
    ) -> None:
        """Wire it; without a `roster` nobody's vote counts beside that of whoever gives the last.

        `may_be_production`: whether a call whose place nobody knows could lie there; None: each could.
        """
        super().__init__(
            sequencer=sequencer,
            store=store,
            clock=clock,
            rules=rules,
            notifier=notifier,
            roster=roster or Unlisted(),
            may_be_production=may_be_production or (lambda _: True),  # FAIL-CLOSED
        )
        self._opening = Opening(self, sequencer=sequencer, store=store, clock=clock, rules=rules, new_id=new_id)
        self._deciding = Deciding(self, sequencer=sequencer, clock=clock, rules=rules)
        self.edits = Edits(self, deciding=self._deciding, opening=self._opening, sequencer=sequencer, clock=clock)
        """Other forms in place of held calls."""
        self.conversations = Conversations(self, sequencer=sequencer, store=store)
        """What was said before calls that people were asked about."""

    @property
    def is_draining(self) -> bool:
        """The server stops: nothing is waited for any more."""
        return self._waiters.is_draining

    def would_open(self, wanted: Wanted) -> bool:
        """Tell whether a new approval would be opened at this moment, and none joined nor the call refused.

        Raises: ApprovalError `call_too_large`; StoreError.
        """
        return self._opening.would_open(wanted)

    async def open(self, wanted: Wanted) -> Approval:
        """Open an approval, or join the open one of the same principal and digest, approved or not.

        Raises: ApprovalError `too_many_pending` (429), `call_too_large` (413), DeniedBeforeError; StoreError when
        the log takes no write.
        """
        return await self._opening.open(wanted)

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
        """Record somebody's vote; where it decides, wake whoever waits.

        `typed`: the name of the resource, as it was typed; None: it was not. `permit`: how often the call may
        pass. `spending`: what the vote uses up, committed with it or not at all. `batch`: what he was
        shown of it beside others that he answers at once.
        Raises: ApprovalError `approval_unknown` (404), `approver_not_permitted`, `own_approval`, `passkey_needed`,
        `proof_spent` (403), `vote_counted`, `not_your_turn`, `typed_missing`, `typed_mismatch`,
        `approval_expired` or `approval_decided` (409); with `batch`, `batch_refused` (403) and `batch_changed`
        (409); StoreError.
        """
        return await self._deciding.decide(
            approval_id, decision, by=by, reason=reason, typed=typed, permit=permit, spending=spending, batch=batch
        )

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
    ) -> Cast:
        """Weigh somebody's vote; what is returned is committed at once, or not at all.

        Raises: ApprovalError as `decide` says, but for what is late.
        """
        return self._deciding.ballot(
            approval, decision, by, reason=reason, typed=typed, rebind=rebind, permit=permit
        )

    def is_enough(self, approval: Approval, by: Approver) -> bool:
        """Tell whether somebody's vote approves it at once, with nothing typed."""
        return self._deciding.is_enough(approval, by)

    async def withdraw(self, approval_id: str, *, by: Approver) -> Approval:
        """Take back what waits or was approved, and what is left of a permit; a settled one stays as it is.

        Raises: ApprovalError `approval_unknown` (404), and as `decide` says where he may not answer; StoreError.
        """
        return await self._deciding.withdraw(approval_id, by=by)

    async def viewed(self, approval_id: str, *, by: str, may_decide: bool = False, beside: str = "") -> None:
        """Record that a signed-in person is about to be shown an approval; `may_decide`: he could answer it.

        `beside`: the id of an earlier one of which parts are shown with it.
        Raises: StoreError; then nothing may be shown.
        """
        step = SeeApproval(approval_id, self._sequencer.pseudonym(by), self._clock.now_us())
        await self._sequencer.submit(
            Unit(records=(records.viewed(approval_id, by, beside=beside),), steps=(step,))
        )
        if may_decide:
            self._notifier.seen(approval_id)

    async def wait(self, approval_id: str, *, until_us: int) -> Approval:
        """Return as soon as an approval is no longer pending, or at `until_us` as it stands then.

        When the server stops it returns at once. Raises: ApprovalError `approval_unknown`; StoreError.
        """
        event = self._waiters.join(approval_id)
        try:
            approval = self.get(approval_id)
            if approval.status is not ApprovalStatus.PENDING:
                return approval
            left_us = min(until_us, approval.expires_at) - self._clock.now_us()
            if left_us > 0 and not self.is_draining:
                await woken(event, left_us / _US + _TIMER_SLACK_S)
            return await self.current(approval_id)
        finally:
            self._waiters.leave(approval_id, event)

    def consume_step(self, approval: Approval) -> tuple[MoveApproval | Use, Record]:
        """Return what uses an approval, for the guard's own unit: committed before the first released byte.

        Unmet `moved_on` on this step means that it was used, cancelled or expired meanwhile: nothing is released.
        """
        if approval.used + 1 < approval.uses:
            use = Use(approval.id, approval.digest, self._clock.now_us(), approval.used)
            return use, records.used(approval)
        step = MoveApproval(
            id=approval.id,
            expect=ApprovalStatus.APPROVED,
            become=ApprovalStatus.CONSUMED,
            at=self._clock.now_us(),
            digest=approval.digest,
            used=approval.used,
        )
        return step, records.moved("approval.consumed", approval, why="released")

    async def cancel(self, approval_id: str, *, why: str = "withdrawn") -> Approval:
        """Withdraw an approval that is pending or approved and unused; a settled one stays as it is.

        `why` is a short stable word for the log. Raises: ApprovalError `approval_unknown`; StoreError.
        """
        approval = self.get(approval_id)
        for _ in range(_CANCEL_TRIES):
            if approval.status not in _OPEN:
                break
            await self.move(approval, ApprovalStatus.CANCELLED, kind="approval.cancelled", why=why)
            approval = self.get(approval_id)
        return approval

    async def cancel_of_token(self, token_id: str) -> int:
        """Withdraw everything that a revoked token has pending or approved; return how many.

        Raises: StoreError.
        """
        count = 0
        for approval_id in self._store.open_of(token_id):
            await self.cancel(approval_id, why="token_revoked")
            count += 1
        return count

    async def run(self) -> None:
        """Expire what is overdue, until cancelled; people are told again of what waited before we began."""
        await self.sweep()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resume())
            group.create_task(self._end_left())
            while True:
                await asyncio.sleep(SWEEP_S)
                await self.sweep()

    async def _resume(self) -> None:
        """Tell again of what waits, the newest first; each is opened when a channel has room for it."""
        found = await _tried(lambda: self.waits(_LISTED))
        for approval_id in found[1] if found is not None else ():
            if not await self._notifier.room():
                return
            approval = await _tried(partial(self.get, approval_id))
            if approval is None:
                continue
            if approval.status is ApprovalStatus.PENDING and approval.expires_at > self._clock.now_us():
                self.tell(approval, is_resumed=True)
            await asyncio.sleep(0)

    async def _end_left(self) -> None:
        """Have messages replaced whose approvals were settled while no server told of it."""
        for approval_id in self._notifier.standing():
            stands = await _tried(partial(self.glance, approval_id))
            if stands is None or stands[0] is ApprovalStatus.PENDING:
                continue
            approval = await _tried(partial(self.get, approval_id))
            if approval is not None:
                notice = notice_of(approval, self._rules.address(approval_id))
                await self._notifier.ended(notice, approval.status)

    async def sweep(self) -> int:
        """Move what is overdue to expired; return how many. A store that fails is tried again later."""
        count = 0
        try:
            for approval_id in self._store.due(self._clock.now_us()):
                approval = self._store.get(approval_id)  # one at a time: each can be megabytes
                if approval is None or approval.status not in _OPEN:  # it moved on while others were expired
                    continue
                await self.move(
                    approval, ApprovalStatus.EXPIRED, kind="approval.expired", why=approval.status.value
                )
                count += 1
        except StoreError as error:
            _log.warning("overdue approvals could not be expired: %s", error.public)
        return count

    def drain(self) -> None:
        """The server stops: every wait ends now, and one that begins later at once; approvals stay."""
        self._waiters.drain()


async def _tried(read: Callable[[], _Read]) -> _Read | None:
    """Return what is read, where a store may fail for a moment; None: there is none, or it goes on failing."""
    for pause_s in (*RESUME_PAUSES_S, None):
        try:
            return read()
        except ApprovalError:
            return None
        except StoreError as error:
            _log.warning("what waits could not be announced again: %s", error.public)
        if pause_s is not None:
            await asyncio.sleep(pause_s)
    return None


__all__ = ["ApprovalRules", "Approvals", "Approver", "Refusal", "Wanted"]
