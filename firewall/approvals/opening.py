"""Asking people: an approval is opened or joined, within the limits of whoever asks.

INVARIANT: a requester's open questions are bounded, by principal and by session, and a flood of requests makes one
entry a minute.
"""

from collections.abc import Callable

from firewall.approvals import records
from firewall.approvals.book import Book
from firewall.approvals.wanted import MAX_SUBJECT_BYTES, ApprovalRules, DeniedBeforeError, Wanted, size_of
from firewall.core.approval import Approval, ApprovalStatus, Subject
from firewall.core.conversation import written
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.ids import sha256_hex
from firewall.core.ports import ApprovalStore, Clock, Sequencer
from firewall.core.work import OpenApproval, Record, Unit, Unmet
from firewall.sequencer.sealing import subject_json

_US = 1_000_000
_COMPLAINED = 10_000
_LIMITS = {"too_many_pending": "approvals_pending", "too_many_of_session": "approvals_of_session"}


class Opening:
    """Opens approvals."""

    def __init__(
        self,
        book: Book,
        *,
        sequencer: Sequencer,
        store: ApprovalStore,
        clock: Clock,
        rules: ApprovalRules,
        new_id: Callable[[], str],
    ) -> None:
        self._book = book
        self._sequencer = sequencer
        self._store = store
        self._clock = clock
        self._rules = rules
        self._new_id = new_id
        self._complained: dict[str, int] = {}

    def would_open(self, wanted: Wanted) -> bool:
        """Tell whether a new approval would be opened, as `Approvals.would_open` says."""
        _, step, _ = self.prepared(wanted)
        return self._store.would_open(step)

    async def open(self, wanted: Wanted) -> Approval:
        """Open an approval, or join an open one, as `Approvals.open` says."""
        approval, step, record = self.prepared(wanted)
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if isinstance(outcome, Unmet):
            return await self.not_opened(outcome, wanted)
        self._book.tell(approval)
        return approval

    def prepared(self, wanted: Wanted) -> tuple[Approval, OpenApproval, Record]:
        """Return an approval in the making, what opens it, and its entry.

        Raises: ApprovalError `call_too_large`.
        """
        if _is_too_large(wanted.subject):
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
        led = written(wanted.led, self._new_id()) if wanted.led is not None else b""
        step = OpenApproval(
            approval,
            rules.max_pending,
            max_of_session=rules.max_of_session,
            denied_since=now - rules.cool_down_s * _US if rules.cool_down_s else 0,
            heeds_denial=wanted.heeds_denial,
            conversation=led,
        )
        record = records.opened(approval, wanted.principal, wanted.subject, led=sha256_hex(led) if led else "")
        return approval, step, record

    async def not_opened(self, outcome: Unmet, wanted: Wanted) -> Approval:
        """Return the open approval of the same call. Raises: as `Approvals.open`."""
        if outcome.why == "open_exists":
            return self._book.get(outcome.found)
        if outcome.why == "denied_before":
            raise DeniedBeforeError(self._book.get(outcome.found))
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
        if len(self._complained) > _COMPLAINED:
            self._complained.clear()
        self._complained[wanted.principal] = minute
        record = records.too_many(
            wanted.principal, wanted.subject.owner, token=wanted.token, most=most, limit=_LIMITS[why]
        )
        await self._sequencer.submit(Unit(records=(record,)))


def _is_too_large(subject: Subject) -> bool:
    """Tell whether a call is stored as too many bytes; one that has more characters is not written for that."""
    return size_of(subject) > MAX_SUBJECT_BYTES or len(subject_json(subject)) > MAX_SUBJECT_BYTES
