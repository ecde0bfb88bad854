"""The world behind targets: what requests name is looked up here, bounded in every direction, and recorded.

Per request `most_ids` ids, `timeout_s` for each, `at_once` questions at a time, `per_minute` of them, answers of a
bounded size. What exceeds a bound is unseen, which is judged by the strictest rows; nothing here raises.

INVARIANT: an answer that is kept serves what only reads, and denials.
INVARIANT: what does not exist and what lies elsewhere are asked about alike, and nothing more of either.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from firewall.classify.resolvers.finding import Known, unseen
from firewall.classify.resolvers.vendor import ThingRule
from firewall.core.action import UNRESOLVED
from firewall.core.ports import Clock, Sequencer
from firewall.core.thing import Thing
from firewall.core.work import Record, Unit
from firewall.core.world import Finding, Standing
from firewall.gates.infra.resolving.asking import Signer
from firewall.gates.infra.resolving.kept import Allowance, Kept
from firewall.gates.infra.resolving.looking import Look
from firewall.gates.infra.targets import ResolverSpec, Target
from firewall.guard.ports import Named, Rules
from firewall.guard.requester import Requester
from firewall.policy.load import COMMON
from firewall.routing.port import Upstream
from firewall.sequencer.posting import post

log = logging.getLogger("stayhand.resolvers")


@dataclass(slots=True)
class _State:
    """What is remembered of one target."""

    kept: Kept
    allowance: Allowance
    at_once: asyncio.Semaphore


class Resolvers:
    """Looks up what ids name; one instance per process."""

    def __init__(
        self,
        *,
        targets: Mapping[str, Target],
        upstream: Upstream,
        sequencer: Sequencer,
        clock: Clock,
        signer: Signer,
    ) -> None:
        self._targets = targets
        self._upstream = upstream
        self._sequencer = sequencer
        self._clock = clock
        self._signer = signer
        self._states: dict[str, _State] = {}

    async def look(self, named: Named, requester: Requester, *, rules: Rules) -> tuple[Finding, ...]:
        """Return what is known of everything that a request names; nothing where the target has no resolver."""
        target = self._targets.get(named.target)
        if target is None or target.resolver is None:
            return ()
        state = self._state(target, target.resolver)
        look = self._look(target, target.resolver, state, named, home=requester.grant.environment, rules=rules)
        wanted = {thing: _rule_of(thing, rules) for thing in named.things}
        started = perf_counter()
        try:
            found = await self._found(wanted, look, state)
        finally:
            look.end()
        self._record(target, requester, found, asked=look.asked, took_ms=int((perf_counter() - started) * 1000))
        return found

    async def _found(
        self, wanted: Mapping[Thing, ThingRule | None], look: Look, state: _State
    ) -> tuple[Finding, ...]:
        """Look at everything at once; what is beyond the limit is unseen."""
        findings: dict[Thing, Finding] = {}
        now = self._clock.now_us()
        for at, (thing, rule) in enumerate(wanted.items()):
            kept = state.kept.get(thing, now)
            if kept is not None and (not look.is_change or _denies(kept, look.home)):
                findings[thing] = kept
            elif at >= look.spec.most_ids:
                findings[thing] = unseen(rule, thing, f"more than {look.spec.most_ids} ids in one request")
        left = [(thing, rule) for thing, rule in wanted.items() if thing not in findings]
        for one in await asyncio.gather(*(look.at(thing, rule) for thing, rule in left)):
            state.kept.put(one, self._clock.now_us())
            findings[one.thing] = one
        return tuple(findings[thing] for thing in wanted)

    def _look(
        self, target: Target, spec: ResolverSpec, state: _State, named: Named, *, home: str, rules: Rules
    ) -> Look:
        places = {one.spec.environment for one in self._targets.values()}
        return Look(
            upstream=self._upstream,
            signer=self._signer,
            target=target,
            spec=spec,
            known=Known(rules.environments, frozenset(COMMON | places | set(rules.environments.names()))),
            home=home,
            is_change=named.is_fresh,
            kinds=frozenset(thing.kind for thing in named.things),
            region=named.region,
            allowance=state.allowance,
            at_once=state.at_once,
            clock=self._clock.now_us,
        )

    def _state(self, target: Target, spec: ResolverSpec) -> _State:
        found = self._states.get(target.spec.name)
        if found is None:
            found = _State(Kept(spec.cache_us), Allowance(spec.per_minute), asyncio.Semaphore(spec.at_once))
            self._states[target.spec.name] = found
        return found

    def _record(
        self, target: Target, requester: Requester, found: Sequence[Finding], *, asked: int, took_ms: int
    ) -> None:
        """Write the look's own entry. It reads with a credential that reads: nothing waits for it."""
        if not asked:
            return
        standings = [one.standing for one in found]
        record = Record(
            kind="resource.resolved",
            data={
                "gate": requester.gate,
                "token": requester.token_id,
                "questions": asked,
                "took_ms": took_ms,
                **{standing.value: standings.count(standing) for standing in Standing},
            },
            person=requester.grant.owner,
            principal=requester.principal,
            private={
                "target": target.spec.name,
                "things": [
                    {"resource": one.thing.resource, "environments": list(one.environments), "why": one.why}
                    for one in found[:50]
                ],
            },
        )
        post(self._sequencer, Unit(records=(record,)))


def _rule_of(thing: Thing, rules: Rules) -> ThingRule | None:
    vendor = next((one for one in rules.catalogue.vendors if one.provider == thing.provider), None)
    return vendor.things.get(thing.kind) if vendor is not None else None


def _denies(finding: Finding, home: str) -> bool:
    """Tell whether a finding says that a thing is elsewhere, or is not."""
    if finding.standing is Standing.UNKNOWN:
        return finding.says_where
    return bool(finding.environments) and not {home, UNRESOLVED} & set(finding.environments)
