"""Understanding and judging one call: everything before anything is recorded (DESIGN 5).

Order: our own reach, token, foreign credentials, grant, what the named things turn out to be, policy. Things are
looked up only once nothing but the policy is left to ask.

FAIL-CLOSED: whatever raises while a call is being understood or judged becomes a deny with its own reason code.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import orjson

from firewall.classify.context import Context, context_of
from firewall.classify.tool import actions_of, bound_arguments
from firewall.core.action import Action
from firewall.core.approval import Form
from firewall.core.call import CallForm, ToolCall
from firewall.core.decide import combine
from firewall.core.digest import call_digest
from firewall.core.effect import Effect
from firewall.core.grant import breach, permits_target
from firewall.core.ids import sha256_hex
from firewall.core.ports import Clock
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec
from firewall.core.verdict import Ask, Deny, Verdict, strictness
from firewall.core.world import Finding
from firewall.guard.announced import Announcements, undeclared
from firewall.guard.claims import claimed
from firewall.guard.foreign import Known, foreign_in, is_use
from firewall.guard.judgement import Judgement, judgement_of
from firewall.guard.named import found_out
from firewall.guard.placing import of_action, placed, refusal
from firewall.guard.ports import Files, Rules, World
from firewall.guard.proposing import TOLD, proposed
from firewall.guard.reach import Territory, touches
from firewall.guard.read import Read, read_of
from firewall.guard.requester import Requester
from firewall.guard.sessions import SessionMemory
from firewall.guard.understanding import understood
from firewall.policy.people import requester_of as policy_requester

log = logging.getLogger("stayhand.guard")
_HOME_MARKS = ("~", "HOME", "\\u007e", "\\u007E")


class Judge:
    """Judges under the rules in force; records nothing."""

    def __init__(
        self,
        *,
        rules: Callable[[], Rules],
        territory: Territory,
        files: Files,
        is_live: Callable[[Requester], bool],
        targets: Mapping[str, TargetSpec],
        known: Known,
        world: World | None,
        sessions: SessionMemory,
        announcements: Announcements,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._territory = territory
        self._files = files
        self._is_live = is_live
        self._targets = targets
        self._known = known
        self._world = world
        self._sessions = sessions
        self._announcements = announcements
        self._clock = clock

    def consider(self, call: ToolCall, requester: Requester) -> Judgement:
        """Understand and judge a call without looking anything up or recording anything; never raises."""
        rules = self._rules()
        try:
            return self._decided(self._read(call, requester, rules), ())
        except Exception as error:  # noqa: BLE001 - FAIL-CLOSED: whatever gave up, the answer is no
            return _failed(call, error, rules)

    def mark(self, call: ToolCall, requester: Requester) -> str:
        """Return a digest of a call as it was made: by whom, of which server, with which arguments."""
        made = [
            requester.principal,
            requester.session,
            call.served.identity if call.served is not None else "",
            call.name,
            call.schema,
            sha256_hex(bound_arguments(call, self.context(requester))),
        ]
        return sha256_hex(orjson.dumps(made))

    async def considered(self, call: ToolCall, requester: Requester) -> Judgement:
        """Do the same with what a request to a target or a tool of a server names looked up; never raises."""
        is_named = call.form is CallForm.REQUEST or (call.served is not None and bool(call.served.lookups))
        if self._world is None or not is_named:
            return self.consider(call, requester)
        rules = self._rules()
        try:
            read = self._read(call, requester, rules)
            return self._decided(read, await self._found_out(read))
        except Exception as error:  # noqa: BLE001 - FAIL-CLOSED: whatever gave up, the answer is no
            return _failed(call, error, rules)

    async def _found_out(self, read: Read) -> tuple[Finding, ...]:
        """Look up what a call names, once nothing but the policy is left to ask."""
        is_named = any(action.things for action in read.actions)
        if self._world is None or not is_named or self._refused(read) is not None:
            return ()
        if any(self._outside(action, read.requester) is not None for action in read.actions):
            return ()
        return await found_out(self._world, read)

    def _read(self, call: ToolCall, requester: Requester, rules: Rules) -> Read:
        """Understand a call, and look for what stops it whatever the policy says."""
        context = self.context(requester, rules)
        actions, context, files = understood(call, context, self._files)
        if requester.cwd or requester.environment:
            more, read_there = claimed(call, context, self._files, requester, known=actions)
            actions, files = (*actions, *more), {**read_there, **files}
        raw = call.arguments.decode("utf-8", errors="backslashreplace")
        touched = self._touched(call, actions, context, raw)
        foreign = foreign_in(call, rules.catalogue, self._known)
        used = foreign if foreign and is_use(call, rules.catalogue) else ()
        bound = bound_arguments(call, context)
        return read_of(call, requester, rules, actions, files, bound, touched, foreign, used)

    def _decided(self, read: Read, findings: tuple[Finding, ...]) -> Judgement:
        """Judge what was understood, with what was found out about the things that it names."""
        call, requester, rules = read.call, read.requester, read.rules
        actions, verdicts = self._verdicts(read, findings)
        plain = verdicts
        declaration = self._announcements.declared(requester, read.actions, now_us=self._clock.now_us())
        if declaration.is_undeclared:
            actions, verdicts = self._verdicts(replace(read, actions=undeclared(read.actions)), findings)
        verdict = combine(verdicts)
        deciding = _deciding(actions, verdicts, verdict)
        bound, *others = _bound_rows(plain, verdicts, verdict)
        rows = [rules.row(bound), *others]

        def digest(actions: Sequence[Action], world: Sequence[object]) -> str:
            return call_digest(
                principal=requester.principal,
                session=requester.session,
                target=deciding.target or (call.served.identity if call.served is not None else ""),
                arguments=read.bound,
                workspace=requester.grant.workspace,
                actions=actions,
                files=read.files,
                tool_schema=call.schema,
                rows=rows if world or not findings else [],
                world=world,
            )

        row = rules.row(verdict.row)
        whole = digest(actions, sorted((one.state() for one in findings), key=str) if findings else ())
        base = digest(read.actions, ()) if findings else whole
        return judgement_of(
            call,
            actions,
            verdict,
            deciding,
            whole,
            rules.digest,
            row,
            read.foreign,
            findings=findings,
            base=base,
            also_texts=tuple([rules.row(ref) for ref in verdict.also]) if isinstance(verdict, Ask) else (),
            declaration=declaration,
            forms=self._proposed(call, verdict, actions, findings=findings, rules=rules),
            bound=read.bound,
            files=frozenset(read.files.items()),
        )

    def _proposed(
        self,
        call: ToolCall,
        verdict: Verdict,
        actions: Sequence[Action],
        *,
        findings: Sequence[Finding],
        rules: Rules,
    ) -> tuple[Form, ...]:
        """Return what could be done first or instead, where saying so says nothing of the world."""
        if verdict.reason not in TOLD:
            return ()
        return proposed(call, actions, findings, rules=rules, targets=self._targets)

    def context(self, requester: Requester, rules: Rules | None = None) -> Context:
        """Return what the call of a requester is understood with."""
        rules = rules or self._rules()
        return context_of(
            workspace=requester.grant.workspace,
            cwd="",
            home=requester.home,
            environments=rules.environments,
            catalogue=rules.catalogue,
            targets=self._targets,
            sessions=self._sessions.of(requester),
        )

    def _touched(self, call: ToolCall, actions: Sequence[Action], context: Context, raw: str) -> str:
        """Say how a call touches the firewall; a home that nobody knows might be ours, so ours is tried too."""
        candidates = list(actions)
        # What a request to a server does has nothing to do with anybody's home.
        may_be_at_home = not context.home and call.form is not CallForm.REQUEST
        if may_be_at_home and any(mark in raw for mark in _HOME_MARKS):
            candidates += actions_of(call, replace(context, home=self._territory.home))
        for action in candidates:
            if said := touches(self._territory, action, raw):
                return said
        return ""

    def _verdicts(self, read: Read, findings: Sequence[Finding]) -> tuple[tuple[Action, ...], list[Verdict]]:
        """Ask each question of all actions before the next one: what comes first speaks for the whole call."""
        refused = self._refused(read)
        if refused is not None:
            return read.actions, [refused for _ in read.actions]
        if not findings:
            return read.actions, [self._by_rules(action, read) for action in read.actions]
        found = {one.thing: one for one in findings}
        judged = [self._judged(action, of_action(action, found), read) for action in read.actions]
        return tuple(action for action, _ in judged), [verdict for _, verdict in judged]

    def _by_rules(self, action: Action, read: Read) -> Verdict:
        """Judge one action of which nothing was found out."""
        stopped = self._outside(action, read.requester)
        return stopped if stopped is not None else self._by_policy(action, read.requester, read.rules)

    def _judged(self, action: Action, findings: Sequence[Finding], read: Read) -> tuple[Action, Verdict]:
        """Judge one action; return it as it was judged."""
        requester = read.requester
        stopped = self._outside(action, requester)
        if stopped is None and findings:
            stopped = _elsewhere(action, findings, requester)
        if stopped is not None:
            return action, stopped
        leads = self._targets.get(action.target) or read.call.served
        if findings and leads is not None:
            action = placed(action, findings, requester.grant.environment, leads)
        return action, self._by_policy(action, requester, read.rules)

    def _refused(self, read: Read) -> Deny | None:
        """Say what stops the whole call, whatever its actions."""
        if read.touched:
            return Deny(Reason.OWN_REACH, detail=read.touched)
        if not self._is_live(read.requester):
            return Deny(Reason.GRANT_TOKEN, detail="the token was revoked or has expired")
        if read.used:
            first = read.used[0]
            detail = f"a credential that this firewall did not issue ({first.rule}, in {first.where})"
            return Deny(Reason.CREDENTIAL_FOREIGN, detail=detail)
        return None

    def _outside(self, action: Action, requester: Requester) -> Deny | None:
        """Say why an action lies outside the grant, as far as the request itself shows."""
        spec = self._targets.get(action.target)
        if spec is not None and not permits_target(requester.grant, spec):
            return Deny(Reason.GRANT_TARGET, detail=f"outside the grant: {action.summary}")
        reason = breach(requester.grant, action)
        if reason is None:
            return None
        if reason is Reason.GRANT_ENVIRONMENT and action.target:
            reason = Reason.GRANT_UNKNOWN  # which of both it is, is not told
        return Deny(reason, detail=f"outside the grant: {action.summary}")

    def _by_policy(self, action: Action, requester: Requester, rules: Rules) -> Verdict:
        grant = requester.grant
        asking = _asking(grant.owner, grant.agent, grant.environment)
        return rules.verdict(action, roles=_only(grant.role), requester=asking)


_asking = lru_cache(maxsize=256)(policy_requester)
"""Who asks, put together once for all calls of an agent."""


@lru_cache(maxsize=64)
def _only(role: str) -> frozenset[str]:
    return frozenset((role,))


def _elsewhere(action: Action, findings: Sequence[Finding], requester: Requester) -> Deny | None:
    """Say that what an action names lies elsewhere, or is not known to exist: the same answer for both."""
    why = refusal(action, findings, requester.grant.environment)
    return Deny(Reason.GRANT_UNKNOWN, detail=why) if why else None


def _failed(call: ToolCall, error: Exception, rules: Rules) -> Judgement:
    """Return the deny for a call that could not be understood or judged."""
    # What a foreign error says may quote the call: its type and place are logged, never its text.
    log.error("judging failed: %s at %s", type(error).__name__, _place_of(error))
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


def _deciding(actions: Sequence[Action], verdicts: Sequence[Verdict], verdict: Verdict) -> Action:
    """Return the action that a combined verdict is about: of the same row and strictness, else the strictest."""
    if len(actions) == 1:
        return actions[0]
    pairs = list(zip(actions, verdicts, strict=True))
    for action, one in pairs:
        if strictness(one) == strictness(verdict) and one.row == verdict.row:
            return action
    return max(pairs, key=lambda pair: strictness(pair[1]))[0]


def _bound_rows(plain: Sequence[Verdict], verdicts: Sequence[Verdict], now: Verdict) -> list[str]:
    """Return the deciding row, then the rows that an approval is bound to with their obligations.

    `now` is what `verdicts` are together. Whether a request was announced changes from one try to the next: where
    people are asked anyway, and with the same obligations, the rows that ask for that reason alone are left out,
    so that an approval still fits.
    """
    if plain is verdicts and len(verdicts) == 1:  # one action, and nothing else was asked about it
        return [now.row, f"{verdicts[0].row} {_obligations(verdicts[0])}"]
    before = now if plain is verdicts else combine(plain)
    same = isinstance(before, Ask) and isinstance(now, Ask) and _obligations(before) == _obligations(now)
    bound, verdict = (plain, before) if same else (verdicts, now)
    strictest = {f"{one.row} {_obligations(one)}" for one in bound if strictness(one) == strictness(verdict)}
    return [verdict.row, *sorted(strictest)]


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
