"""Reviews of break-glass: each use stays open until another person says whether it was justified, and why.

INVARIANT: nobody reviews a use of his own, under none of his names, then or now, nor a call of his own agent;
nor anybody with an account or a proof that is newer than the use, so that whoever broke the glass makes nobody to
agree.
INVARIANT: what is open is told until it is reviewed; nothing that fails here closes a review.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from firewall.approvals import records
from firewall.approvals.counting import Counter
from firewall.approvals.notices import glass_alert
from firewall.approvals.people import Approver, Refusal
from firewall.approvals.service import Approvals
from firewall.approvals.text import plain
from firewall.core.approval import Approval
from firewall.core.errors import ApprovalError, FirewallError
from firewall.core.glass import Finding, GlassUse, ReviewGlass
from firewall.core.notice import Alert
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, Unit

REVIEWERS = frozenset({"approver", "auditor", "admin"})
"""Roles that may review: whoever may read the log."""
MIN_NOTE = 10
"""Characters."""
MOST_OPEN = 500
LOOK_S = 30.0
"""How often is looked for what was not told for long."""
_US = 1_000_000
_TRIES = 8
_log = logging.getLogger("stayhand.approvals")


class GlassStore(Protocol):
    """Reading uses."""

    def glass_use(self, approval_id: str) -> GlassUse | None:
        """Return the use that approved an approval, or None."""
        ...

    def glass_uses(self, limit: int, *, is_open: bool, skip: int = 0) -> Sequence[GlassUse]:
        """Return uses that wait for a review, oldest first; or those reviewed, newest review first.

        `skip`: without so many of the first.
        """
        ...

    def glass_open(self) -> int:
        """Return how many wait for a review; no reason is opened for it."""
        ...


class Teller(Protocol):
    """Tells people."""

    async def alert(self, alert: Alert) -> None:
        """Tell every channel; failures are its own business."""
        ...


class Reviews:
    """What waits for a review, who may give it, and telling people until somebody does."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        sequencer: Sequencer,
        store: GlassStore,
        clock: Clock,
        teller: Teller,
        remind_s: int,
    ) -> None:
        self._approvals = approvals
        self._sequencer = sequencer
        self._store = store
        self._clock = clock
        self._teller = teller
        self._remind_us = remind_s * _US
        self._told: dict[str, int] = {}
        """When each open use was told last, by approval."""
        self._fresh: set[str] = set()
        self._news = asyncio.Event()

    def open(self, limit: int = MOST_OPEN, skip: int = 0) -> Sequence[GlassUse]:
        """Return uses that nobody reviewed, oldest first, without the first `skip`."""
        return self._store.glass_uses(limit, is_open=True, skip=skip)

    def count(self) -> int:
        """Return how many uses nobody reviewed. Raises: StoreError."""
        return self._store.glass_open()

    def closed(self, limit: int, skip: int = 0) -> Sequence[GlassUse]:
        """Return uses that were reviewed, newest review first, without the first `skip`."""
        return self._store.glass_uses(limit, is_open=False, skip=skip)

    def of(self, approval_id: str) -> GlassUse | None:
        """Return the use that approved an approval."""
        return self._store.glass_use(approval_id)

    def words(self) -> str:
        """Say what waits for a review, for `doctor`; empty: nothing. Raises: StoreError."""
        oldest = self.open(1)
        if not oldest:
            return ""
        hours = (self._clock.now_us() - oldest[0].at) // (3600 * _US)
        return f"{self.count()} open, the oldest for {hours} h"

    def refusal(self, use: GlassUse, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody may not review a use of this approval; None: he may, as far as it was opened."""
        return _refusal(self._approvals.counter(), approval, use, by)

    async def review(self, approval_id: str, finding: Finding, *, by: Approver, note: str) -> GlassUse:
        """Note what somebody found.

        Raises: ApprovalError `review_unknown` (404), `review_not_permitted`, `own_approval`, `newer_than_use`
        (403), `review_done`, `note_missing` (409); StoreError.
        """
        note = plain(note)
        for _ in range(_TRIES):
            changes = self._approvals.changes()
            use = self._store.glass_use(approval_id)
            if use is None:
                raise ApprovalError("there is no such review", code="review_unknown", status=404)
            approval = self._approvals.get(approval_id)
            refusal = _refusal(self._approvals.counter(), approval, use, by)
            if refusal is not None:
                raise ApprovalError(refusal.public, code=refusal.code, status=403)
            if not use.is_open:
                raise ApprovalError("this was reviewed already", code="review_done")
            if len(note) < MIN_NOTE:
                raise ApprovalError(f"say why, in at least {MIN_NOTE} characters", code="note_missing")
            who, now = self._sequencer.pseudonym(by.name), self._clock.now_us()
            people = self._approvals.counter().pseudonyms(by)
            step = ReviewGlass(approval_id, who, now, finding, note, changes, people)
            record = records.reviewed(approval, use, by, finding=finding, note=note)
            if isinstance(await self._sequencer.submit(Unit(records=(record,), steps=(step,))), Committed):
                return self._store.glass_use(approval_id) or use
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    def broken(self, approval_id: str) -> None:
        """Have a use told of now."""
        self._fresh.add(approval_id)
        self._news.set()

    async def run(self) -> None:
        """Tell of each use, and again while nobody reviews it, until cancelled; all that is open at the start."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                try:
                    for use in self._due():
                        self._tell(use, group)
                        await asyncio.sleep(0)  # each opens its call: others go on in between
                except FirewallError as error:
                    _log.warning("open reviews could not be read: %s", error.public)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
                except TimeoutError:
                    continue

    def _due(self) -> list[GlassUse]:
        """Return of what is to be told now. Raises: StoreError."""
        now = self._clock.now_us()
        found = self.open()
        self._told = {one.approval: self._told[one.approval] for one in found if one.approval in self._told}
        return [one for one in found if self._told.get(one.approval, -self._remind_us) + self._remind_us <= now]

    def _tell(self, use: GlassUse, group: asyncio.TaskGroup) -> None:
        """Tell of a use; one that cannot be read now stays due, and keeps no other from being told."""
        try:
            alert = self._alert(use)
        except FirewallError as error:
            _log.warning("open review of approval=%s could not be read: %s", use.approval, error.public)
            return
        group.create_task(self._teller.alert(alert))
        self._told[use.approval] = self._clock.now_us()
        self._fresh.discard(use.approval)

    def _alert(self, use: GlassUse) -> Alert:
        approval = self._approvals.get(use.approval)
        person = self._approvals.counter().called(use.by)
        return glass_alert(
            approval,
            person.name if person else "",
            address=self._approvals.rules.reviews_address,
            is_new=use.approval in self._fresh,
        )


def _refusal(counter: Counter, approval: Approval, use: GlassUse, by: Approver) -> Refusal | None:
    listed = counter.now(by)
    if listed is None or listed.role not in REVIEWERS:
        return Refusal("review_not_permitted", "only whoever may read the log reviews this")
    if {use.by, *use.people} & {*counter.pseudonyms(by)}:
        return Refusal("review_not_permitted", "you broke the glass yourself: somebody else reviews it")
    if approval.subject is not None and listed.is_called(approval.subject.owner):
        return Refusal("own_approval", "this was your own agent's call: somebody else reviews it")
    if listed.since > use.at or by.proof_at > use.at:
        return Refusal("newer_than_use", "your account, or what you signed in with, is newer than this use")
    return None
