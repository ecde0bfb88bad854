"""Another form in place of a held call: the call is denied, and its form is a new question with its own digest.

INVARIANT: one commit denies the call and opens the form's approval, or nothing happens. No vote is carried over:
the denial is of the call's digest, and whoever wrote the form votes for it like everybody else, on its own page,
under the rules of the rows that ask for it. Nothing is sent by this.
INVARIANT: a form keeps who wrote it: he neither breaks the glass for it, nor does his vote count for one that
destroys, changes rights or is unknown in production, or where nobody knows the place.
"""

from dataclasses import replace

from firewall.approvals import records
from firewall.approvals.book import Book
from firewall.approvals.deciding import Deciding
from firewall.approvals.opening import Opening
from firewall.approvals.people import Approver
from firewall.approvals.wanted import DeniedBeforeError, Wanted
from firewall.core.approval import PERMITTED, Approval, Decision
from firewall.core.errors import ApprovalError
from firewall.core.ports import Sequencer
from firewall.core.work import Committed, MoveApproval, OpenApproval, Unit, Unmet

_TRIES = 32
"""Each time another vote was committed, or a right changed."""


class Edits:
    """Denies calls with a form that would be approved."""

    def __init__(self, book: Book, *, deciding: Deciding, opening: Opening, sequencer: Sequencer) -> None:
        self._book = book
        self._deciding = deciding
        self._opening = opening
        self._sequencer = sequencer

    def demand_may(self, approval: Approval, by: Approver) -> None:
        """Refuse who may not answer this approval, or is newer than it: he does not rewrite it either.

        Raises: ApprovalError as `Approvals.decide` says.
        """
        counter = self._book.counter()
        refusal = counter.refusal(approval, by) or counter.newer(approval, by)
        if refusal is not None:
            raise ApprovalError(refusal.public, code=refusal.code, status=403)

    async def propose(
        self, approval_id: str, by: Approver, *, form: str, digest: str, wanted: Wanted | None
    ) -> Approval:
        """Deny a call with a form; return the form's own approval, or the denied one where nobody needs be asked.

        `form`: as the agent is told; `digest`: the form's; `wanted`: what people are asked about it, None where
        the policy permits it without them.
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
            said = (ballot.record, records.edited(original, by, digest=digest, instead=instead, form=form))
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
