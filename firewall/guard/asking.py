"""Asking people about a call: the question, its entry, and what differs from when they were asked before."""

from contextlib import suppress
from dataclasses import replace

from firewall.approvals.service import Approvals
from firewall.core.approval import ApprovalStatus
from firewall.core.errors import ApprovalError
from firewall.core.ports import Sequencer
from firewall.core.work import Unit
from firewall.core.world import changed
from firewall.guard import handed
from firewall.guard.answer import Wait
from firewall.guard.asked import Asked, AskedBefore
from firewall.guard.editing import Editing
from firewall.guard.judgement import Judgement
from firewall.guard.leading import Leading
from firewall.guard.requester import Requester

_OPEN = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})


class Asking:
    """Opens approvals, and remembers what people were asked."""

    def __init__(self, approvals: Approvals, sequencer: Sequencer, *, leading: Leading, editing: Editing) -> None:
        self._approvals = approvals
        self._sequencer = sequencer
        self._leading = leading
        self._editing = editing
        self._asked = AskedBefore()

    def before(self, judgement: Judgement, requester: Requester) -> Asked | None:
        """Return what people were asked about the same call, while that can still be decided or used."""
        asked = self._asked.find(requester.principal, judgement.base) if judgement.findings else None
        if asked is None:
            return None
        with suppress(ApprovalError):
            if self._approvals.get(asked.approval).status in _OPEN:
                return asked
        return None

    async def moved(self, judgement: Judgement, before: Asked) -> Judgement:
        """Note what is another way than when people were asked; what they were asked then is withdrawn."""
        differs = changed(before.findings, judgement.findings)
        if not differs:
            return judgement
        with suppress(ApprovalError):
            await self._approvals.cancel(before.approval, why="world_changed")
        return replace(judgement, moved=differs)

    async def ask(self, judgement: Judgement, requester: Requester, *, heeds_denial: bool) -> Wait:
        """Record the verdict, and ask. Raises: ApprovalError where nobody can be asked; StoreError."""
        outcome = await self._sequencer.submit(Unit(records=handed.judged(judgement, requester)))
        wanted = handed.wanted(judgement, requester, heeds_denial=heeds_denial)
        if self._approvals.would_open(wanted):  # one that is joined or refused reads nothing
            wanted = replace(wanted, led=await self._leading.of(judgement.call, requester))
        approval = await self._approvals.open(wanted)
        self._editing.note(approval.id, judgement.call, requester)
        if judgement.findings:
            self._asked.note(requester.principal, judgement.base, Asked(approval.id, judgement.findings))
        return Wait(handed.first(outcome.seqs), approval, judgement, self._approvals.standing(approval))
