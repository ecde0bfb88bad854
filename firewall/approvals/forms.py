"""Forms that approvers have us run: begun and ended in the log, and what follows for the call they stand for.

The decision is one: who may decide the call may have its form run, and his word binds both requests; what comes
before the call is run only by whoever gives the last vote for it. INVARIANT: a form is durable as begun before
it can be sent, and nothing here sends it twice: what was under way when the server stopped is unknown, shown, and
left to people. INVARIANT: it begins only for whoever may have it run when that is committed: what he was weighed
by, the votes and the people, is a condition of that commit. A call is approved after its form only by the same
commit that says that the form is done.
"""

from dataclasses import dataclass, replace

from firewall.approvals import records
from firewall.approvals.casting import Cast
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.approvals.typed import demand_typed
from firewall.core.approval import Approval, ApprovalStatus, Decision, Form, FormState
from firewall.core.errors import ApprovalError
from firewall.core.ports import ApprovalStore, Clock, Sequencer
from firewall.core.work import BeginForm, EndForm, Unit, Unmet

_TRIES = 32
"""Each time somebody else answered, or a right changed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a form."""

    state: FormState
    status: int = 0
    """Of the API's answer; 0: there was none."""
    note: str = ""
    """A code of ours, or the id of the approval that it waits for."""
    judged: int = -1
    """The entry of the form's own verdict."""


class Forms:
    """Begins and ends forms of approvals."""

    def __init__(self, *, approvals: Approvals, sequencer: Sequencer, store: ApprovalStore, clock: Clock) -> None:
        self._approvals = approvals
        self._sequencer = sequencer
        self._store = store
        self._clock = clock

    def check(
        self, approval_id: str, number: int, by: Approver, *, typed: str | None = None
    ) -> tuple[Approval, Form]:
        """Return an approval that waits and the form that somebody may have run for it; `number` counts from 1.

        Raises: ApprovalError `approval_unknown`, `form_unknown` (404), `approval_expired`, `approval_decided`,
        `form_running` or `form_needs_votes` (409), and what `Approvals.decide` says of who may not.
        """
        approval = self._approvals.get(approval_id)
        counter = self._approvals.counter()
        refusal = counter.refusal(approval, by) or counter.newer(approval, by)
        if refusal is not None:
            raise ApprovalError(refusal.public, code=refusal.code, status=403)
        if records.is_running(approval):
            raise records.running()
        if approval.status is not ApprovalStatus.PENDING or approval.expires_at <= self._clock.now_us():
            raise _over(approval)
        forms = approval.subject.forms if approval.subject else ()
        if not 1 <= number <= len(forms) or not forms[number - 1].request:
            raise ApprovalError("there is no such form that could be run", code="form_unknown", status=404)
        form = forms[number - 1]
        if form.before:
            ballot = self._approvals.ballot(approval, Decision.APPROVE, by, typed=typed)
            if not ballot.is_last:
                words = f"what comes first is done by whoever gives the last vote: {ballot.before.words}"
                raise ApprovalError(words, code="form_needs_votes")
        elif typed is not None:
            demand_typed(approval, typed)
        return approval, form

    async def begin(self, approval: Approval, number: int, by: Approver, *, typed: str | None = None) -> None:
        """Record that a form is about to be sent; committed only while nobody voted and no right changed since.

        Raises: ApprovalError as `check` says, and where the approval has moved on; StoreError.
        """
        for _ in range(_TRIES):
            changes = self._approvals.changes()  # before anybody is looked at: what changes from now on voids it
            current, form = self.check(approval.id, number, by, typed=typed)
            step = BeginForm(
                approval.id,
                approval.digest,
                number,
                self._sequencer.pseudonym(by.name),
                self._clock.now_us(),
                votes=len(current.votes),
                roster=changes,
            )
            record = records.begun(approval, form, by, number=number)
            if not isinstance(await self._sequencer.submit(Unit(records=(record,), steps=(step,))), Unmet):
                return
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    async def end(self, approval: Approval, ended: Ended, *, then: "Settling | None" = None) -> None:
        """Record what became of a form, and in the same commit the decision that follows from it.

        Where the approval has moved on meanwhile, the decision is left out. Raises: StoreError.
        """
        step = EndForm(approval.id, ended.state, self._clock.now_us(), ended.status, ended.note)
        record = records.ended(
            approval, state=ended.state, status=ended.status, note=ended.note, judged=ended.judged
        )
        for _ in range(_TRIES if then is not None else 0):
            ballot = self._ballot(approval.id, then) if then is not None else None
            if ballot is None:
                break
            unit = Unit(records=(record, ballot.record), steps=(step, *ballot.steps))
            if not isinstance(await self._sequencer.submit(unit), Unmet):
                self._approvals.wake(approval.id)
                return
        await self._sequencer.submit(Unit(records=(record,), steps=(step,)))

    def _ballot(self, approval_id: str, then: "Settling") -> Cast | None:
        """Weigh the decision that follows; None where it decides nothing any more."""
        try:
            ballot = self._approvals.ballot(
                self._approvals.get(approval_id),
                then.decision,
                then.by,
                reason=then.reason,
                typed=then.typed,
                rebind=then.rebind,
            )
        except ApprovalError:
            return None
        return ballot if ballot.is_last and not ballot.is_late else None

    async def lost(self) -> int:
        """Say of every form that was under way when a server stopped that nobody knows; return how many.

        Call it once, before anything is served. Raises: StoreError.
        """
        ids = self._store.begun()
        for approval_id in ids:
            await self.end(self._approvals.get(approval_id), Ended(FormState.UNKNOWN, note="server_stopped"))
        return len(ids)


def _over(approval: Approval) -> ApprovalError:
    """Return the error for an approval that is over; one that still says that it waits is out of time."""
    is_late = approval.status is ApprovalStatus.PENDING
    return records.settled(replace(approval, status=ApprovalStatus.EXPIRED) if is_late else approval)


@dataclass(frozen=True, slots=True)
class Settling:
    """The decision about the call that follows from its form."""

    decision: Decision
    by: Approver
    reason: str = ""
    rebind: str = ""
    """The digest of the call in the state that the form left."""
    typed: str | None = None
    """The name that he typed."""
