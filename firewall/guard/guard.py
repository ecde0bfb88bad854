"""The one door: `judge` turns a tool call into a verdict, records it, and only then answers (DESIGN 5).

Order: our own reach, token, grant, policy, obligations; an ask then looks for an unused approval of exactly this
call, otherwise one is opened. Releasing repeats all of it under the newest snapshot; the vote replaces only the
ask. Consumption and the release entry are durable before the caller hears "go".

FAIL-CLOSED: whatever raises while a call is being understood or judged becomes a deny with its own reason code.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Never, Protocol

from firewall.approvals.people import UNSEEN
from firewall.approvals.service import Approvals
from firewall.approvals.wanted import DeniedBeforeError
from firewall.classify.commands import commands_of
from firewall.classify.tool import sessions_after
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.bucket import overdrawn
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import ApprovalError
from firewall.core.fast_init import fast_init, maker
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec
from firewall.core.verdict import Allow, Ask, Deny, Verdict
from firewall.core.work import Committed, HeedApproval, Record, Take, Unit, Unmet, unit_of
from firewall.core.world import changed, lost
from firewall.guard import handed
from firewall.guard.announced import Announcements
from firewall.guard.asked import Asked, AskedBefore
from firewall.guard.editing import Editing
from firewall.guard.foreign import FirstSeen, Foreign, Known, nobody
from firewall.guard.hearing import HookWatch
from firewall.guard.judge import Judge
from firewall.guard.judgement import Judgement
from firewall.guard.leading import Leading
from firewall.guard.lineage import Lineage, Told
from firewall.guard.outcomes import Outcomes
from firewall.guard.ports import Files, Rules, World
from firewall.guard.proposing import TOLD
from firewall.guard.reach import Territory
from firewall.guard.releases import HOOKS, Release, Releases
from firewall.guard.requester import Requester
from firewall.guard.sessions import SessionMemory

log = logging.getLogger("stayhand.guard")
_OPEN = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})


@fast_init
@dataclass(frozen=True, slots=True)
class Go:
    """Released: the effect may start."""

    entry: int
    approval: str = ""
    effects: tuple[Effect, ...] = ()
    """What it was judged to do, strictest first."""


go = maker(Go)
"""Makes a release."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Held: people have been asked."""

    entry: int
    approval: Approval
    judgement: Judgement
    standing: str = ""
    """How far people have come where several are asked: `1 of 2, next: dba`."""

    @property
    def stopped(self) -> "Stop":
        """What is answered where nobody waits for people any longer, or yet."""
        unanswered = Deny(Reason.HOLD_ENDED, detail=self.standing)
        return Stop(self.entry, unanswered, self.approval.id, self.judgement.first)


@dataclass(frozen=True, slots=True)
class Stop:
    """Refused; `verdict` says why."""

    entry: int
    verdict: Verdict
    approval: str = ""
    first: tuple[str, ...] = ()
    """What could be done first or instead, so that it can be taken back."""


Answer = Go | Wait | Stop


