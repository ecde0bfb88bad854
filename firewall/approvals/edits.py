"""Another form in place of a held call: the call is denied, and its form is a new question with its own digest.

INVARIANT: one commit denies the call and opens the form's approval, or nothing happens. No vote is carried over:
the denial is of the call's digest, and whoever wrote the form votes for it like everybody else, on its own page,
under the rules of the rows that ask for it. Nothing is sent by this.
INVARIANT: a form keeps who wrote it: he neither breaks the glass for it, nor does his vote count for one that
destroys, changes rights or is unknown in production, or where nobody knows the place.
INVARIANT: who would have which form judged is durable before anything is asked about it, and counted in that
commit for the person, whichever of his accounts he uses; what became of it is a second entry.
"""

from dataclasses import replace

from firewall.approvals import edit_records, records
from firewall.approvals.book import Book
from firewall.approvals.deciding import Deciding
from firewall.approvals.opening import Opening
from firewall.approvals.people import Approver
from firewall.approvals.wanted import DeniedBeforeError, Wanted
from firewall.core.approval import PERMITTED, Approval, ApprovalStatus, Decision
from firewall.core.bucket import Rate
from firewall.core.errors import ApprovalError, LimitError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, MoveApproval, OpenApproval, Take, Unit, Unmet

_TRIES = 32
"""Each time another vote was committed, or a right changed."""
_MINUTE_US = 60_000_000
RATE = Rate(limit=30, window_us=60 * _MINUTE_US, burst=10)
"""Forms of one person that are judged: 30 an hour, 10 at once. Each may have resolvers ask other systems."""


class Edits:
    """Denies calls with a form that would be approved."""

    def __init__(
        self, book: Book, *, deciding: Deciding, opening: Opening, sequencer: Sequencer, clock: Clock
    ) -> None:
        self._book = book
        self._deciding = deciding
        self._opening = opening
        self._sequencer = sequencer
        self._clock = clock
        self._complained: dict[str, int] = {}

    def demand_may(self, approval: Approval, by: Approver) -> None:
        """Refuse who may not answer this approval, or is newer than it: he does not rewrite it either.

        Raises: ApprovalError as `Approvals.decide` says.
        """
        counter = self._book.counter()
        refusal = counter.refusal(approval, by) or counter.newer(approval, by)
        if refusal is not None:
            raise ApprovalError(refusal.public, code=refusal.code, status=403)

    async def begin(self, approval: Approval, by: Approver, *, form: str) -> int:
        """Record that somebody would have a form judged, before it is; return the number of the entry.

        Raises: ApprovalError as `demand_may` says, `approval_expired`, `approval_decided`, `form_running` (409);
        LimitError `edit_throttled`; StoreError.
        """
        self.demand_may(approval, by)
        if approval.status is not ApprovalStatus.PENDING:
            raise records.settled(approval)
        if records.is_running(approval):
            raise records.running()
        people = self._book.counter().pseudonyms(by)
        unit = Unit(
            records=(edit_records.begun(approval, by, form=form),),
            steps=tuple(Take(f"edit:{one}", RATE) for one in people),
        )
        outcome = await self._sequencer.submit(unit)
        if isinstance(outcome, Committed):
            return outcome.seqs[0]
        await self._complain(approval, by)
        retry_after_s = max(1, -(-outcome.retry_after_us // 1_000_000))
        words = "you tried many forms in a short time: wait a little, or deny the call with a reason"
        raise LimitError(words, retry_after_s=retry_after_s, code="edit_throttled")

    async def refused(
        self, approval: Approval, by: Approver, *, entry: int, code: str, edited: str, reason: str
    ) -> None:
        """Record that nothing came of a form, as `edit_records.refused` says. Raises: StoreError."""
        record = edit_records.refused(approval, by, entry=entry, code=code, edited=edited, reason=reason)
        await self._sequencer.submit(Unit(records=(record,)))

    async def _complain(self, approval: Approval, by: Approver) -> None:
        # One entry a person and minute: a flood of tries must not become a flood of entries.
        minute = self._clock.now_us() // _MINUTE_US
        self._complained = {name: at for name, at in self._complained.items() if at == minute}
        if by.name in self._complained:
            return
        self._complained[by.name] = minute
        await self._sequencer.submit(Unit(records=(edit_records.too_many(approval, by, most=RATE.limit),)))

    async def propose(
        self,
        approval_id: str,
        by: Approver,
        *,
        form: str,
        digest: str,
        wanted: Wanted | None,
        entry: int = -1,
    ) -> Approval:
        """Deny a call with a form; return the form's own approval, or the denied one where nobody needs be asked.

        `form`: as the agent is told; `digest`: the form's; `wanted`: what people are asked about it, None where
        the policy permits it without them. `entry`: the number of `edit.begun`.
        Raises: ApprovalError as `Approvals.decide` and `Approvals.open` say, `edit_denied_before` (409);
        StoreError.
        """
        joined = ""
        for _ in range(_TRIES):
            original = self._book.get(approval_id)
            self.demand_may(original, by)
            ballot = self._deciding.ballot(original, Decision.DENY, by, reason=form)
            if ballot.is_late:
                raise records.settled(await self._book.expire(original))
            opening = self._opening.prepared(wanted) if wanted is not None and not joined else None
            instead = joined or (opening[0].id if opening is not None else PERMITTED)
            authors = self._book.counter().pseudonyms(by)
            added = authors if joined else ()
            steps = tuple(
                replace(one, instead=instead, authors=added) if isinstance(one, MoveApproval) else one
                for one in ballot.steps
            )
            edited = edit_records.edited(original, by, digest=digest, instead=instead, form=form, entry=entry)
            said = (ballot.record, edited)
            unit = Unit(records=said, steps=steps)
            if opening is not None:
                step = replace(opening[1], approval=replace(opening[0], authors=authors))
                unit = Unit(records=(*said, opening[2]), steps=(*steps, step))
            outcome = await self._sequencer.submit(unit)
            if isinstance(outcome, Committed):
                return self._denied(original, instead, is_new=opening is not None)
            if wanted is not None and isinstance(unit.steps[outcome.step], OpenApproval):
                joined = await self._joined(outcome, wanted)
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    async def _joined(self, outcome: Unmet, wanted: Wanted) -> str:
        """Return the id of an approval of this very form that is open already."""
        try:
            return (await self._opening.not_opened(outcome, wanted)).id
        except DeniedBeforeError as error:
            raise ApprovalError("this form was denied just now", code="edit_denied_before") from error

    def _denied(self, original: Approval, instead: str, *, is_new: bool) -> Approval:
        self._book.wake(original.id)
        found = self._book.get(original.id if instead == PERMITTED else instead)
        if is_new:
            self._book.tell(found)
        return found
