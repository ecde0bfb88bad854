"""Judging a tool call on paper: classification, the grant's environment and the policy, without a token.

What only a running firewall knows stays out: its own reach, limits, approvals, a token's tools and caps.
"""

from dataclasses import dataclass

from firewall.classify.context import Context
from firewall.classify.tool import actions_of
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.call import ToolCall
from firewall.core.decide import combine
from firewall.core.effect import Effect, ordered
from firewall.core.reason import Reason
from firewall.core.verdict import Deny, Verdict
from firewall.policy.people import Requester
from firewall.policy.snapshot import Explanation, Snapshot

DEFAULT_ROLE = "coding-agent"


@dataclass(frozen=True, slots=True)
class Scene:
    """From where a call is judged; empty fields are not known."""

    environment: str = ""
    """The grant's environment; empty: any, so no action lies outside the grant."""
    workspace: str = ""
    role: str = DEFAULT_ROLE
    home: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came out: one explanation per action, and the verdict of the whole call."""

    verdict: Verdict
    actions: tuple[Action, ...]
    explanations: tuple[Explanation, ...]

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All effects of all actions, strictest first."""
        return ordered(effect for action in self.actions for effect in action.effects)

    @property
    def deciding(self) -> Explanation:
        """The explanation of the action that decided."""
        rows = [item for item in self.explanations if item.verdict.row == self.verdict.row]
        same = [item for item in rows if type(item.verdict) is type(self.verdict)]
        return (same or rows or list(self.explanations))[0]


def attempt(snapshot: Snapshot, call: ToolCall, scene: Scene) -> Trial:
    """Judge a call as the guard would, as far as policies go."""
    context = Context(
        workspace=scene.workspace,
        cwd="",
        home=scene.home,
        environments=snapshot.environments,
        catalogue=snapshot.catalogue,
    )
    actions = tuple(actions_of(call, context))
    explanations = tuple(_explain(snapshot, action, scene) for action in actions)
    return Trial(combine(item.verdict for item in explanations), actions, explanations)


def _explain(snapshot: Snapshot, action: Action, scene: Scene) -> Explanation:
    if scene.environment and action.environment not in (LOCAL, UNRESOLVED, scene.environment):
        detail = f"lands in {action.environment}, outside the grant for {scene.environment}"
        return Explanation(Deny(Reason.GRANT_ENVIRONMENT, detail=detail), "", "", ())
    requester = Requester(grant_environment=scene.environment)
    return snapshot.explain(action, roles=frozenset({scene.role}), requester=requester)
