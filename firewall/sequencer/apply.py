"""Applying one unit of work inside an open transaction: all of it, or `otherwise`."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import orjson

from audit import Draft, Kind
from audit.seal import identity
from audit.sqlite import Log
from firewall.core.erasure import EraseSubject
from firewall.core.glass import BreakGlass, Glass, ReviewGlass
from firewall.core.spending import Extend, Part, Pay, Reclaim, Reserve, Settle, Spending, Spent, Tell
from firewall.core.work import (
    ApprovePin,
    BeginForm,
    CastVote,
    Committed,
    EndAbsence,
    EndForm,
    EndPerson,
    EndPush,
    EndToken,
    ForgetPin,
    HeedApproval,
    MoveApproval,
    NoteUses,
    OpenApproval,
    Outcome,
    Pinning,
    Proving,
    Pushing,
    PutAbsence,
    PutIssued,
    PutPerson,
    PutPin,
    PutPush,
    PutToken,
    Record,
    SeeApproval,
    Step,
    Sweep,
    Take,
    Unit,
    Unmet,
    UseApproval,
    committed,
)
from firewall.sequencer.sealing import Sealing, conversation_name, push_json, push_name, subject_json
from firewall.storage.sqlite import (
    absences,
    approvals,
    conversations,
    erasures,
    forms,
    glass,
    ledger,
    limits,
    people,
    pins,
    proofs,
    pushes,
    tokens,
    votes,
)

_DONE = Committed()
_KINDS = {kind.value: kind for kind in Kind}
_SURE: frozenset[type[Step]] = frozenset({Settle, Pay, PutIssued, NoteUses, Sweep, Reclaim, SeeApproval})
"""Steps that have no condition, so that nothing of their unit is ever taken back alone."""


Moving = OpenApproval | MoveApproval | UseApproval | HeedApproval
Answering = CastVote | SeeApproval | BeginForm | EndForm


class TakenBackError(Exception):
    """A unit found a condition unmet after it had changed something, and has no savepoint to go back to."""


class Applier:
    """Turns units into rows and entries on one connection; never begins or commits."""

    def __init__(self, connection: sqlite3.Connection, log: Log, sealing: Sealing) -> None:
        self._connection = connection
        self._log = log
        self._sealing = sealing
        self._spent: list[Spent] = []
        """Accounts that the unit in hand settled."""
        self._careful = True
        """Each unit has a savepoint of its own."""
        self.has_erased = False
        """A step that erases was applied; whoever commits it destroys what `erasures` names, and clears this."""

    def apply(self, unit: Unit, now_us: int) -> Outcome:
        """Apply a unit; when a step's condition is unmet, undo it and record `otherwise`.

        On any exception nothing of the unit is left in the transaction's rows; the caller takes the log back.
        """
        if not unit.steps:
            return Committed(self._append(unit.records, now_us))
        connection = self._connection
        self._careful = True
        connection.execute("SAVEPOINT unit")
        try:
            unmet = self._run(unit.steps, now_us)
            if unmet is None:
                spent = tuple(self._spent)
                return Committed(self._append(unit.records, now_us), spent)
            connection.execute("ROLLBACK TO unit")
            return replace(unmet, seqs=self._append(unit.otherwise, now_us))
        except BaseException:
            connection.execute("ROLLBACK TO unit")
            raise
        finally:
            connection.execute("RELEASE unit")

    def apply_all(self, units: Sequence[Unit], now_us: int, *, careful: bool) -> list[Outcome]:
        """Apply units in order and append their entries in one go: what `apply` does for each, at less cost.

        `careful`: each has a savepoint. On any exception part of it is in the transaction, which the caller must
        then roll back as a whole.
        Raises: TakenBackError, never when `careful`.
        """
        self._careful = careful
        drafts: list[Draft] = []
        ends: list[tuple[Unmet | Committed, int]] = []
        for unit in units:
            said = self._try_steps(unit.steps, now_us) if unit.steps else _DONE
            records = unit.otherwise if isinstance(said, Unmet) else unit.records
            drafts += [self._draft(record, now_us) for record in records]
            ends.append((said, len(drafts)))
        begin = self._log.append(drafts).first_seq if drafts else 0
        start = begin
        outcomes: list[Outcome] = []
        for said, length in ends:
            end = start + length
            seqs = tuple(range(begin, end))
            outcomes.append(
                committed(seqs, said.spent) if isinstance(said, Committed) else replace(said, seqs=seqs)
            )
            begin = end
        return outcomes

    def _try_steps(self, steps: Sequence[Step], now_us: int) -> Unmet | Committed:
        if _SURE.issuperset(map(type, steps)):
            self._run(steps, now_us)
            return Committed(spent=tuple(self._spent)) if self._spent else _DONE
        first = steps[0]
        if len(steps) == 1 and isinstance(first, Take) and not self._sealing.late:
            # one statement, which takes or does not
            return limits.take(self._connection, first, 0, now_us) or _DONE
        if not self._careful:
            if self._run(steps, now_us) is not None:
                raise TakenBackError
            return Committed(spent=tuple(self._spent)) if self._spent else _DONE
        self._connection.execute("SAVEPOINT unit")
        unmet = self._run(steps, now_us)
        if unmet is not None:
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")
        return unmet or (Committed(spent=tuple(self._spent)) if self._spent else _DONE)

    def _run(self, steps: Sequence[Step], now_us: int) -> Unmet | None:
        self._spent.clear()
        late = self._sealing.late
        if late:
            refused = (late.refusal(step, index) for index, step in enumerate(steps))
            unmet = next((one for one in refused if one is not None), None)
            if unmet is not None:
                return unmet
        takes = _leading(steps) if isinstance(steps[0], Take) else ()
        if takes and not limits.take_all(self._connection, takes, now_us):
            self._take_back()  # what the others gave
            return limits.full(self._connection, takes, now_us)
        for index, step in enumerate(steps[len(takes) :], len(takes)):
            unmet = self._step(step, index, now_us)
            if unmet is not None:
                return unmet
        return None

    def _step(self, step: Step, index: int, now_us: int) -> Unmet | None:
        match step:
            case Settle() | Take() | Reserve() | Extend() | Tell() | Reclaim() | Pay():
                return self._spend(step, index, now_us)
            case OpenApproval() | MoveApproval() | UseApproval() | HeedApproval():
                return self._approval(step, index)
            case CastVote() | SeeApproval() | BeginForm() | EndForm():
                return self._answer(step, index)
            case EndToken() | EndPerson() | EndAbsence() | BreakGlass() | ReviewGlass() | EraseSubject():
                return self._end(step, index)
            case PutToken() | PutPerson() | PutAbsence() | PutIssued() | NoteUses() | Sweep():
                return self._put(step, index, now_us)
            case _:
                return self._keep(step, index)

    def _spend(self, step: Spending | Take, index: int, now_us: int) -> Unmet | None:
        match step:
            case Settle():
                self._spent += ledger.settle(self._connection, step, now_us)
            case Take():
                return limits.take(self._connection, step, index, now_us)
            case Reserve():
                return self._named(step.parts, ledger.reserve(self._connection, step, index))
            case Extend():
                return self._named(step.parts, ledger.extend(self._connection, step, index, now_us))
            case Tell():
                return ledger.tell(self._connection, step, index)
            case Reclaim():
                ledger.reclaim(self._connection, step)
            case Pay():
                if not self._sealing.late.is_debt(step.key):
                    limits.pay(self._connection, step, now_us)
        return None

    def _named(self, parts: Sequence[Part], unmet: Unmet | None) -> Unmet | None:
        """Name the account that was too full, where the ledger says only that one of several was."""
        if unmet is None or unmet.found or unmet.why != "spent":
            return unmet
        self._take_back()  # what the others gave
        return replace(unmet, found=ledger.full(self._connection, parts))

    def _take_back(self) -> None:
        """Undo what the unit in hand has changed so far. Raises: TakenBackError where it has no savepoint."""
        if not self._careful:
            raise TakenBackError
        self._connection.execute("ROLLBACK TO unit")

    def _put_token(self, step: PutToken, index: int) -> Unmet | None:
        late = self._sealing.late
        if late and late.is_behind(step, erasures.count(self._connection)):
            return Unmet(index, "erased", found=step.id)
        unmet = tokens.put_token(self._connection, step, index)
        if unmet is None and late:
            granted = orjson.loads(step.grant).get("owner", "") if step.grant else ""
            for name in (step.holder, step.owner, granted):
                late.comes(name)
        return unmet

    def _put(
        self, step: PutToken | PutPerson | PutAbsence | PutIssued | NoteUses | Sweep, index: int, now_us: int
    ) -> Unmet | None:
        match step:
            case Sweep():
                limits.sweep(self._connection, now_us)
                tokens.sweep_issued(self._connection, step)
            case PutToken():
                return self._put_token(step, index)
            case PutPerson():
                people.put_person(self._connection, step)
                self._sealing.late.comes(step.name)
            case PutAbsence():
                absences.put_absence(self._connection, step)
            case PutIssued():
                tokens.put_issued(self._connection, step)
            case NoteUses():
                tokens.note_uses(self._connection, step)
        return None

    def _keep(self, step: Pinning | Proving | Pushing, index: int) -> Unmet | None:
        match step:
            case PutPush(browser):
                refused = pushes.refused(self._connection, step, index)
                if refused is not None:
                    return refused
                sealed = self._sealing.seal(browser.person, push_json(browser), push_name(browser.id))
                return pushes.put_push(self._connection, step, index, sealed)
            case EndPush():
                return pushes.end_push(self._connection, step, index)
            case PutPin() | ForgetPin() | ApprovePin():
                return pins.pin(self._connection, step, index)
            case _:
                return proofs.prove(self._connection, step, index)

    def _end(self, step: EndToken | EndPerson | EndAbsence | Glass | EraseSubject, index: int) -> Unmet | None:
        match step:
            case EraseSubject():
                self.has_erased = True
                return erasures.erase(self._connection, step, index)
            case BreakGlass() | ReviewGlass():
                return self._glass(step, index)
            case EndToken():
                return tokens.end_token(self._connection, step, index)
            case EndPerson():
                return people.end_person(self._connection, step, index)
            case EndAbsence():
                return absences.end_absence(self._connection, step, index)

    def _approval(self, step: Moving, index: int) -> Unmet | None:
        match step:
            case OpenApproval():
                return self._open(step, index)
            case MoveApproval():
                return approvals.move_approval(self._connection, step, index, self._reason(step))
            case UseApproval():
                return approvals.use_approval(self._connection, step, index)
            case HeedApproval():
                return approvals.heed_approval(self._connection, step, index)

    def _answer(self, step: Answering, index: int) -> Unmet | None:
        """Note what people do about an approval before it moves."""
        match step:
            case SeeApproval():
                votes.see(self._connection, step)
            case CastVote():
                return votes.cast_vote(self._connection, step, index)
            case BeginForm():
                return forms.begin_form(self._connection, step, index)
            case EndForm():
                return forms.end_form(self._connection, step, index)
        return None

    def _reason(self, step: MoveApproval) -> bytes | None:
        """Seal why it was decided so, under the key of what it is about."""
        if not step.reason:
            return None
        key = approvals.subject_key(self._connection, step.id)
        return self._sealing.seal_under(key, step.reason.encode(), f"{step.id}/reason")

    def _glass(self, step: Glass, index: int) -> Unmet | None:
        key = approvals.subject_key(self._connection, step.approval)
        if isinstance(step, BreakGlass):
            reason = self._sealing.seal_under(key, step.reason.encode(), f"{step.approval}/glass")
            return glass.break_glass(self._connection, step, index, reason)
        note = self._sealing.seal_under(key, step.note.encode(), f"{step.approval}/review")
        return glass.review_glass(self._connection, step, index, note)

    def _open(self, step: OpenApproval, index: int) -> Unmet | None:
        wanted = step.approval
        owner = wanted.subject.owner if wanted.subject else ""
        sealed = self._sealing.seal(owner, subject_json(wanted.subject), wanted.id)
        unmet = approvals.open_approval(self._connection, step, index, sealed)
        if unmet is None and step.conversation:
            kept = self._sealing.seal(owner, step.conversation, conversation_name(wanted.id))
            conversations.put(self._connection, wanted.id, kept)
        return unmet

    def _append(self, records: Sequence[Record], now_us: int) -> tuple[int, ...]:
        if not records:
            return ()
        return tuple(self._log.append([self._draft(record, now_us) for record in records]).seqs)

    def _draft(self, record: Record, now_us: int) -> Draft:
        sealing = self._sealing
        kind = _KINDS.get(record.kind) or Kind(record.kind)
        principal = sealing.pseudonym(record.principal) if record.principal else ""
        if record.private is None:
            return Draft(kind, principal, now_us, record.data, record.approval)
        key = sealing.key_for(record.person)
        name = identity(record.kind, now_us, principal=principal, approval=record.approval, subject=key.id)
        sealed = key.seal(name, orjson.dumps(record.private))
        return Draft(kind, principal, now_us, record.data, record.approval, key.id, sealed)


def _leading(steps: Sequence[Step]) -> list[Take]:
    """Return the takings that a unit begins with: they are one statement together."""
    takes: list[Take] = []
    for step in steps:
        if not isinstance(step, Take):
            break
        takes.append(step)
    return takes
