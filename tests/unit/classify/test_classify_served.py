"""Calls of MCP tools that reach their server through us: where they land, and what raises their verdict."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.mcp.names import flat
from firewall.classify.tool import actions_of
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.call import Served, ToolCall
from firewall.core.effect import Effect, severity, strictest
from tests.support.understanding import context_with, shipped_context

ROWS = """
[[environment]]
name = "staging"
projects = ["github/acme/sandbox", "notes/sandbox"]
[[environment]]
name = "production"
projects = ["notes/shop"]
"""
NAMES = ("delete_note", "create_note", "get_note", "run_query", "apply", "send_message")


def served(tool: str, **changes: object) -> Served:
    """Return a tool of a server for staging that no pack names."""
    fields: dict[str, object] = {"environment": "staging", **changes}
    return Served("notes", tool, "https://notes.example/mcp", **fields)  # type: ignore[arg-type]  # tests name the fields


def judged(where: Served, **arguments: object) -> tuple[Action, ...]:
    """Return the actions of a call."""
    call = ToolCall("", f"mcp__{where.server}__{where.tool}", json.dumps(arguments).encode(), served=where)
    return actions_of(call, context_with(environments=ROWS))


def worst(actions: tuple[Action, ...]) -> int:
    """Return how strict the strictest effect of all actions is."""
    return severity(strictest(effect for action in actions for effect in action.effects))


@pytest.mark.parametrize(
    ("where", "arguments", "wanted"),
    [
        (served("get_note", pack="github"), {"id": "7"}, "staging"),
        (served("delete_note"), {"id": "7"}, UNRESOLVED),
        (served("delete_note", is_scoped=True), {"id": "7"}, "staging"),
        (served("delete_note"), {"project": "sandbox"}, "staging"),
        (served("delete_note", is_scoped=True), {"project": "shop"}, "production"),
        (served("get_note"), {"project": "shop"}, "production"),
        (served("delete_note", environment=""), {"project": "shop"}, "production"),
        (served("delete_note", environment=""), {"id": "7"}, UNRESOLVED),
    ],
)
def test_where_a_call_lands(where: Served, arguments: dict[str, object], wanted: str) -> None:
    """What cannot lie elsewhere lands where the server does; a named place elsewhere speaks for itself."""
    assert judged(where, **arguments)[0].environment == wanted


def test_what_an_argument_carries_lands_where_the_call_does() -> None:
    """A query that destroys is not in the server's environment because the tool's own name only reads."""
    actions = judged(served("run_query", pack="postgres"), sql="DROP TABLE users")
    assert any(Effect.DESTRUCTIVE in action.effects for action in actions)
    assert {action.environment for action in actions} == {UNRESOLVED}


def test_arguments_that_do_not_fit_are_unknown() -> None:
    """Arguments that the tool's own schema refuses make the call unknown, beside what it says."""
    plain = judged(served("get_note"), id="7")
    misfit = judged(served("get_note", misfit="`id` is no number"), id="7")
    assert misfit[: len(plain)] == plain
    assert misfit[-1].effects == (Effect.UNKNOWN,)
    assert "`id` is no number" in misfit[-1].summary + " ".join(misfit[-1].unseen)


def test_files_of_a_server_elsewhere_are_not_the_workspace() -> None:
    """The filesystem server's tools are the agent's own file tools only where we start it on this machine."""
    context = shipped_context()
    found = []
    for is_here in (True, False):
        where = Served("filesystem", "write_file", "x", environment="staging", is_here=is_here)
        arguments = json.dumps({"path": f"{context.workspace}/a.txt", "content": "x"}).encode()
        call = ToolCall("", "mcp__filesystem__write_file", arguments, served=where)
        found.append(actions_of(call, context)[0].environment)
    assert found == [LOCAL, UNRESOLVED]


HINTS = st.lists(
    st.tuples(
        st.sampled_from(["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]), st.booleans()
    ),
    max_size=4,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["project", "environment", "sql", "command", "url", "id", "read_only", "dryRun", "force"]),
    st.sampled_from(["staging", "sandbox", "shop", "DELETE FROM a", "rm -rf /", "true", "https://x.example/a"])
    | st.booleans(),
    max_size=5,
)


@given(st.sampled_from(NAMES), HINTS, st.sampled_from(["", "Reads only. Safe.", "Deletes everything"]), ARGUMENTS)
def test_what_a_server_claims_only_raises(
    tool: str, hints: list[tuple[str, bool]], description: str, arguments: dict[str, object]
) -> None:
    """No annotation and no description makes a call milder, or moves it to another place."""
    plain = judged(served(tool), **arguments)
    claimed = judged(served(tool, hints=tuple(hints), description=description), **arguments)
    assert worst(claimed) >= worst(plain)
    places = {"staging": 0, UNRESOLVED: 1, "production": 2}
    assert places[claimed[0].environment] >= places[plain[0].environment]


@given(st.sampled_from(NAMES), ARGUMENTS, st.randoms())
def test_the_order_of_arguments_means_nothing(tool: str, arguments: dict[str, object], random: Random) -> None:
    """The same arguments in another order have the same effects in the same place."""
    items = list(arguments.items())
    random.shuffle(items)
    one, other = judged(served(tool), **arguments), judged(served(tool), **dict(items))
    assert {(action.operation, action.effects, action.environment) for action in one} == {
        (action.operation, action.effects, action.environment) for action in other
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("mcp__github__create_issue", "github_create_issue"),
        ("mcp__github/create_issue", "github_create_issue"),
        ("functions/mcp__github__create-issue", "github_create_issue"),
        ("mcp_github_create_issue", "github_create_issue"),
        ("github_create_issue", "github_create_issue"),
        ("Bash", "Bash"),
        ("functions/exec", "exec"),
        ("mcp__a-b__c.d", "a_b_c_d"),
        ("", ""),
    ],
)
def test_flat_names(name: str, wanted: str) -> None:
    """Every client's spelling of a tool comes out alike."""
    assert flat(name) == wanted
