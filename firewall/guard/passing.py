"""Letting a call pass, or not: an answer's entries are durable before the caller hears it. Decides nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Never

from firewall.classify.tool import sessions_after
from firewall.core.bucket import overdrawn
from firewall.core.call import CallForm
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.verdict import Deny, Verdict
from firewall.core.work import Committed, Record, Take, Unit, Unmet, unit_of
from firewall.guard import handed
from firewall.guard.announced import Announcements
from firewall.guard.answer import Answer, Go, Stop, go
from firewall.guard.hearing import HookWatch
from firewall.guard.judge import Judge
from firewall.guard.judgement import Judgement
from firewall.guard.outcomes import Outcomes
from firewall.guard.proposing import TOLD
from firewall.guard.requester import Requester
from firewall.guard.sessions import SessionMemory


class Passing:
    """Writes what becomes of calls, and remembers those that passed."""

    def __init__(
        self,
        sequencer: Sequencer,
        clock: Clock,
        *,
        judge: Judge,
        sessions: SessionMemory,
        announcements: Announcements,
        hooks: HookWatch,
    ) -> None:
        self._sequencer = sequencer
        self._clock = clock
        self._judge = judge
        self._sessions = sessions
        self._announcements = announcements
        self._hooks = hooks
        self._outcomes = Outcomes(sequencer)

    async def go(self, judgement: Judgement, requester: Requester, takes: tuple[Take, ...] = ()) -> Answer:
        """Release what is permitted, with what it draws. Raises: LimitError, StoreError."""
        steps = (*takes, *handed.destructive_budget(judgement, requester))
        records = (*handed.judged(judgement, requester), handed.released(judgement, requester))
        outcome = await self._sequencer.submit(unit_of(records=records, steps=steps))
        if isinstance(outcome, Committed):
            return self.gone(judgement, requester, outcome.seqs[0])
        if outcome.step < len(takes):
            await self._overdrawn(outcome, requester)
        return await self.used_up(judgement, requester)

    def gone(self, judgement: Judgement, requester: Requester, entry: int, *, approval: str = "") -> Go:
        """Note a call whose release is durable."""
        self._outcomes.released(requester, judgement.call.id or judgement.call.name, entry)
        self._take_note(judgement, requester, entry)
        self._hooks.released(requester, judgement.call, judgement.effects)
        return go(entry, approval, judgement.effects)

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

    async def used_up(self, judgement: Judgement, requester: Requester, *, approval: str = "") -> Stop:
        """Refuse what the hourly budget does not allow; an approval stays usable until its own time is over."""
        verdict = Deny(Reason.LIMIT_DESTRUCTIVE, detail="the hourly budget of destructive actions is used up")
        return await self.stop(
            judgement, requester, verdict, approval=approval, more=(handed.limited(judgement, requester),)
        )

    async def stop(
        self,
        judgement: Judgement,
        requester: Requester,
        verdict: Verdict,
        *,
        approval: str = "",
        more: tuple[Record, ...] = (),
    ) -> Stop:
        """Refuse a call; `approval`: what people were asked about it. Raises: StoreError."""
        refused = replace(judgement, verdict=verdict)
        records = handed.judged(refused, requester, approval=approval)
        outcome = await self._sequencer.submit(Unit(records=(*records, *more)))
        first = judgement.first if verdict.reason in TOLD else ()
        return Stop(handed.first(outcome.seqs), verdict, approval, first)

    async def draw(self, takes: tuple[Take, ...], requester: Requester) -> None:
        """Take one request from every bucket. Raises: LimitError, recorded as `limit.hit`."""
        outcome = await self._sequencer.submit(Unit(steps=takes))
        if isinstance(outcome, Unmet):
            await self._overdrawn(outcome, requester)

    async def _overdrawn(self, unmet: Unmet, requester: Requester) -> Never:
        facts = {"limit": "requests", "gate": requester.gate, "token": requester.token_id}
        record = Record(kind="limit.hit", data=facts, principal=requester.principal)
        await self._sequencer.submit(Unit(records=(record,)))
        raise overdrawn(unmet.retry_after_us)

    def finished(self, requester: Requester, reported: Sequence[tuple[str, bool]]) -> None:
        """Record what an agent reports of released calls: (call id or name, is error). Nothing is waited for."""
        self._outcomes.finished(requester, reported)
        self._hooks.reported(requester, [call_id for call_id, _ in reported])

    def were_released(self, requester: Requester, call_ids: Sequence[str]) -> bool:
        """Tell whether this agent was let make all of these calls, as far as is remembered."""
        return self._outcomes.were_released(requester.principal, call_ids)
