"""Folders that a client names when a server asks: those of the workspace do nothing, others are judged."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.mcp.roots import ANSWERS, without_own
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.call import Served, ToolCall
from firewall.core.effect import Effect, severity, strictest
from tests.support.understanding import WORKSPACE, context_with, shipped_context

ROWS = f"""
[[environment]]
name = "staging"
[[environment]]
name = "production"
paths = ["{WORKSPACE}/live/**"]
"""
WHERE = Served("filesystem", "list_directory", "https://files.example/mcp", environment="staging")


def judged(answers: object, workspace: str = WORKSPACE) -> tuple[Action, ...]:
    """Return the actions of a call that reads, with answers beside it."""
    arguments = json.dumps({"path": f"{WORKSPACE}/a", ANSWERS: answers}).encode()
    call = ToolCall("", "mcp__filesystem__list_directory", arguments, served=WHERE)
    return actions_of(call, replace(context_with(ROWS), workspace=workspace))


def effects(answers: object, workspace: str = WORKSPACE) -> set[Effect]:
    """Return all effects of a call."""
    return {effect for action in judged(answers, workspace) for effect in action.effects}


def roots(*uris: object, **more: object) -> dict[str, object]:
    """Return an answer that names folders."""
    return {"client_roots": {"roots": [{"uri": uri, "name": "work"} for uri in uris], **more}}


@pytest.mark.parametrize(
    "answers",
    [
        roots(f"file://{WORKSPACE}"),
        roots(f"file://{WORKSPACE}/", f"file://{WORKSPACE}/a/b"),
        roots(f"file://localhost{WORKSPACE}/a%20b"),
        roots(f"file://{WORKSPACE}/a/../b"),
        roots(),
        {"client_roots": {"roots": [{"uri": f"file://{WORKSPACE}"}]}},
    ],
)
def test_folders_of_the_workspace_do_nothing(answers: object) -> None:
    """Naming where the agent works anyway leaves a call what it was."""
    assert effects(answers) == {Effect.READ}
    assert {action.environment for action in judged(answers)} == {"staging"}


@pytest.mark.parametrize(
    "answers",
    [
        roots("file:///etc"),
        roots("file:///"),
        roots(f"file://{WORKSPACE}", "file:///etc"),
        roots(f"file://{WORKSPACE}/../other"),
        roots(f"file://{WORKSPACE}/%2e%2e/other"),
        roots(f"file://{WORKSPACE}-other"),
        roots(f"file://other.example{WORKSPACE}"),
        roots(f"file://{WORKSPACE}?x=1"),
        roots(f"file://{WORKSPACE}/live/x"),
        roots(f"file://{WORKSPACE}/" + r"..\..\..\etc"),
        roots(f"file://{WORKSPACE}/..%5C..%5C..%5Cetc"),
        roots(f"file://{WORKSPACE}/%252e%252e/other"),
        roots(f"file://{WORKSPACE}", action="accept"),
        {"client_roots": {"roots": [{"uri": f"file://{WORKSPACE}", "mode": "rw"}]}},
        {"client_roots": {"action": "accept", "content": {"uri": f"file://{WORKSPACE}"}}},
    ],
)
def test_other_folders_are_judged(answers: object) -> None:
    """Outside of the workspace, elsewhere, or not plainly a list of folders: nobody knows what it does."""
    assert Effect.UNKNOWN in effects(answers)


def test_without_a_workspace_every_folder_is_judged() -> None:
    """A grant without a workspace has no folder of its own."""
    assert Effect.UNKNOWN in effects(roots(f"file://{WORKSPACE}"), workspace="")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(f"file://{WORKSPACE}/a"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["roots", "uri", "name", "sql", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(_JSON)
def test_nothing_else_is_left_out(answers: object) -> None:
    """Whatever an answer is, a call with it is judged no milder than without it, and nothing raises."""
    kept = without_own({ANSWERS: answers}, shipped_context())
    assert kept.keys() == {ANSWERS}
    without = max(severity(strictest(action.effects)) for action in judged({}))
    assert max(severity(strictest(action.effects)) for action in judged(answers)) >= without
