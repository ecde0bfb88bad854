"""Approvals as they stand: read, counted among those who may decide, moved on, and announced.

INVARIANT: each move names the state that it expects, and the sequencer commits it only from there.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress

from firewall.approvals import records
from firewall.approvals.counting import Counter
from firewall.approvals.notices import notice_of
from firewall.approvals.people import Approver, Refusal, Roster
from firewall.approvals.waiters import Waiters
from firewall.approvals.wanted import ApprovalRules
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.demand import Tally
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.ports import ApprovalStore, Clock, Notifier, Sequencer
from firewall.core.work import Committed, MoveApproval, Unit

_EARLIER = 20
_EACH_BYTES = 1 << 20
"""Subjects that one list of approvals opens, as they are stored."""


class Book:
    """Every approval and whoever waits for one."""

    def __init__(
        self,
        *,
        sequencer: Sequencer,
        store: ApprovalStore,
        clock: Clock,
        rules: ApprovalRules,
        notifier: Notifier,
        roster: Roster,
        may_be_production: Callable[[Approval], bool],
    ) -> None:
        self._roster = roster
        self._may_be_production = may_be_production
        self._sequencer = sequencer
        self._store = store
        self._clock = clock
        self._rules = rules
        self._notifier = notifier
        self._waiters = Waiters()

    @property
    def rules(self) -> ApprovalRules:
        """The rules in force."""
        return self._rules

    def get(self, approval_id: str) -> Approval:
        """Return an approval with its opened subject.

        Raises: ApprovalError `approval_unknown` (404).
        """
        found = self._store.get(approval_id)
        if found is None:
            raise ApprovalError("there is no such approval", code="approval_unknown", status=404)
        return found

    def each(self, ids: Iterable[str]) -> dict[str, tuple[Approval, bool]]:
        """Return approvals, their subjects opened as far as 1 MiB of them reaches; False: this one's is not.

        Raises: ApprovalError `approval_unknown` (404); StoreError.
        """
        found: dict[str, tuple[Approval, bool]] = {}
        left = _EACH_BYTES
        for one in ids:
            stands = self._store.glance(one)
            size = stands[1] if stands is not None else 0
            bare = self._store.bare(one) if size > left else None
            found[one] = (bare, False) if bare is not None else (self.get(one), True)
            left -= 0 if bare is not None else size
        return found

    def listing(self, status: str | None, limit: int = 200) -> list[Approval]:
        """Return approvals, newest first; pending ones whose time is over are left out of `pending`."""
        return self._still(status, self._store.listing(status, limit))

    def newest(self, status: str | None, limit: int, after: str = "") -> tuple[list[Approval], str]:
        """Return the same as a page behind `after`, and the id behind which more stand, empty where none do.

        It is shorter where subjects are long: 1 MiB of them at most.
        """
        found, last = self._store.newest(status, limit, after)
        return self._still(status, found), last

    def _still(self, status: str | None, found: list[Approval]) -> list[Approval]:
        if status != ApprovalStatus.PENDING:
            return found
        now = self._clock.now_us()
        return [approval for approval in found if approval.expires_at > now]

    def waiting(self, limit: int, after: str = "") -> tuple[list[Approval], bool]:
        """Return a page of what waits, the one whose time ends first on top, and whether more stands behind it.

        `after`: the last one of the page before.
        """
        return self._store.waiting(self._clock.now_us(), limit, after)

    def alike(self, approval: Approval, most_bytes: int) -> tuple[list[Approval], int]:
        """Return what waits of an approval's run, in its place, with its effects, oldest first.

        And how many of these were not opened: of more than `most_bytes` each, as stored, or too many together.
        """
        return self._store.alike(approval, self._clock.now_us(), most_bytes)

    def glance(self, approval_id: str) -> tuple[ApprovalStatus, int] | None:
        """Return where an approval stands and how many bytes its call is, as stored; nothing is opened."""
        return self._store.glance(approval_id)

    def settled(self, limit: int) -> list[Approval]:
        """Return what waits no more, opened last first."""
        return self._store.settled(limit)

    def waits(self, limit: int, since_us: int = 0) -> tuple[int, list[str]]:
        """Return how many wait, and the ids of those that were opened last, none before `since_us`."""
        return self._store.waits(self._clock.now_us(), limit, since_us)

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
        return self.called((approval.decided_by,)).get(approval.decided_by, approval.decided_by)

    def called(self, voters: Iterable[str]) -> dict[str, str]:
        """Return the names of those who are still listed, by their pseudonyms in the log."""
        counter = self.counter()
        found = {one: counter.called(one) for one in set(voters) if one}
        return {one: person.name for one, person in found.items() if person is not None}

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

    def tally(self, approval: Approval) -> Tally:
        """Count the votes for an approval, as those stand who gave them."""
        return self.counter().of(approval)

    def standing(self, approval: Approval) -> str:
        """Return how far people have come, as `1 of 2, next: dba`; empty where anybody may answer alone."""
        is_plain = not approval.obligations.demands or approval.status is not ApprovalStatus.PENDING
        return "" if is_plain else self.tally(approval).words

    def counter(self) -> Counter:
        """Return what counts votes among those who may decide at this moment."""
        return Counter(
            tuple(self._roster.everybody()),
            self._sequencer.pseudonym,
            self._rules.solo,
            self._rules.production,
            self._may_be_production,
        )

    async def current(self, approval_id: str) -> Approval:
        """Return an approval as it stands now: one whose time is over is expired first.

        Raises: ApprovalError `approval_unknown`; StoreError.
        """
        approval = self.get(approval_id)
        if approval.status is ApprovalStatus.PENDING and approval.expires_at <= self._clock.now_us():
            return await self.expire(approval)
        return approval

    async def expire(self, approval: Approval) -> Approval:
        """Move an approval whose time is over, and return it as it stands then.

        Raises: ApprovalError `approval_unknown`; StoreError.
        """
        await self.move(approval, ApprovalStatus.EXPIRED, kind="approval.expired", why=approval.status.value)
        return self.get(approval.id)

    async def move(self, approval: Approval, become: ApprovalStatus, *, kind: str, why: str) -> None:
        """Move an approval from the state in which it was seen; one that moved on meanwhile stays.

        Raises: StoreError.
        """
        step = MoveApproval(id=approval.id, expect=approval.status, become=become, at=self._clock.now_us())
        record = records.moved(kind, approval, why=why)
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if isinstance(outcome, Committed):
            self.wake(approval.id)

    def tell(self, approval: Approval, *, is_resumed: bool = False) -> None:
        """Tell those who can answer of an approval; `is_resumed`: it waited before this server began."""
        notice = notice_of(approval, self._rules.address(approval.id))
        self._notifier.opened(notice, is_resumed=is_resumed)

    def wake(self, approval_id: str) -> None:
        """Let whoever waits for an approval look again."""
        with suppress(StoreError):
            found = self._store.glance(approval_id)
            if found is not None and found[0] is not ApprovalStatus.PENDING:
                self._notifier.settled(approval_id, found[0])
        self._waiters.wake(approval_id)
