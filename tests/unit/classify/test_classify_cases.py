"""Recorded cases: what each command line does, as data."""

from dataclasses import replace

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.action import LOCAL, Action
from firewall.core.effect import Effect, ordered
from tests.support.understanding import cases, shipped_context

MILD = {Effect.READ, Effect.WRITE}


def understood(text: str) -> tuple[Action, ...]:
    """Return the actions of a command line in the recorded workspace."""
    return actions_of_input("shell", text, shipped_context())


@pytest.mark.parametrize("name", ["session", "evasions", "benign"])
def test_recorded_effects(name: str) -> None:
    """Every recorded command line has exactly the effects (and operations) that its row says."""
    wrong = []
    for case in cases(name):
        text = str(case["input"])
        actions = understood(text)
        effects = [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]
        operations = sorted({action.operation for action in actions})
        if effects != case["effects"] or operations != case.get("operations", operations):
            wrong.append((text, effects, operations, case))
    assert wrong == []


@pytest.mark.parametrize("name", ["attacks", "everyday"])
def test_recorded_effects_without_a_home(name: str) -> None:
    """Where nobody knows the agent's home, as at the gates, every recorded line has the effects of its row."""
    context = replace(shipped_context(), home="")
    wrong = []
    for case in cases(name):
        actions = actions_of_input("shell", str(case["input"]), context)
        effects = [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]
        if effects != case["effects"]:
            wrong.append((case["input"], effects, case["effects"]))
    assert wrong == []


def test_no_disguise_reads_as_mild() -> None:
    """No evasion of the list is nothing but reads and writes."""
    assert [case["input"] for case in cases("evasions") if {Effect(str(e)) for e in case["effects"]} <= MILD] == []  # type: ignore[attr-defined]  # a list in the file


def test_no_lookalike_is_a_loss() -> None:
    """Words of destruction that destroy nothing are never destructive, unknown, privilege or secret."""
    allowed = {"read", "write", "exec"}
    assert [case["input"] for case in cases("benign") if not set(case["effects"]) <= allowed] == []  # type: ignore[call-overload]  # a list in the file


def test_the_session_stays_in_the_workspace() -> None:
    """The 200 ordinary commands hold no unknown, secret or privilege; what runs code, runs the workspace's."""
    rows = cases("session")
    assert len(rows) == 200
    actions = [action for row in rows for action in understood(str(row["input"]))]
    stopped = {Effect.UNKNOWN, Effect.SECRET, Effect.PRIVILEGE, Effect.EXFIL}
    assert [action.summary for action in actions if set(action.effects) & stopped] == []
    away = [
        action.operation for action in actions if Effect.EXEC in action.effects and action.environment != LOCAL
    ]
    assert len(away) <= 2
    lost = [action for action in actions if Effect.DESTRUCTIVE in action.effects]
    assert [action.summary for action in lost if not action.inside_workspace] == []
    assert [a.summary for a in lost if a.attributes.get("history") or a.attributes.get("whole_workspace")] == []
