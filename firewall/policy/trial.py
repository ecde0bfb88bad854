"""Judging a tool call, or a text of a known kind, on paper: classification, the grant's environment, the policy.

What only a running firewall knows stays out: its own reach, limits, approvals, a token's tools and caps.
"""

from dataclasses import dataclass, replace

from firewall.classify.context import Context
from firewall.classify.text import actions_of_input
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
    return judged(actions_of(call, context_of(snapshot, scene)), snapshot, scene)


def attempt_text(snapshot: Snapshot, kind: str, text: str, scene: Scene, *, dialect: str = "") -> Trial:
    """Judge a text of a kind that classification has a reader for; spans of evidence point into this very text."""
    return judged(actions_of_input(kind, text, context_of(snapshot, scene), dialect=dialect), snapshot, scene)


def with_runner_ups(trial: Trial, snapshot: Snapshot, scene: Scene) -> Trial:
    """Return the trial with the rows that would decide without the deciding ones; judges once more."""
    found = []
    for action, explanation in zip(trial.actions, trial.explanations, strict=True):
        again = _explain(snapshot.without(explanation.row), action, scene) if explanation.row else explanation
        found.append(replace(explanation, runner_up=again.row if explanation.row else ""))
    return replace(trial, explanations=tuple(found))


def context_of(snapshot: Snapshot, scene: Scene) -> Context:
    """Return what classification may know in a scene."""
    return Context(
        workspace=scene.workspace,
        cwd="",
        home=scene.home,
        environments=snapshot.environments,
        catalogue=snapshot.catalogue,
    )


def judged(actions: tuple[Action, ...], snapshot: Snapshot, scene: Scene) -> Trial:
    """Judge what a call was understood as, as far as policies go."""
    explanations = tuple(_explain(snapshot, action, scene) for action in actions)
    return Trial(combine(item.verdict for item in explanations), actions, explanations)


def _explain(snapshot: Snapshot, action: Action, scene: Scene) -> Explanation:
    if scene.environment and action.environment not in (LOCAL, UNRESOLVED, scene.environment):
        detail = f"lands in {action.environment}, outside the grant for {scene.environment}"
        return Explanation(Deny(Reason.GRANT_ENVIRONMENT, detail=detail), "", "", ())
    requester = Requester(grant_environment=scene.environment)
    return snapshot.explain(action, roles=frozenset({scene.role}), requester=requester)
