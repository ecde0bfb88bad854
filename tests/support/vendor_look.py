"""The resolvers of a target as they run: real rules, a real carrier, the answer of a real server."""

import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from firewall.classify.context import Context
from firewall.classify.environments import compile_environments
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.grant import Grant
from firewall.core.outgoing import Outgoing
from firewall.core.secret import Secret
from firewall.core.target import TargetSpec
from firewall.core.world import Finding
from firewall.gates.infra.aws.sending import request_of
from firewall.gates.infra.resolving.world import Resolvers
from firewall.gates.infra.targets import ResolverSpec, Target
from firewall.guard.placing import of_action, placed, refusal
from firewall.guard.ports import Named
from firewall.guard.requester import Requester
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.snapshot import Snapshot
from firewall.routing.port import Endpoint, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from tests.support.approving import MemoryLog, StillClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@cache
def rules_with(environments: str) -> Snapshot:
    """Return the shipped policies with an environments.toml of one's own."""
    return replace(load(shipped()), environments=compile_environments(tomllib.loads(environments)))


class Signer:
    """Signs as the gate does."""

    def request(self, target: Target, outgoing: Outgoing) -> tuple[Endpoint, UpstreamRequest]:
        """Return what goes to AWS."""
        return request_of(target, outgoing)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a request."""

    findings: tuple[Finding, ...]
    environment: str
    """Where it is judged to land; empty: refused."""
    refusal: str
    action: Action
    """The action as it is judged, with what was found."""

    @property
    def said(self) -> list[str]:
        """What the approver would read."""
        return [words for one in self.findings for _, words in one.said]


async def look(
    spec: TargetSpec,
    outgoing: Outgoing,
    *,
    base: str,
    key: str,
    rules: Snapshot,
    upstream: HttpUpstream,
    timeout_s: int = 20,
    now: datetime = NOON,
) -> Seen:
    """Look up what a request of an agent of staging names, as the gate does before it judges."""
    resolver = ResolverSpec(
        key=lambda: Secret(key),
        header="authorization",
        prefix="Bearer ",
        per_minute=6000,
        at_once=4,
        most_ids=10,
        timeout_s=timeout_s,
        cache_us=0,
        max_answer_bytes=512 << 10,
    )
    target = Target(
        spec=spec,
        endpoint=Endpoint("api", base, private=True),
        header="authorization",
        prefix="Bearer ",
        key=lambda: Secret("the-targets-own"),
        raw_paths=False,
        hold_s=0,
        max_body_bytes=1 << 20,
        resolver=resolver,
    )
    call = ToolCall("req_1", f"infra/{spec.name}", outgoing.encode(), form=CallForm.REQUEST)
    context = Context("/w", "", "/h", rules.environments, rules.catalogue, targets={spec.name: spec})
    actions = actions_of(call, context)
    things = tuple(dict.fromkeys(thing for action in actions for thing in action.things))
    world = Resolvers(
        targets={spec.name: target},
        upstream=upstream,
        sequencer=MemoryLog(),
        clock=StillClock(int(now.timestamp() * 1e6)),
        signer=Signer(),
    )
    found = await world.look(
        Named(spec.name, things, outgoing.scope.partition("/")[0], is_fresh=True), _requester(now), rules=rules
    )
    assert found, "the request names nothing that a resolver knows"
    findings = of_action(actions[0], {one.thing: one for one in found})
    why = refusal(actions[0], findings, "staging")
    action = placed(actions[0], findings, "staging", spec)
    return Seen(findings, "" if why else action.environment, why, action)


def _requester(now: datetime) -> Requester:
    grant = Grant(
        environment="staging", owner="olga", agent="coder", expires_at=now + timedelta(hours=8), workspace="/w"
    )
    return Requester(token_id="tok_1", lineage=("tok_1",), draws=(), grant=grant, principal="olga/coder")
