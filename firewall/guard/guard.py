"""The one door: `judge` turns a tool call into a verdict, records it, and only then answers (DESIGN 5).

Order: our own reach, token, grant, policy, obligations; an ask then looks for an unused approval of exactly this
call, otherwise one is opened. Releasing repeats all of it under the newest snapshot; the vote replaces only the
ask. Consumption and the release entry are durable before the caller hears "go".

FAIL-CLOSED: whatever raises while a call is being understood or judged becomes a deny with its own reason code.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import perf_counter

from firewall.approvals.service import Approvals
from firewall.approvals.wanted import DeniedBeforeError
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.call import ToolCall
from firewall.core.errors import ApprovalError
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec
from firewall.core.verdict import Allow, Ask, Deny
from firewall.core.work import Take
from firewall.core.world import lost
from firewall.guard import handed
from firewall.guard.announced import Announcements
from firewall.guard.answer import Answer, Observe, Wait, unapproved
from firewall.guard.approved import Approved, Unused
from firewall.guard.asking import Asking
from firewall.guard.editing import Editing
from firewall.guard.foreign import FirstSeen, Foreign, Known, nobody
from firewall.guard.hearing import HookWatch
from firewall.guard.judge import Judge
from firewall.guard.judgement import Judgement
from firewall.guard.leading import Leading
from firewall.guard.lineage import Lineage, Told
from firewall.guard.passing import Passing
from firewall.guard.ports import Files, Rules, World
from firewall.guard.reach import Territory
from firewall.guard.releases import Release
from firewall.guard.requester import Requester
from firewall.guard.sessions import SessionMemory


class Guard:
    """Judges every tool call of every gate."""

    def __init__(
        self,
        *,
        rules: Callable[[], Rules],
        territory: Territory,
        approvals: Approvals,
        sequencer: Sequencer,
        clock: Clock,
        files: Files,
        is_live: Callable[[Requester], bool],
        observe: Observe,
        targets: Mapping[str, TargetSpec] | None = None,
        known: Known = nobody,
        world: World | None = None,
        hooked: Collection[str] = (),
    ) -> None:
        """Wire the door; `world` looks up what ids of requests to targets name, where resolvers are configured.

        `hooked`: agents whose hooks must be heard.
        """
        self._approvals = approvals
        self._observe = observe
        self._rules = rules
        self._lineage = Lineage(sequencer, known)
        sessions = SessionMemory()
        self._announcements = Announcements()
        self.hooks = HookWatch(sequencer, hooked)
        """What was heard of agents' hooks."""
        self.leading = Leading(lambda: rules().catalogue.credentials, known, clock)
        """What was said before calls that people are asked about."""
        self.editing = Editing(approvals, self.considered)
        """Forms that approvers write in place of held calls."""
        self._judge = Judge(
            rules=rules,
            territory=territory,
            files=files,
            is_live=is_live,
            targets=targets or {},
            known=known,
            world=world,
            sessions=sessions,
            announcements=self._announcements,
            clock=clock,
        )
        self._passing = Passing(
            sequencer,
            clock,
            judge=self._judge,
            sessions=sessions,
            announcements=self._announcements,
            hooks=self.hooks,
        )
        self._approved = Approved(approvals, sequencer, rules=rules, clock=clock)
        self._asking = Asking(approvals, sequencer, leading=self.leading, editing=self.editing)

    async def judge(
        self,
        call: ToolCall,
        requester: Requester,
        *,
        first_seen: FirstSeen | None = None,
        takes: tuple[Take, ...] = (),
        heeds_denial: bool = False,
    ) -> Answer:
        """Judge a call, record the verdict, and say go, wait or stop.

        `first_seen` is asked only where the call holds a credential that we did not issue. `takes`: what the call
        draws from buckets of requests, in the same commit as a go. `heeds_denial`: people who denied exactly this
        call are not asked again while its approval could still have been decided: its requester may not know it.
        Raises: StoreError when nothing could be recorded; the gate then answers 503 and releases nothing.
        LimitError when one of `takes` finds its bucket full; nothing but that was recorded.
        """
        started = perf_counter()
        self._announcements.hear(requester)
        judgement = await self._judge.considered(call, requester)
        seconds = perf_counter() - started
        if judgement.foreign:
            is_used = judgement.verdict.reason is Reason.CREDENTIAL_FOREIGN
            await self.found(judgement.foreign, requester, name=call.name, is_used=is_used, first_seen=first_seen)
        if takes and not isinstance(judgement.verdict, Allow):
            await self._passing.draw(takes, requester)
        match judgement.verdict:
            case Allow():
                answer = await self._go(judgement, requester, takes)
            case Ask():
                answer = await self._ask(judgement, requester, heeds_denial=heeds_denial)
            case Deny():
                answer = await self._passing.stop(judgement, requester, judgement.verdict)
        self._observe(judgement, requester, answer, seconds=seconds)
        return answer

    def finished(self, requester: Requester, reported: Sequence[tuple[str, bool]]) -> None:
        """Record what an agent reports of released calls: (call id or name, is error). Nothing is waited for."""
        self._passing.finished(requester, reported)

    def were_released(self, requester: Requester, call_ids: Sequence[str]) -> bool:
        """Tell whether this agent was let make all of these calls: what it says of others' results is made up."""
        return self._passing.were_released(requester, call_ids)

    async def release(self, held: Wait, requester: Requester) -> Answer:
        """Judge a held call again and consume its approval; call it when the approval was decided or timed out.

        A vote replaces only the ask: a deny stays a deny, and another digest (another policy row, another file)
        asks anew.
        """
        started = perf_counter()
        approval = self._approvals.get(held.approval.id)
        fresh = await self._judge.considered(held.judgement.call, requester)
        seconds = perf_counter() - started
        answer = await self._release(fresh, requester, approval)
        self._observe(fresh, requester, answer, seconds=seconds)
        return answer

    async def _release(self, fresh: Judgement, requester: Requester, approval: Approval) -> Answer:
        if approval.status is not ApprovalStatus.APPROVED:
            return await self._passing.stop(
                fresh, requester, unapproved(approval, self._approvals), approval=approval.id
            )
        if isinstance(fresh.verdict, Ask) and fresh.digest == approval.digest:
            return await self._consume(fresh, requester, approval)
        return await self._heed_verdict(fresh, requester, approval=approval.id)

    async def _again(self, call: ToolCall, requester: Requester, approval: str) -> Answer:
        """Judge anew what was approved and could not be used: it was used, or taken back, with its token even."""
        fresh = await self._judge.considered(call, requester)
        return await self._heed_verdict(fresh, requester, approval=approval)

    async def _heed_verdict(self, fresh: Judgement, requester: Requester, *, approval: str) -> Answer:
        """Do what a verdict says; `approval`: what people were asked before it."""
        match fresh.verdict:
            case Deny():
                return await self._passing.stop(fresh, requester, fresh.verdict, approval=approval)
            case Allow():
                return await self._go(fresh, requester)
            case Ask():
                return await self._ask(fresh, requester)

    def mark(self, call: ToolCall, requester: Requester) -> str:
        """Return a digest by which the same call is known again, however it is judged by then."""
        return self._judge.mark(call, requester)

    async def considered(self, call: ToolCall, requester: Requester) -> Judgement:
        """Understand and judge a call, with what it names looked up, without recording a verdict; never raises."""
        return await self._judge.considered(call, requester)

    async def _go(self, judgement: Judgement, requester: Requester, takes: tuple[Take, ...] = ()) -> Answer:
        if not judgement.declaration.use():  # another request was faster: nothing announced this one
            return await self.judge(judgement.call, requester, takes=takes)
        return await self._passing.go(judgement, requester, takes)

    async def _ask(self, judgement: Judgement, requester: Requester, *, heeds_denial: bool = False) -> Answer:
        usable = self._approved.usable(judgement, requester)
        # Of a permit, what its last use left comes first: one call that passes two gates takes one use.
        release = self._approved.left(judgement, requester) if usable is None or usable.uses > 1 else None
        if release is not None:
            return await self._follow(judgement, requester, release)
        if usable is not None:
            return await self._consume(judgement, requester, usable)
        if judgement.is_too_large:
            return await self._passing.stop(judgement, requester, Deny(Reason.APPROVAL_TOO_LARGE))
        before = self._asking.before(judgement, requester)
        if before is not None:
            if gone := lost(before.findings, judgement.findings):
                unseen = Deny(Reason.WORLD_UNSEEN, detail=f"cannot be looked at again: {', '.join(gone)}")
                return await self._passing.stop(judgement, requester, unseen, approval=before.approval)
            judgement = await self._asking.moved(judgement, before)
        try:
            return await self._asking.ask(judgement, requester, heeds_denial=heeds_denial)
        except ApprovalError as error:
            return await self._not_asked(judgement, requester, error)

    async def _not_asked(self, judgement: Judgement, requester: Requester, error: ApprovalError) -> Answer:
        """Refuse what nobody can be asked about, so that the log does not end with an open question."""
        if isinstance(error, DeniedBeforeError):
            denied = handed.denied(error.reason, error.instead)
            return await self._passing.stop(judgement, requester, denied, approval=error.approval)
        return await self._passing.stop(judgement, requester, Deny(Reason.APPROVAL_CANCELLED, detail=error.public))

    async def _consume(self, judgement: Judgement, requester: Requester, approval: Approval) -> Answer:
        match await self._approved.consume(judgement, requester, approval):
            case Unused.VOID:
                return await self._ask(judgement, requester)
            case Unused.FULL:
                return await self._passing.used_up(judgement, requester, approval=approval.id)
            case Unused.GONE:
                return await self._again(judgement.call, requester, approval.id)
            case entry:
                return self._passing.gone(judgement, requester, entry, approval=approval.id)

    async def _follow(self, judgement: Judgement, requester: Requester, release: Release) -> Answer:
        """Let pass what passed before; what no longer stands is judged anew, and may use its permit again."""
        entry = await self._approved.follow(judgement, requester, release)
        if entry is None:
            return await self._again(judgement.call, requester, release.approval)
        return self._passing.gone(judgement, requester, entry, approval=release.approval)

    async def found(
        self,
        foreign: Sequence[Foreign],
        requester: Requester,
        *,
        name: str,
        is_used: bool,
        first_seen: FirstSeen | None = None,
    ) -> None:
        """Record credentials that we did not issue in a call of `name`, and remember where they were met.

        Raises: StoreError.
        """
        await self._lineage.record(foreign, requester, name=name, is_used=is_used, first_seen=first_seen)
        for one in foreign:
            self.note(requester, one.value.reveal(), f"call of {name}")

    def note(self, requester: Requester, value: str, words: str) -> None:
        """Remember where a credential that we did not issue was met; `words` say it."""
        self._lineage.note(requester, value, words, self._rules().catalogue.credentials)

    def forget(self, owner: str) -> None:
        """Drop where an owner's agents met credentials: he was erased."""
        self._lineage.forget(owner)

    def read(self, requester: Requester, told: Told) -> Awaitable[None]:
        """Search what an agent tells its model for such credentials: recorded and remembered, never refused.

        Raises: StoreError.
        """
        return self._lineage.read(requester, told, self._rules().catalogue.credentials)
