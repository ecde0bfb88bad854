"""Judging on paper, under two policies, a call that the log tells of.

Both verdicts are found the same way, so that what paper does not know (limits, files on disk, what things of a
provider turned out to be) makes no difference between them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.tool import actions_of
from firewall.core.action import UNRESOLVED, Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect, ordered
from firewall.core.verdict import word
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import Scene, Trial, context_of, judged

REREAD = frozenset({"models", "hooks"})
"""Gates whose calls are read anew from their arguments; of others the actions that the entry names are judged."""
_HOSTED = "hosted:"


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry tells of a call."""

    gate: str
    tool: str
    arguments: str
    actions: Sequence[Mapping[str, object]]
    """As the entry has them: operation, resource, environment, effects, summary."""
    scene: Scene


@dataclass(frozen=True, slots=True)
class Compared:
    """A call under the policy in force and under another."""

    was: str
    then: str
    row_was: str
    """The deciding row as it stands in the file; empty: none."""
    row_then: str
    summary: str
    environment: str
    effects: tuple[str, ...]

    @property
    def is_flip(self) -> bool:
        """The verdict would be another."""
        return self.was != self.then


def compared(told: Told, now: Snapshot, other: Snapshot) -> Compared | None:
    """Judge a call under both; None where the entry tells of nothing that can be judged.

    `other` reads calls as `now` does (`Snapshot.with_rows_of`).
    """
    actions = _reread(told, now) if told.gate in REREAD else _as_told(told)
    if not actions:
        return None
    was, then = judged(actions, now, told.scene), judged(actions, other, told.scene)
    deciding = actions[_place_of(then)]
    return Compared(
        was=word(was.verdict),
        then=word(then.verdict),
        row_was=now.row(was.verdict.row),
        row_then=other.row(then.verdict.row),
        summary=deciding.summary,
        environment=deciding.environment,
        effects=tuple(effect.value for effect in then.effects),
    )


def _place_of(trial: Trial) -> int:
    deciding = trial.deciding
    return next(place for place, one in enumerate(trial.explanations) if one is deciding)


def _reread(told: Told, snapshot: Snapshot) -> tuple[Action, ...]:
    form = CallForm.JSON if _is_object(told.arguments) else CallForm.TEXT
    if any(str(one.get("resource", "")).startswith(_HOSTED) for one in told.actions):
        form = CallForm.HOSTED
    call = ToolCall("", told.tool, told.arguments.encode("utf-8", errors="replace"), form=form)
    return actions_of(call, context_of(snapshot, told.scene))


def _as_told(told: Told) -> tuple[Action, ...]:
    return tuple(_action(told.tool, one) for one in told.actions)


def _action(tool: str, one: Mapping[str, object]) -> Action:
    named = one.get("effects")
    known = {effect.value: effect for effect in Effect}
    found = [known.get(str(name), Effect.UNKNOWN) for name in named] if isinstance(named, list) else []
    return Action(
        operation=str(one.get("operation", "")),
        tool=tool,
        resource=str(one.get("resource", "")),
        environment=str(one.get("environment") or UNRESOLVED),
        effects=ordered(found or [Effect.UNKNOWN]),
        summary=str(one.get("summary", "")),
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
