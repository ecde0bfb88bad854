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
from contextlib import suppress

from firewall.approvals import records
from firewall.approvals.casting import Cast, Weighed, cast
from firewall.approvals.counting import Counter
from firewall.approvals.notices import notice_of
from firewall.approvals.people import Approver, Refusal, Roster, Unlisted
from firewall.approvals.permits import demand_permitted
from firewall.approvals.text import plain
from firewall.approvals.typed import demand_typed
from firewall.approvals.wanted import MAX_SUBJECT_CHARS, ApprovalRules, DeniedBeforeError, Wanted, size_of
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit
from firewall.core.demand import Tally
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.ids import sha256_hex
from firewall.core.ports import ApprovalStore, Clock, Notifier, Sequencer
from firewall.core.work import Committed, MoveApproval, OpenApproval, Record, SeeApproval, Unit, Unmet
from firewall.core.work import UseApproval as Use

SWEEP_S = 1.0
"""How often what is overdue is looked for; whoever waits learns of the end of time at once."""
_US = 1_000_000
_LISTED = 10_000
_EARLIER = 20
_TIMER_SLACK_S = 0.002  # a timer may fire a little before the clock says so
_VOTE_TRIES = 32  # each time another vote was committed, or a right changed
_LIMITS = {"too_many_pending": "approvals_pending", "too_many_of_session": "approvals_of_session"}
_NOTHING = Unit()
_CANCEL_TRIES = 3  # it can be decided, and once more be on its way, while we ask
_log = logging.getLogger("stayhand.approvals")


