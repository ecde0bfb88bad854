"""Who may read what led to a held call, and the entry that says that somebody did.

INVARIANT: nothing is opened before its reading is durable; whoever could not answer the approval, and is neither
auditor nor admin, is shown nothing; nor is whoever came by a personal link.
"""

from enum import StrEnum

from firewall.approvals import records
from firewall.approvals.book import Book
from firewall.approvals.people import Approver
from firewall.core.approval import Approval
from firewall.core.conversation import Kept
from firewall.core.errors import ApprovalError
from firewall.core.ports import ApprovalStore, Sequencer
from firewall.core.work import Unit

_READS_ALL = frozenset({"auditor", "admin"})


class Standing(StrEnum):
    """What somebody is offered."""

    NOT_YOURS = "not_yours"
    NONE = "none"
    """No conversation is known."""
    OFFERED = "offered"


class Conversations:
    """What was said before calls that people were asked about."""

    def __init__(self, book: Book, *, sequencer: Sequencer, store: ApprovalStore) -> None:
        self._book = book
        self._sequencer = sequencer
        self._store = store

    def standing(self, approval: Approval, by: Approver) -> Standing:
        """Tell what somebody is offered beside an approval; nothing is opened. Raises: StoreError."""
        if not self._may_read(approval, by):
            return Standing.NOT_YOURS
        return Standing.OFFERED if self._store.has_conversation(approval.id) else Standing.NONE

    async def read(self, approval: Approval, by: Approver) -> Kept:
        """Return what led to an approval; that somebody reads it is an entry first.

        Raises: ApprovalError `conversation_refused` (403), `conversation_unknown` (404); StoreError.
        """
        if not self._may_read(approval, by):
            raise ApprovalError(
                "only those who may answer this, auditors and admins read what led to it",
                code="conversation_refused",
                status=403,
            )
        kept = self._store.conversation(approval.id)
        if kept is None:
            raise ApprovalError("nothing is known of what led to this", code="conversation_unknown", status=404)
        record = records.conversation_read(approval, by, sha256=kept.sha256)
        await self._sequencer.submit(Unit(records=(record,)))
        return kept

    def _may_read(self, approval: Approval, by: Approver) -> bool:
        if by.auth == "link":
            return False
        return by.role in _READS_ALL or self._book.may_decide(approval, by) is None
