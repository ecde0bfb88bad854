"""What people approved, as far as it lets a call pass: approvals that are consumed, and what earlier uses left.

INVARIANT: consumption and the release entry are one commit, durable before the caller hears "go"; what was taken
back meanwhile fails that very commit. Where nothing can be used, the guard judges anew: nothing here decides.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from firewall.approvals.people import UNSEEN
from firewall.approvals.service import Approvals
from firewall.classify.commands import commands_of
from firewall.core.approval import Approval
from firewall.core.errors import ApprovalError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, HeedApproval, Unit
from firewall.guard import handed
from firewall.guard.judgement import Judgement
from firewall.guard.ports import Rules
from firewall.guard.releases import HOOKS, Release, Releases
from firewall.guard.requester import Requester


class Unused(Enum):
    """Why an approval was not used."""

    VOID = "void"
    """Whoever gave a repeat permit may no longer decide; it was cancelled."""
    FULL = "full"
    """The hourly budget does not allow the call."""
    GONE = "gone"
    """It was used, or taken back, since it was seen."""


class Approved:
    """Uses what people approved."""

    def __init__(
        self, approvals: Approvals, sequencer: Sequencer, *, rules: Callable[[], Rules], clock: Clock
    ) -> None:
        self._approvals = approvals
        self._sequencer = sequencer
        self._rules = rules
        self._clock = clock
        self._releases = Releases()

    def usable(self, judgement: Judgement, requester: Requester) -> Approval | None:
        """Return an approval of exactly this call that can be used."""
        usable = self._approvals.usable(requester.principal, judgement.digest)
        return usable if usable is not None and usable.digest == judgement.digest else None

    def left(self, judgement: Judgement, requester: Requester) -> Release | None:
        """Take the release that this call left when it was approved at an earlier gate."""
        now = self._clock.now_us()
        release = self._releases.take(judgement, requester, now_us=now)
        if release is None and requester.gate == HOOKS:
            commands = commands_of(judgement.call, self._rules().catalogue)
            release = self._releases.take_command(judgement, requester, commands, now_us=now)
        return release

    async def consume(self, judgement: Judgement, requester: Requester, approval: Approval) -> int | Unused:
        """Use an approval once; return the entry of the verdict. Raises: StoreError."""
        heed = self._heed(approval, requester)  # before votes are counted: what changes from now on voids the use
        if not self._stands(approval):
            await self._approvals.cancel(approval.id, why="votes_void")
            return Unused.VOID
        judgement.declaration.use()  # people have agreed to it: whether another was faster changes nothing
        step, consumed = self._approvals.consume_step(approval)
        unit = Unit(
            records=(
                *handed.judged(judgement, requester, approval=approval.id, is_own=approval.used > 0),
                consumed,
                handed.released(judgement, requester, approval=approval.id),
            ),
            steps=(heed, step, *handed.destructive_budget(judgement, requester)),
        )
        outcome = await self._sequencer.submit(unit)
        if not isinstance(outcome, Committed):
            return Unused.FULL if outcome.why == "full" else Unused.GONE
        self._leave(judgement, requester, approval, entry=outcome.seqs[0])
        return outcome.seqs[0]

    def _leave(self, judgement: Judgement, requester: Requester, approval: Approval, *, entry: int) -> None:
        """Leave what later gates let pass of a call that used an approval."""
        self._releases.leave(
            judgement,
            requester,
            approval=approval.id,
            entry=entry,
            now_us=self._clock.now_us(),
            commands=commands_of(judgement.call, self._rules().catalogue),
            ends_us=approval.use_before if approval.uses > 1 else None,
        )

    async def follow(self, judgement: Judgement, requester: Requester, release: Release) -> int | None:
        """Use what was left where the same call passed before; its budget was drawn there.

        Whether it still stands is a condition of the very commit that lets it pass. None: it does not.
        Raises: StoreError.
        """
        records = (
            *handed.judged(judgement, requester, approval=release.approval),
            handed.released(judgement, requester, approval=release.approval, follows=release.entry),
        )
        with suppress(ApprovalError):  # FAIL-CLOSED: what is not found lets nothing pass
            approval = self._approvals.get(release.approval)
            heed = self._heed(approval, requester)
            if self._stands(approval):
                outcome = await self._sequencer.submit(Unit(records=records, steps=(heed,)))
                if isinstance(outcome, Committed):
                    return outcome.seqs[0]
        return None

    def _heed(self, approval: Approval, requester: Requester) -> HeedApproval:
        """Return the step without which nothing passes: what is approved was not taken back since it was seen."""
        changes = UNSEEN if approval.uses == 1 else self._approvals.changes()
        return HeedApproval(approval.id, requester.token_id, changes)

    def _stands(self, approval: Approval) -> bool:
        """Tell whether whoever gave a repeat permit may still decide; what passes once was given for that call."""
        if approval.uses == 1 or self._approvals.changes() == UNSEEN:
            return True
        return self._approvals.tally(approval).is_met