class Observe(Protocol):
    """Is told of every answer, after it is durable."""

    def __call__(self, judgement: Judgement, requester: Requester, answer: Answer, *, seconds: float) -> None:
        """Take note; must not raise."""
        ...


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
        self._sequencer = sequencer
        self._clock = clock
        self._observe = observe
        self._asked = AskedBefore()
        self._outcomes = Outcomes(sequencer)
        self._rules = rules
        self._lineage = Lineage(sequencer, known)
        self._sessions = SessionMemory()
        self._announcements = Announcements()
        self._releases = Releases()
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
            sessions=self._sessions,
            announcements=self._announcements,
            clock=clock,
        )

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
            await self._draw(takes, requester)
        match judgement.verdict:
            case Allow():
                answer = await self._go(judgement, requester, takes)
            case Ask():
                answer = await self._ask(judgement, requester, heeds_denial=heeds_denial)
            case Deny():
                answer = await self._stop(judgement, requester, judgement.verdict)
        self._observe(judgement, requester, answer, seconds=seconds)
        return answer

    def finished(self, requester: Requester, reported: Sequence[tuple[str, bool]]) -> None:
        """Record what an agent reports of released calls: (call id or name, is error). Nothing is waited for."""
        self._outcomes.finished(requester, reported)
        self.hooks.reported(requester, [call_id for call_id, _ in reported])

    def were_released(self, requester: Requester, call_ids: Sequence[str]) -> bool:
        """Tell whether this agent was let make all of these calls: what it says of others' results is made up."""
        return self._outcomes.were_released(requester.principal, call_ids)

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
            return await self._stop(fresh, requester, _unapproved(approval, self._approvals), approval=approval.id)
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
                return await self._stop(fresh, requester, fresh.verdict, approval=approval)
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

    def _take_note(self, judgement: Judgement, requester: Requester, entry: int) -> None:
        """Note what a released call opens, types and announces."""
        self._announcements.note(requester, judgement.actions, entry=entry, now_us=self._clock.now_us())
        call = judgement.call
        if (
            call.form is CallForm.REQUEST or call.served is not None
        ):  # of no agent's tool: nothing is opened or typed
            return
        context = self._judge.context(requester)
        self._sessions.keep(requester, sessions_after(call, judgement.actions, context))

    async def _draw(self, takes: tuple[Take, ...], requester: Requester) -> None:
        """Take one request from every bucket. Raises: LimitError, recorded as `limit.hit`."""
        outcome = await self._sequencer.submit(Unit(steps=takes))
        if isinstance(outcome, Unmet):
            await self._overdrawn(outcome, requester)

    async def _overdrawn(self, unmet: Unmet, requester: Requester) -> Never:
        facts = {"limit": "requests", "gate": requester.gate, "token": requester.token_id}
        record = Record(kind="limit.hit", data=facts, principal=requester.principal)
        await self._sequencer.submit(Unit(records=(record,)))
        raise overdrawn(unmet.retry_after_us)

    async def _go(self, judgement: Judgement, requester: Requester, takes: tuple[Take, ...] = ()) -> Answer:
        if not judgement.declaration.use():  # another request was faster: nothing announced this one
            return await self.judge(judgement.call, requester, takes=takes)
        steps = (*takes, *handed.destructive_budget(judgement, requester))
        records = (*handed.judged(judgement, requester), handed.released(judgement, requester))
        outcome = await self._sequencer.submit(unit_of(records=records, steps=steps))
        if isinstance(outcome, Committed):
            return self._gone(judgement, requester, outcome.seqs[0])
        if outcome.step < len(takes):
            await self._overdrawn(outcome, requester)
        return await self._used_up(judgement, requester)

    async def _ask(self, judgement: Judgement, requester: Requester, *, heeds_denial: bool = False) -> Answer:
        usable = self._approvals.usable(requester.principal, judgement.digest)
        if usable is not None and usable.digest != judgement.digest:
            usable = None
        # Of a permit, what its last use left comes first: one call that passes two gates takes one use.
        release = self._left_for(judgement, requester) if usable is None or usable.uses > 1 else None
        if release is not None:
            return await self._follow(judgement, requester, release)
        if usable is not None:
            return await self._consume(judgement, requester, usable)
        if judgement.is_too_large:
            return await self._stop(judgement, requester, Deny(Reason.APPROVAL_TOO_LARGE))
        before = self._before(judgement, requester)
        if before is not None:
            if gone := lost(before.findings, judgement.findings):
                detail = f"cannot be looked at again: {', '.join(gone)}"
                return await self._stop(
                    judgement, requester, Deny(Reason.WORLD_UNSEEN, detail=detail), approval=before.approval
                )
            judgement = await self._moved(judgement, before)
        outcome = await self._sequencer.submit(Unit(records=handed.judged(judgement, requester)))
        try:
            wanted = handed.wanted(judgement, requester, heeds_denial=heeds_denial)
            if self._approvals.would_open(wanted):  # one that is joined or refused reads nothing
                wanted = replace(wanted, led=await self.leading.of(judgement.call, requester))
            approval = await self._approvals.open(wanted)
        except ApprovalError as error:
            return await self._not_asked(judgement, requester, error)
        self.editing.note(approval.id, judgement.call, requester)
        if judgement.findings:
            self._asked.note(requester.principal, judgement.base, Asked(approval.id, judgement.findings))
        return Wait(_first(outcome.seqs), approval, judgement, self._approvals.standing(approval))

    async def _not_asked(self, judgement: Judgement, requester: Requester, error: ApprovalError) -> Answer:
        """Refuse what nobody can be asked about, so that the log does not end with an open question."""
        if isinstance(error, DeniedBeforeError):
            denied = handed.denied(error.reason, error.instead)
            return await self._stop(judgement, requester, denied, approval=error.approval)
        return await self._stop(judgement, requester, Deny(Reason.APPROVAL_CANCELLED, detail=error.public))

    def _before(self, judgement: Judgement, requester: Requester) -> Asked | None:
        """Return what people were asked about the same call, while that can still be decided or used."""
        asked = self._asked.find(requester.principal, judgement.base) if judgement.findings else None
        if asked is None:
            return None
        with suppress(ApprovalError):
            if self._approvals.get(asked.approval).status in _OPEN:
                return asked
        return None

    async def _moved(self, judgement: Judgement, before: Asked) -> Judgement:
        """Note what is another way than when people were asked; what they were asked then is withdrawn."""
        differs = changed(before.findings, judgement.findings)
        if not differs:
            return judgement
        with suppress(ApprovalError):
            await self._approvals.cancel(before.approval, why="world_changed")
        return replace(judgement, moved=differs)

    async def _consume(self, judgement: Judgement, requester: Requester, approval: Approval) -> Answer:
        heed = self._heed(approval, requester)  # before votes are counted: what changes from now on voids the use
        if not self._stands(approval):
            await self._approvals.cancel(approval.id, why="votes_void")
            return await self._ask(judgement, requester)
        judgement.declaration.use()  # people have agreed to it: whether another was faster changes nothing
        step, consumed = self._approvals.consume_step(approval)
        unit = Unit(
            records=(
                *handed.judged(judgement, requester, approval=approval.id),
                consumed,
                handed.released(judgement, requester, approval=approval.id),
            ),
            steps=(heed, step, *handed.destructive_budget(judgement, requester)),
        )
        outcome = await self._sequencer.submit(unit)
        if isinstance(outcome, Committed):
            now, entry = self._clock.now_us(), outcome.seqs[0]
            commands = commands_of(judgement.call, self._rules().catalogue)
            self._releases.leave(
                judgement,
                requester,
                approval=approval.id,
                entry=entry,
                now_us=now,
                commands=commands,
                ends_us=approval.use_before if approval.uses > 1 else None,
            )
            return self._gone(judgement, requester, entry, approval=approval.id)
        if outcome.why == "full":
            return await self._used_up(judgement, requester, approval=approval.id)
        return await self._again(judgement.call, requester, approval.id)

    def _heed(self, approval: Approval, requester: Requester) -> HeedApproval:
        """Return the step without which nothing passes: what is approved was not taken back since it was seen."""
        changes = UNSEEN if approval.uses == 1 else self._approvals.changes()
        return HeedApproval(approval.id, requester.token_id, changes)

    def _left_for(self, judgement: Judgement, requester: Requester) -> Release | None:
        """Take the release that this call left when it was approved at an earlier gate."""
        now = self._clock.now_us()
        release = self._releases.take(judgement, requester, now_us=now)
        if release is None and requester.gate == HOOKS:
            commands = commands_of(judgement.call, self._rules().catalogue)
            release = self._releases.take_command(judgement, requester, commands, now_us=now)
        return release

    def _stands(self, approval: Approval) -> bool:
        """Tell whether whoever gave a repeat permit may still decide; what passes once was given for that call."""
        if approval.uses == 1 or self._approvals.changes() == UNSEEN:
            return True
        return self._approvals.tally(approval).is_met

    async def _follow(self, judgement: Judgement, requester: Requester, release: Release) -> Answer:
        """Release what was approved where the same call passed before; its budget was drawn there.

        Whether it still stands is a condition of the very commit that lets it pass; otherwise it is judged anew,
        and may take another use of its permit.
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
                    return self._gone(judgement, requester, outcome.seqs[0], approval=release.approval)
        return await self._again(judgement.call, requester, release.approval)

    def _gone(self, judgement: Judgement, requester: Requester, entry: int, *, approval: str = "") -> Go:
        """Note a call whose release is durable."""
        self._outcomes.released(requester, judgement.call.id or judgement.call.name, entry)
        self._take_note(judgement, requester, entry)
        self.hooks.released(requester, judgement.call, judgement.effects)
        return go(entry, approval, judgement.effects)

    async def _used_up(self, judgement: Judgement, requester: Requester, *, approval: str = "") -> Answer:
        """Refuse what the hourly budget does not allow; an approval stays usable until its own time is over."""
        verdict = Deny(Reason.LIMIT_DESTRUCTIVE, detail="the hourly budget of destructive actions is used up")
        return await self._stop(
            judgement, requester, verdict, approval=approval, more=(handed.limited(judgement, requester),)
        )

    async def _stop(
        self,
        judgement: Judgement,
        requester: Requester,
        verdict: Verdict,
        *,
        approval: str = "",
        more: tuple[Record, ...] = (),
    ) -> Answer:
        refused = replace(judgement, verdict=verdict)
        records = handed.judged(refused, requester, approval=approval)
        outcome = await self._sequencer.submit(Unit(records=(*records, *more)))
        first = judgement.first if verdict.reason in TOLD else ()
        return Stop(_first(outcome.seqs), verdict, approval, first)

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

    def read(self, requester: Requester, told: Told) -> Awaitable[None]:
        """Search what an agent tells its model for such credentials: recorded and remembered, never refused.

        Raises: StoreError.
        """
        return self._lineage.read(requester, told, self._rules().catalogue.credentials)


def _unapproved(approval: Approval, approvals: Approvals) -> Deny:
    match approval.status:
        case ApprovalStatus.DENIED:
            return handed.denied(approval.reason, approval.instead)
        case ApprovalStatus.EXPIRED:
            return Deny(Reason.APPROVAL_EXPIRED)
        case ApprovalStatus.CANCELLED:
            return Deny(Reason.APPROVAL_CANCELLED)
        case _:
            return Deny(Reason.HOLD_ENDED, detail=approvals.standing(approval))


def _first(seqs: tuple[int, ...]) -> int:
    return seqs[0] if seqs else -1
