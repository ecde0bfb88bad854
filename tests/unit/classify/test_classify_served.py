"""Calls of MCP tools that reach their server through us: where they land, and what raises their verdict."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.mcp.names import flat
from firewall.classify.tool import actions_of, bound_arguments
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


@pytest.mark.parametrize(
    ("uri", "is_here", "operation", "place"),
    [
        ("file:///home/dev/app/x%20y.txt", True, "file:read", LOCAL),
        ("file://localhost/srv/shared/x.txt", True, "file:read", UNRESOLVED),
        ("file:///srv/shared/x.txt", False, "mcp:resources/read", "staging"),
    ],
)
def test_a_file_that_is_read_without_a_tool_is_a_read(uri: str, is_here: bool, operation: str, place: str) -> None:  # noqa: FBT001 - a row
    """Of a program on this machine like the agent's own reading; of another machine the server's."""
    (found,) = judged(served("resources/read", is_here=is_here, is_reading=True, pack="filesystem"), uri=uri)
    assert (found.operation, found.environment, found.effects) == (operation, place, (Effect.READ,))


@pytest.mark.parametrize("is_here", [True, False])
@pytest.mark.parametrize("uri", ["file:///home/dev/.ssh/id_rsa", "file:///home/dev/.ss%68/id_rsa"])
def test_a_file_of_credentials_is_secret_however_it_is_named(uri: str, is_here: bool) -> None:  # noqa: FBT001 - a row
    """Escapes hide no file that usually holds credentials."""
    found = judged(served("resources/read", is_here=is_here, is_reading=True, pack="filesystem"), uri=uri)
    assert any(Effect.SECRET in one.effects for one in found)


@pytest.mark.parametrize(
    "uri",
    [
        "file://other.example/srv/x",
        "file:///srv/x?y",
        "file:///srv/x#y",
        "file:srv/x",
        "file:///srv/%00",
        "file:///srv/x\\..\\..\\root",
        "file:///srv/x%5C..%5C..%5Croot",
        "file:///srv/%252e%252e/root",
        "FILE:///srv/x%5cy",
    ],
)
def test_a_file_that_is_not_named_plainly_is_unknown(uri: str) -> None:
    """With a host, a query, a fragment, or marks that readers take apart differently, it could be anything."""
    found = judged(served("resources/read", is_here=True, is_reading=True, pack="filesystem"), uri=uri)
    assert any(Effect.UNKNOWN in one.effects for one in found)
    found = judged(served("read_file", is_here=False, pack="filesystem"), path=uri)
    assert any(Effect.UNKNOWN in one.effects for one in found)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ('{"id":123456789012345678901}', '{"id":123456789012345678902}', False),
        ('{"a":1,"id":[12345678901234567.1]}', '{ "id":[12345678901234567.1],"a":1 }', True),
        ('{"a":1,"b":2}', '{"b":2, "a":1}', True),
    ],
)
def test_numbers_that_are_read_alike_are_bound_apart(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001 - a row
    """An approval is bound to the digits that a server will read."""
    first, second = (bound_arguments(ToolCall("", "x", text.encode()), shipped_context()) for text in (one, other))
    assert (first == second) is is_same
