"""The one door: `judge` turns a tool call into a verdict, records it, and only then answers (DESIGN 5).

Order: our own reach, token, grant, policy, obligations; an ask then looks for an unused approval of exactly this
call, otherwise one is opened. Releasing repeats all of it under the newest snapshot; the vote replaces only the
ask. Consumption and the release entry are durable before the caller hears "go".

FAIL-CLOSED: whatever raises while a call is being understood or judged becomes a deny with its own reason code.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Protocol

from firewall.approvals.service import Approvals, Wanted
from firewall.classify.context import Context
from firewall.classify.tool import actions_of, bound_arguments, sessions_after
from firewall.core.action import Action
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.bucket import per_hour
from firewall.core.call import ToolCall
from firewall.core.decide import combine
from firewall.core.digest import call_digest
from firewall.core.effect import Effect
from firewall.core.errors import ApprovalError
from firewall.core.grant import breach, permits_target
from firewall.core.ids import principal_of
from firewall.core.ports import Clock, Sequencer
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec
from firewall.core.verdict import Allow, Ask, Deny, Verdict, strictness
from firewall.core.work import Committed, Record, Step, Take, Unit
from firewall.guard.foreign import FirstSeen, Foreign, Known, foreign_in, is_use, nobody
from firewall.guard.judgement import Judgement
from firewall.guard.outcomes import Outcomes
from firewall.guard.ports import Files, Rules
from firewall.guard.reach import Territory, touches
from firewall.guard.requester import Requester
from firewall.guard.sessions import SessionMemory
from firewall.guard.understanding import understood
from firewall.policy.people import Requester as PolicyRequester

log = logging.getLogger("stayhand.guard")
_HOME_MARKS = ("~", "HOME", "\\u007e", "\\u007E")


@dataclass(frozen=True, slots=True)
class Go:
    """Released: the effect may start."""

    entry: int
    approval: str = ""
    effects: tuple[Effect, ...] = ()
    """What it was judged to do, strictest first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Held: people have been asked."""

    entry: int
    approval: Approval
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Stop:
    """Refused; `verdict` says why."""

    entry: int
    verdict: Verdict
    approval: str = ""


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
    ) -> None:
        self._rules = rules
        self._territory = territory
        self._approvals = approvals
        self._sequencer = sequencer
        self._clock = clock
        self._files = files
        self._is_live = is_live
        self._observe = observe
        self._targets = targets or {}
        self._known = known
        self._outcomes = Outcomes(sequencer)
        self._sessions = SessionMemory()

    async def judge(self, call: ToolCall, requester: Requester, *, first_seen: FirstSeen | None = None) -> Answer:
        """Judge a call, record the verdict, and say go, wait or stop.

        `first_seen` is asked only where the call holds a credential that we did not issue.
        Raises: StoreError when nothing could be recorded; the gate then answers 503 and releases nothing.
        """
        started = perf_counter()
        judgement = self.consider(call, requester)
        seconds = perf_counter() - started
        if judgement.foreign:
            await self._found(judgement, requester, first_seen)
        match judgement.verdict:
            case Allow():
                answer = await self._go(judgement, requester)
            case Ask():
                answer = await self._ask(judgement, requester)
            case Deny():
                answer = await self._stop(judgement, requester, judgement.verdict)
        self._observe(judgement, requester, answer, seconds=seconds)
        return answer

    def finished(self, requester: Requester, reported: Sequence[tuple[str, bool]]) -> None:
        """Record what an agent reports of released calls: (call id or name, is error). Nothing is waited for."""
        self._outcomes.finished(requester, reported)

    async def release(self, held: Wait, requester: Requester) -> Answer:
        """Judge a held call again and consume its approval; call it when the approval was decided or timed out.

        A vote replaces only the ask: a deny stays a deny, and another digest (another policy row, another file)
        asks anew.
        """
        started = perf_counter()
        approval = self._approvals.get(held.approval.id)
        fresh = self.consider(held.judgement.call, requester)
        seconds = perf_counter() - started
        answer = await self._release(fresh, requester, approval)
        self._observe(fresh, requester, answer, seconds=seconds)
        return answer

    async def _release(self, fresh: Judgement, requester: Requester, approval: Approval) -> Answer:
        if approval.status is not ApprovalStatus.APPROVED:
            return await self._stop(fresh, requester, _unapproved(approval), approval=approval.id)
        match fresh.verdict:
            case Deny():
                return await self._stop(fresh, requester, fresh.verdict, approval=approval.id)
            case Allow():
                return await self._go(fresh, requester)
            case Ask() if fresh.digest == approval.digest:
                return await self._consume(fresh, requester, approval)
            case Ask():
                return await self._ask(fresh, requester)

    def consider(self, call: ToolCall, requester: Requester) -> Judgement:
        """Understand and judge a call without recording anything; never raises."""
        rules = self._rules()
        try:
            return self._consider(call, requester, rules)
        except Exception as error:  # noqa: BLE001 - FAIL-CLOSED: whatever gave up, the answer is no
            # What a foreign error says may quote the call: its type and place are logged, never its text.
            log.error("judging failed: %s at %s", type(error).__name__, _place_of(error))  # noqa: TRY400 - no traceback
            action = Action(
                operation="unknown:",
                tool=call.name,
                resource="unknown:",
                environment="unresolved",
                effects=(Effect.UNKNOWN,),
                summary="could not be understood",
            )
            verdict = Deny(Reason.CLASSIFY_FAILED, detail=type(error).__name__)
            return Judgement(call, (action,), verdict, action, "", rules.digest)

    def _consider(self, call: ToolCall, requester: Requester, rules: Rules) -> Judgement:
        grant = requester.grant
        context = self._context(requester, rules)
        actions, context, files = understood(call, context, self._files)
        raw = call.arguments.decode("utf-8", errors="backslashreplace")
        touched = self._touched(call, actions, context, raw)
        foreign = foreign_in(call, rules.catalogue, self._known)
        used = foreign if foreign and is_use(call, rules.catalogue) else ()
        verdicts = self._verdicts(actions, touched, used, requester, rules=rules)
        verdict = combine(verdicts)
        deciding = _deciding(actions, verdicts, verdict)
        rows = sorted(
            {f"{one.row} {_obligations(one)}" for one in verdicts if strictness(one) == strictness(verdict)}
        )
        digest = call_digest(
            principal=requester.principal,
            session=requester.session,
            target=deciding.target,
            arguments=bound_arguments(call, context),
            workspace=grant.workspace,
            actions=actions,
            files=files,
            tool_schema=call.schema,
            rows=[rules.row(verdict.row), *rows],
        )
        row = rules.row(verdict.row)
        return Judgement(call, actions, verdict, deciding, digest, rules.digest, row, foreign)

    def _context(self, requester: Requester, rules: Rules) -> Context:
        """Return what the call of a requester is understood with."""
        return Context(
            workspace=requester.grant.workspace,
            cwd="",
            home=requester.home,
            environments=rules.environments,
            catalogue=rules.catalogue,
            targets=self._targets,
            sessions=self._sessions.of(requester),
        )

    def _take_note(self, judgement: Judgement, requester: Requester) -> None:
        """Note what a released call opens or types, and that it was released."""
        context = self._context(requester, self._rules())
        self._sessions.keep(requester, sessions_after(judgement.call, judgement.actions, context))

    def _touched(self, call: ToolCall, actions: Sequence[Action], context: Context, raw: str) -> str:
        """Say how a call touches the firewall; a home that nobody knows might be ours, so ours is tried too."""
        candidates = list(actions)
        if not context.home and any(mark in raw for mark in _HOME_MARKS):
            candidates += actions_of(call, replace(context, home=self._territory.home))
        return next(filter(None, (touches(self._territory, action, raw) for action in candidates)), "")

    def _verdicts(
        self,
        actions: Sequence[Action],
        touched: str,
        used: Sequence[Foreign],
        requester: Requester,
        *,
        rules: Rules,
    ) -> list[Verdict]:
        """Ask each question of all actions before the next one: what comes first speaks for the whole call."""
        if touched:
            return [Deny(Reason.OWN_REACH, detail=touched) for _ in actions]
        if not self._is_live(requester):
            return [Deny(Reason.GRANT_TOKEN, detail="the token was revoked or has expired") for _ in actions]
        if used:
            detail = f"a credential that this firewall did not issue ({used[0].rule}, in {used[0].where})"
            return [Deny(Reason.CREDENTIAL_FOREIGN, detail=detail) for _ in actions]
        return [self._verdict(action, requester, rules) for action in actions]

    def _verdict(self, action: Action, requester: Requester, rules: Rules) -> Verdict:
        spec = self._targets.get(action.target)
        if spec is not None and not permits_target(requester.grant, spec):
            return Deny(Reason.GRANT_TARGET, detail=f"outside the grant: {action.summary}")
        outside = breach(requester.grant, action)
        if outside is not None:
            return Deny(outside, detail=f"outside the grant: {action.summary}")
        asking = PolicyRequester(
            owner=requester.grant.owner,
            agent=requester.grant.agent,
            grant_environment=requester.grant.environment,
        )
        return rules.verdict(action, roles=frozenset({requester.grant.role}), requester=asking)

    async def _go(self, judgement: Judgement, requester: Requester) -> Answer:
        steps = self._destructive_budget(judgement, requester)
        records = (
            self._record("tool.judged", judgement, requester),
            self._released(judgement, requester),
        )
        outcome = await self._sequencer.submit(Unit(records=records, steps=steps))
        if isinstance(outcome, Committed):
            self._outcomes.released(requester, judgement.call.id or judgement.call.name, outcome.seqs[0])
            self._take_note(judgement, requester)
            return Go(outcome.seqs[0], effects=judgement.effects)
        return await self._used_up(judgement, requester)

    async def _ask(self, judgement: Judgement, requester: Requester) -> Answer:
        usable = self._approvals.usable(requester.principal, judgement.digest)
        if usable is not None and usable.digest == judgement.digest:
            return await self._consume(judgement, requester, usable)
        if judgement.is_too_large:
            return await self._stop(judgement, requester, Deny(Reason.APPROVAL_TOO_LARGE))
        outcome = await self._sequencer.submit(Unit(records=(self._record("tool.judged", judgement, requester),)))
        try:
            approval = await self._approvals.open(self._wanted(judgement, requester))
        except ApprovalError as error:  # nobody can be asked: the log must not end with an open question
            return await self._stop(judgement, requester, Deny(Reason.APPROVAL_CANCELLED, detail=error.public))
        return Wait(_first(outcome.seqs), approval, judgement)

    async def _consume(self, judgement: Judgement, requester: Requester, approval: Approval) -> Answer:
        step, consumed = self._approvals.consume_step(approval)
        unit = Unit(
            records=(
                self._record("tool.judged", judgement, requester, approval=approval.id),
                consumed,
                self._released(judgement, requester, approval=approval.id),
            ),
            steps=(step, *self._destructive_budget(judgement, requester)),
        )
        outcome = await self._sequencer.submit(unit)
        if isinstance(outcome, Committed):
            self._outcomes.released(requester, judgement.call.id or judgement.call.name, outcome.seqs[0])
            self._take_note(judgement, requester)
            return Go(outcome.seqs[0], approval.id, judgement.effects)
        if outcome.why == "full":
            return await self._used_up(judgement, requester, approval=approval.id)
        return await self._ask(judgement, requester)

    async def _used_up(self, judgement: Judgement, requester: Requester, *, approval: str = "") -> Answer:
        """Refuse what the hourly budget does not allow; an approval stays usable until its own time is over."""
        verdict = Deny(Reason.LIMIT_DESTRUCTIVE, detail="the hourly budget of destructive actions is used up")
        return await self._stop(
            judgement, requester, verdict, approval=approval, more=(self._limited(judgement, requester),)
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
        record = self._record("tool.judged", refused, requester, approval=approval)
        outcome = await self._sequencer.submit(Unit(records=(record, *more)))
        return Stop(_first(outcome.seqs), verdict, approval)

    def _record(self, kind: str, judgement: Judgement, requester: Requester, *, approval: str = "") -> Record:
        return Record(
            kind=kind,
            data={**judgement.facts(), "gate": requester.gate, "token": requester.token_id},
            person=requester.grant.owner,
            principal=requester.principal,
            approval=approval,
            private=judgement.private(),
        )

    async def _found(self, judgement: Judgement, requester: Requester, first_seen: FirstSeen | None) -> None:
        """Record every credential that we did not issue: a keyed hash, where it stood, where it came from."""
        owner = requester.grant.owner
        is_used = judgement.verdict.reason is Reason.CREDENTIAL_FOREIGN
        records = tuple(
            Record(
                kind="credential.foreign",
                data={
                    "gate": requester.gate,
                    "token": requester.token_id,
                    "rule": one.rule,
                    "credential": self._sequencer.pseudonym(f"{owner}/credential {one.digest}"),
                    "used": is_used,
                },
                person=owner,
                principal=requester.principal,
                private={
                    "tool": judgement.call.name,
                    "where": one.where,
                    "first_seen": first_seen(one.value.reveal()) if first_seen else "",
                },
            )
            for one in judgement.foreign
        )
        await self._sequencer.submit(Unit(records=records))

    def _released(self, judgement: Judgement, requester: Requester, *, approval: str = "") -> Record:
        return Record(
            kind="tool.released",
            data={"digest": judgement.digest, "gate": requester.gate},
            principal=requester.principal,
            approval=approval,
        )

    def _limited(self, judgement: Judgement, requester: Requester) -> Record:
        return Record(
            kind="limit.hit",
            data={"limit": "destructive_per_hour", "digest": judgement.digest, "token": requester.token_id},
            principal=requester.principal,
        )

    def _destructive_budget(self, judgement: Judgement, requester: Requester) -> tuple[Step, ...]:
        if not judgement.is_destructive:
            return ()
        return tuple(
            Take(f"destructive:{draw.key}", per_hour(draw.destructive_per_hour))
            for draw in requester.draws
            if draw.destructive_per_hour
        )

    def _wanted(self, judgement: Judgement, requester: Requester) -> Wanted:
        verdict = judgement.verdict
        if not isinstance(verdict, Ask):
            raise ApprovalError("only an ask can be opened")
        return Wanted(
            digest=judgement.digest,
            principal=principal_of(requester.grant.owner, requester.grant.agent),
            token=requester.token_id,
            session=requester.session,
            environment=judgement.environment,
            effects=tuple(effect.value for effect in judgement.effects),
            obligations=verdict.obligations,
            subject=judgement.subject(requester),
        )


def _unapproved(approval: Approval) -> Deny:
    match approval.status:
        case ApprovalStatus.DENIED:
            return Deny(Reason.APPROVAL_DENIED, detail=approval.reason)
        case ApprovalStatus.EXPIRED:
            return Deny(Reason.APPROVAL_EXPIRED)
        case ApprovalStatus.CANCELLED:
            return Deny(Reason.APPROVAL_CANCELLED)
        case _:
            return Deny(Reason.HOLD_ENDED)


def _deciding(actions: Sequence[Action], verdicts: Sequence[Verdict], verdict: Verdict) -> Action:
    """Return the action that a combined verdict is about: of the same row and strictness, else the strictest."""
    pairs = list(zip(actions, verdicts, strict=True))
    for action, one in pairs:
        if strictness(one) == strictness(verdict) and one.row == verdict.row:
            return action
    return max(pairs, key=lambda pair: strictness(pair[1]))[0]


def _obligations(verdict: Verdict) -> str:
    return verdict.obligations.text() if isinstance(verdict, Ask) else ""


def _place_of(error: BaseException) -> str:
    """Return file and line where an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "nowhere"
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _first(seqs: tuple[int, ...]) -> int:
    return seqs[0] if seqs else -1