class Approvals:
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
    ) -> None:
        """Wire it; without a `roster` nobody's vote counts beside that of whoever gives the last."""
        self._roster = roster or Unlisted()
        self._sequencer = sequencer
        self._store = store
        self._clock = clock
        self._rules = rules
        self._notifier = notifier
        self._new_id = new_id
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._complained: dict[str, int] = {}
        self._is_draining = False

    @property
    def rules(self) -> ApprovalRules:
        """The rules in force."""
        return self._rules

    @property
    def is_draining(self) -> bool:
        """The server stops: nothing is waited for any more."""
        return self._is_draining

    async def open(self, wanted: Wanted) -> Approval:
        """Open an approval, or join the open one of the same principal and digest, approved or not.

        Raises: ApprovalError `too_many_pending` (429), `call_too_large` (413), DeniedBeforeError; StoreError when
        the log takes no write.
        """
        if size_of(wanted.subject) > MAX_SUBJECT_CHARS:
            raise ApprovalError("this call is too large for a person to read", code="call_too_large", status=413)
        now = self._clock.now_us()
        approval = Approval(
            id=self._new_id(),
            status=ApprovalStatus.PENDING,
            digest=wanted.digest,
            principal=self._sequencer.pseudonym(wanted.principal),
            token=wanted.token,
            session=self._session(wanted),
            environment=wanted.environment,
            effects=wanted.effects,
            opened_at=now,
            expires_at=now + (wanted.obligations.ttl_s or self._rules.ttl_s) * _US,
            obligations=wanted.obligations,
            subject=wanted.subject,
        )
        rules = self._rules
        step = OpenApproval(
            approval,
            rules.max_pending,
            max_of_session=rules.max_of_session,
            denied_since=now - rules.cool_down_s * _US if rules.cool_down_s else 0,
            heeds_denial=wanted.heeds_denial,
        )
        outcome = await self._sequencer.submit(
            Unit(records=(records.opened(approval, wanted.principal, wanted.subject),), steps=(step,))
        )
        if isinstance(outcome, Unmet):
            return await self._not_opened(outcome, wanted)
        self._tell(approval)
        return approval

    def _tell(self, approval: Approval, *, is_resumed: bool = False) -> None:
        notice = notice_of(approval, self._rules.address(approval.id))
        self._notifier.opened(notice, is_resumed=is_resumed)

    def get(self, approval_id: str) -> Approval:
        """Return an approval with its opened subject.

        Raises: ApprovalError `approval_unknown` (404).
        """
        found = self._store.get(approval_id)
        if found is None:
            raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
        return found

    def listing(self, status: str | None, limit: int = 200) -> list[Approval]:
        """Return approvals, newest first; pending ones whose time is over are left out of `pending`."""
        found = self._store.listing(status, limit)
        if status != ApprovalStatus.PENDING:
            return found
        now = self._clock.now_us()
        return [approval for approval in found if approval.expires_at > now]

    def earlier(self, approval: Approval) -> list[Approval]:
        """Return what the same agent asked people before an approval, newest first, at most twenty."""
        return self._store.earlier(approval, _EARLIER)

    def usable(self, principal: str, digest: str) -> Approval | None:
        """Return an approved, unused, unexpired approval of exactly this call; `principal` is `owner/agent`."""
        return self._store.usable(self._sequencer.pseudonym(principal), digest, self._clock.now_us())

    def is_of(self, approval: Approval, principal: str) -> bool:
        """Tell whether an approval was requested by `principal` (`owner/agent`)."""
        return approval.principal == self._sequencer.pseudonym(principal)

    def was_decided_by(self, approval: Approval, name: str) -> bool:
        """Tell whether this person decided an approval."""
        return bool(approval.decided_by) and approval.decided_by == self._sequencer.pseudonym(name)

    def decider(self, approval: Approval) -> str:
        """Return who decided: the name of somebody who is still listed, else the log's pseudonym, else nothing."""
        person = self.counter().called(approval.decided_by) if approval.decided_by else None
        return person.name if person is not None else approval.decided_by

    def may_decide(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody may not decide this approval, or None when he may: to deny it at least."""
        return self.counter().refusal(approval, by)

    def may_approve(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody's vote for an approval would not count now, or None when it would."""
        counter = self.counter()
        return counter.refusal(approval, by) or counter.not_approving(approval, by)

    def changes(self) -> int:
        """Return the number of changes among those who may decide so far; ask it before anybody is weighed."""
        return self._roster.changes()

    def is_enough(self, approval: Approval, by: Approver) -> bool:
        """Tell whether somebody's vote approves it at once, with nothing typed."""
        try:
            ballot = self.ballot(approval, Decision.APPROVE, by)
        except ApprovalError:
            return False
        return ballot.is_last and not ballot.is_late

    def tally(self, approval: Approval) -> Tally:
        """Count the votes for an approval, as those stand who gave them."""
        return self.counter().of(approval)

    def standing(self, approval: Approval) -> str:
        """Return how far people have come, as `1 of 2, next: dba`; empty where anybody may answer alone."""
        is_plain = not approval.obligations.demands or approval.status is not ApprovalStatus.PENDING
        return "" if is_plain else self.tally(approval).words

    def counter(self) -> Counter:
        """Return what counts votes among those who may decide at this moment."""
        everybody = tuple(self._roster.everybody())
        return Counter(everybody, self._sequencer.pseudonym, self._rules.solo, self._rules.production)

    async def decide(
        self,
        approval_id: str,
        decision: Decision,
        *,
        by: Approver,
        reason: str = "",
        typed: str | None = None,
        permit: Permit = ONCE,
        spending: Unit = _NOTHING,
    ) -> Approval:
        """Record somebody's vote; where it decides, wake whoever waits.

        `typed`: the name of the resource, as it was typed; None: it was not. `permit`: how often the call may
        pass. `spending`: what the vote uses up, committed with it or not at all.
        Raises: ApprovalError `approval_unknown` (404), `approver_not_permitted`, `own_approval`, `passkey_needed`,
        `proof_spent` (403), `vote_counted`, `not_your_turn`, `typed_missing`, `typed_mismatch`,
        `approval_expired` or `approval_decided` (409); StoreError.
        """
        for _ in range(_VOTE_TRIES):
            ballot = self.ballot(
                self.get(approval_id), decision, by, reason=plain(reason), typed=typed, permit=permit
            )
            if ballot.is_late:
                raise records.settled(await self._expire(ballot.approval))
            records_, steps = (*spending.records, ballot.record), (*spending.steps, *ballot.steps)
            outcome = await self._sequencer.submit(Unit(records=records_, steps=steps))
            if isinstance(outcome, Committed):
                return self._voted(ballot, by)
            if outcome.step < len(spending.steps):
                raise ApprovalError("what was shown for this vote is used up", code="proof_spent", status=403)
            current = self.get(approval_id)
            if records.is_running(current):
                raise records.running()
            if current.status is ApprovalStatus.PENDING and current.expires_at <= self._clock.now_us():
                raise records.settled(await self._expire(current))
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    def _voted(self, ballot: Cast, by: Approver) -> Approval:
        _log.info("approval=%s decision=%s via=%s", ballot.approval.id, ballot.decision.value, by.via)
        if ballot.is_last:
            self.wake(ballot.approval.id)
        elif set(ballot.after.needed) - set(ballot.before.needed):  # others can answer who could not before
            self._tell(ballot.approval)
        return self.get(ballot.approval.id)

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
        changes = self.changes()  # before anybody is looked at: what changes from now on voids the vote
        counter = self.counter()
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
            Weighed(decision, by, reason, rebind, permit),
            counter=counter,
            changes=changes,
            now_us=self._clock.now_us(),
            use_within_us=self._rules.use_within_s * _US,
        )

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
        event = asyncio.Event()
        self._waiters.setdefault(approval_id, set()).add(event)
        try:
            approval = self.get(approval_id)
            if approval.status is not ApprovalStatus.PENDING:
                return approval
            left_us = min(until_us, approval.expires_at) - self._clock.now_us()
            if left_us > 0 and not self._is_draining:
                await _woken(event, left_us / _US + _TIMER_SLACK_S)
            return await self.current(approval_id)
        finally:
            self._stop_waiting(approval_id, event)

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
            if approval.status not in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                break
            await self._move(approval, ApprovalStatus.CANCELLED, kind="approval.cancelled", why=why)
            approval = self.get(approval_id)
        return approval

    async def withdraw(self, approval_id: str, *, by: Approver) -> Approval:
        """Take back what waits or was approved, and what is left of a permit; a settled one stays as it is.

        Raises: ApprovalError `approval_unknown` (404), and as `decide` says where he may not answer; StoreError.
        """
        for _ in range(_VOTE_TRIES):
            approval = self.get(approval_id)
            refusal = self.may_decide(approval, by)
            if refusal is not None:
                raise ApprovalError(refusal.public, code=refusal.code, status=403)
            if approval.status not in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                raise records.settled(approval)
            step = MoveApproval(
                id=approval.id, expect=approval.status, become=ApprovalStatus.CANCELLED, at=self._clock.now_us()
            )
            outcome = await self._sequencer.submit(Unit(records=(records.withdrawn(approval, by),), steps=(step,)))
            if isinstance(outcome, Committed):
                self.wake(approval.id)
                return self.get(approval_id)
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    async def cancel_of_token(self, token_id: str) -> int:
        """Withdraw everything that a revoked token has pending or approved; return how many.

        Raises: StoreError.
        """
        count = 0
        for status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
            for approval in self._store.listing(status.value, _LISTED):
                if approval.token == token_id:
                    await self.cancel(approval.id, why="token_revoked")
                    count += 1
        return count

    async def run(self) -> None:
        """Expire what is overdue, until cancelled; people are told again of what waited before we began."""
        await self.sweep()
        self._resume()
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    def _resume(self) -> None:
        try:
            for approval in self.listing(ApprovalStatus.PENDING.value, _LISTED):
                self._tell(approval, is_resumed=True)
        except StoreError as error:
            _log.warning("what waits could not be announced again: %s", error.public)

    async def sweep(self) -> int:
        """Move what is overdue to expired; return how many. A store that fails is tried again later."""
        count = 0
        try:
            for approval in self._store.due(self._clock.now_us()):
                await self._expire(approval)
                count += 1
        except StoreError as error:
            _log.warning("overdue approvals could not be expired: %s", error.public)
        return count

    async def _not_opened(self, outcome: Unmet, wanted: Wanted) -> Approval:
        if outcome.why == "open_exists":
            return self.get(outcome.found)
        if outcome.why == "denied_before":
            raise DeniedBeforeError(self.get(outcome.found))
        limits = {
            "too_many_pending": ("agent", self._rules.max_pending),
            "too_many_of_session": ("session", self._rules.max_of_session),
        }
        if outcome.why not in limits:
            raise StoreError("the approval could not be opened", detail=outcome.why)
        whose, most = limits[outcome.why]
        await self._complain(wanted, outcome.why, most)
        raise ApprovalError(
            f"this {whose} already has {most} calls waiting for approval", code="too_many_pending", status=429
        )

    def _session(self, wanted: Wanted) -> str:
        """Return what tells sessions of a requester apart; the client's own words are sealed with the subject."""
        if not wanted.session:
            return ""
        return sha256_hex(f"{self._sequencer.pseudonym(wanted.principal)}\n{wanted.session}".encode())[:32]

    async def _complain(self, wanted: Wanted, why: str, most: int) -> None:
        # One entry per requester and minute: a flood of requests must not become a flood of entries.
        minute = self._clock.now_us() // (60 * _US)
        if self._complained.get(wanted.principal) == minute:
            return
        if len(self._complained) > _LISTED:
            self._complained.clear()
        self._complained[wanted.principal] = minute
        record = records.too_many(
            wanted.principal, wanted.subject.owner, token=wanted.token, most=most, limit=_LIMITS[why]
        )
        await self._sequencer.submit(Unit(records=(record,)))

    async def current(self, approval_id: str) -> Approval:
        """Return an approval as it stands now: one whose time is over is expired first.

        Raises: ApprovalError `approval_unknown`; StoreError.
        """
        approval = self.get(approval_id)
        if approval.status is ApprovalStatus.PENDING and approval.expires_at <= self._clock.now_us():
            return await self._expire(approval)
        return approval

    async def _expire(self, approval: Approval) -> Approval:
        await self._move(approval, ApprovalStatus.EXPIRED, kind="approval.expired", why=approval.status.value)
        return self.get(approval.id)

    async def _move(self, approval: Approval, become: ApprovalStatus, *, kind: str, why: str) -> None:
        step = MoveApproval(id=approval.id, expect=approval.status, become=become, at=self._clock.now_us())
        record = records.moved(kind, approval, why=why)
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if isinstance(outcome, Committed):
            self.wake(approval.id)

    def wake(self, approval_id: str) -> None:
        """Let whoever waits for an approval look again."""
        with suppress(StoreError, ApprovalError):
            status = self.get(approval_id).status
            if status is not ApprovalStatus.PENDING:
                self._notifier.settled(approval_id, status)
        for event in self._waiters.get(approval_id, ()):
            event.set()

    def drain(self) -> None:
        """The server stops: every wait ends now, and one that begins later at once; approvals stay."""
        self._is_draining = True
        for waiting in self._waiters.values():
            for event in waiting:
                event.set()

    def _stop_waiting(self, approval_id: str, event: asyncio.Event) -> None:
        waiting = self._waiters[approval_id]
        waiting.discard(event)
        if not waiting:
            del self._waiters[approval_id]


async def _woken(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


__all__ = ["ApprovalRules", "Approvals", "Approver", "Refusal", "Wanted"]
