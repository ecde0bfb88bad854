"""MCP tools: what their names, texts, packs and arguments say, and how clients write their names."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify import phrases
from firewall.classify.catalogue import compile_catalogue
from firewall.classify.globs import matches
from firewall.classify.mcp import names, words
from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.effect import Effect, ordered
from firewall.core.errors import ConfigError
from tests.support.understanding import call, cases, context_with, shipped_context


def judged(value: dict[str, object]) -> tuple[Action, ...]:
    """Return the actions of a call as `policy explain` reads it."""
    return actions_of_input("mcp", json.dumps(value), shipped_context())


def effects(value: dict[str, object]) -> set[Effect]:
    """Return all effects of a call."""
    return {effect for action in judged(value) for effect in action.effects}


def test_recorded_calls() -> None:
    """Every recorded call has exactly the effects of its row."""
    wrong = []
    rows = cases("mcp")
    for row in rows:
        actions = actions_of_input("mcp", str(row["input"]), shipped_context())
        found = [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]
        if found != row["effects"]:
            wrong.append((row["input"], found, row["effects"]))
    assert wrong == []
    assert len(rows) > 250


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resiliencemanagement_recovery_resource_get", Effect.READ),
        ("atlas-create-access-list", Effect.PRIVILEGE),
        ("list_deleted_items", Effect.READ),
        ("import_job_delete", Effect.DESTRUCTIVE),
        ("search_index_query", Effect.READ),
        ("actions_run_trigger", Effect.WRITE),
        ("mark_all_notifications_read", Effect.WRITE),
        ("validate_provisioning_file", Effect.READ),
        ("loadtesting_testrun_createorupdate", Effect.WRITE),
        ("createOrDeleteVolume", Effect.DESTRUCTIVE),
        ("pods_log", Effect.READ),
        ("get_connection_string", Effect.SECRET),
        ("get_secret_scanning_alert", Effect.READ),
        ("reset_cache", Effect.WRITE),
    ],
)
def test_the_place_of_a_verb_decides(name: str, wanted: Effect) -> None:
    """A verb counts by where it stands, and a word that also names a thing only where no other acts."""
    assert max(words.of_name(name).effects, key=list(Effect).index) is wanted


@pytest.mark.parametrize(
    ("text", "admits"),
    [
        ("Write operations. Supports adding comments, updating comments and deleting comments.", True),
        ("Updates settings. Three types: - Add: adds. - Delete: deletes one.", True),
        ("This is destructive and cannot be undone.", True),
        ("This operation is non-destructive.", False),
        ("Creates a thing. To delete it use delete_thing.", False),
        ("Updates the soft delete setting of a vault.", True),
        ("Modify the immutability policy. Once enabled, immutability cannot be disabled.", False),
        ("Creates a branch without deleting anything.", False),
    ],
)
def test_what_a_description_admits(text: str, admits: bool) -> None:  # noqa: FBT001 - a column of the table
    """A text that calls the loss permanent, lists deleting or ends a protection admits it; a denial does not."""
    assert bool(words.admits_loss(text)) is admits


def test_an_unnamed_server_is_unknown() -> None:
    """On a server that no pack names, the plainest name and the kindest annotation stay unknown."""
    hints = {"readOnlyHint": True, "destructiveHint": False}
    found = effects({"server": "weather", "tool": "get_weather", "description": "Gets.", "annotations": hints})
    assert found == {Effect.UNKNOWN, Effect.READ}
    assert Effect.UNKNOWN in effects({"server": "", "tool": "list"})


def test_descriptions_and_annotations_only_raise() -> None:
    """No text and no hint takes an effect away from a pinned tool; a worse text adds one."""
    hints = {"readOnlyHint": True, "destructiveHint": False}
    text = "Gets a repository. Read-only, harmless."
    kind = {"server": "github", "tool": "delete_file", "description": text, "annotations": hints}
    assert Effect.DESTRUCTIVE in effects(kind)
    changed = {"server": "github", "tool": "get_me", "description": "Deletes all your repositories."}
    assert Effect.DESTRUCTIVE in effects(changed)
    raised = {"server": "github", "tool": "get_me", "annotations": {"readOnlyHint": False}}
    assert effects(raised) == {Effect.READ, Effect.WRITE}


@given(st.text(max_size=200), st.booleans(), st.booleans())
def test_no_claim_lowers(text: str, reads: bool, destroys: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever a server says about a pinned tool that deletes, it still deletes."""
    hints = {"readOnlyHint": reads, "destructiveHint": destroys}
    found = effects({"server": "neon", "tool": "delete_project", "description": text, "annotations": hints})
    assert Effect.DESTRUCTIVE in found


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"query": "DROP TABLE users"}, Effect.DESTRUCTIVE),
        ({"a": {"b": [{"sql": "TRUNCATE users"}]}}, Effect.DESTRUCTIVE),
        ({"query": 'mutation { volumeDelete(volumeId: "v") }'}, Effect.DESTRUCTIVE),
        ({"url": "https://api.example.com/x", "method": "DELETE"}, Effect.DESTRUCTIVE),
        ({"method": "delete"}, Effect.DESTRUCTIVE),
        ({"action": "remove_all"}, Effect.DESTRUCTIVE),
        ({"pipeline": [{"$match": {}}, {"$out": "x"}]}, Effect.DESTRUCTIVE),
        ({"manifest": "kind: ClusterRole\n"}, Effect.PRIVILEGE),
        ({"force_delete": True}, Effect.DESTRUCTIVE),
    ],
)
def test_arguments_that_carry_more(arguments: dict[str, object], wanted: Effect) -> None:
    """What arguments hand to other readers adds to the plainest pinned tool."""
    assert wanted in effects({"server": "github", "tool": "get_me", "arguments": arguments})


def test_a_tool_that_runs_sql_is_as_strict_as_its_sql() -> None:
    """`execute_sql` of a named server reads where its text reads, and is code where there is no text to read."""
    base = {"server": "supabase", "tool": "execute_sql"}
    assert effects({**base, "arguments": {"query": "select 1"}}) == {Effect.READ}
    assert Effect.DESTRUCTIVE in effects({**base, "arguments": {"query": "delete from a"}})
    assert effects({**base, "arguments": {}}) == {Effect.EXEC}
    assert Effect.UNKNOWN in effects({"server": "x", "tool": "execute_sql", "arguments": {"query": "select 1"}})


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"server": "github"}', '{"tool": 5}', '{"tool": "a", "arguments": []}', "{"]
)
def test_what_is_no_call_is_unknown(text: str) -> None:
    """Text that holds no call is unknown and raises nothing."""
    (action,) = actions_of_input("mcp", text, shipped_context())
    assert action.effects == (Effect.UNKNOWN,)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("mcp__github__delete_file", ("github", "delete_file")),
        ("mcp__github/delete_file", ("github", "delete_file")),
        ("mcp_github_delete_file", ("github", "delete_file")),
        ("mcp_kubernetes-mcp-server_pods_list", ("kubernetes-mcp-server", "pods_list")),
        ("mcp_other_do_it", ("other", "do_it")),
        ("github_delete_file", ("github", "delete_file")),
        ("github_no_such_tool", None),
        ("mcp__alone", ("alone", "")),
        ("Bash", None),
    ],
)
def test_names_as_clients_write_them(name: str, wanted: tuple[str, str] | None) -> None:
    """Each client's way to write a tool's name leads to its server and tool."""
    assert names.split(name, shipped_context()) == wanted


def test_calls_of_agents_are_read() -> None:
    """An agent's MCP call is judged by server and tool, its evidence points into its arguments."""
    context = shipped_context()
    (action,) = actions_of(call("mcp__neon__delete_project", {"projectId": "p"}), context)
    assert (action.effect, action.resource) == (Effect.DESTRUCTIVE, "mcp:neon/delete_project")
    found = actions_of(call("mcp__neon__run_sql", {"sql": "drop table a"}), context)
    spans = [action.text[item.start : item.end] for action in found for item in action.evidence]
    assert "drop table a" in spans
    (local,) = actions_of(call("mcp__filesystem__read_file", {"path": "src/a.ts"}), context)
    assert (local.effect, local.inside_workspace) == (Effect.READ, True)
    (secret,) = actions_of(call("mcp__filesystem__read_file", {"path": ".env"}), context)
    assert secret.effect is Effect.SECRET


def test_rows_of_environments_claim_mcp_calls() -> None:
    """A project or context among the arguments leads to the environment that a row names for it."""
    context = context_with('[[environment]]\nname = "production"\nprojects = ["neon/prod-*"]\n')
    text = json.dumps({"server": "neon", "tool": "delete_project", "arguments": {"projectId": "prod-1"}})
    assert actions_of_input("mcp", text, context)[0].environment == "production"


@pytest.mark.parametrize(
    "table",
    [
        'servers = ["*"]',
        "servers = []\n[mcp.tools]\nread = ['x']",
        'servers = ["a"]\nstrange = 1',
        'servers = ["a"]\n[mcp.tools]\nfine = ["x"]',
        'servers = ["a"]\n[[mcp.rule]]\ntools = ["x"]',
    ],
)
def test_bad_packs_are_refused(table: str) -> None:
    """A pack that names every server, no server, or holds a row that cannot be read is refused by name."""
    pack = tomllib.loads(f'provider = "x"\nhosts = []\n[mcp]\n{table}\n')
    with pytest.raises(ConfigError, match="mcp"):
        compile_catalogue({}, {}, [pack])


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_nothing_raises(value: object) -> None:
    """Whatever stands in the arguments, the answer is actions."""
    assert actions_of_input(
        "mcp", json.dumps({"server": "a", "tool": "b", "arguments": {"x": value}}), shipped_context()
    )


_PIECES = st.lists(
    st.sampled_from(
        ["get", "Delete", "list", "_", "-", "items", "DB", "run", "cache", "tokens", " permanently", ". "]
    ),
    max_size=400,
).map("".join)


@given(_PIECES)
def test_what_words_say_is_the_same_when_it_is_remembered(text: str) -> None:
    """What was met before says what it said, and nothing beyond a bound says more."""
    reads = (words.tokens, words.of_name, words.of_description, words.admits_loss, phrases.words_of)
    met = [read(text) for read in reads]
    for kept in (words._tokens, words._of_name, words._of_description, words._admits_loss, phrases._words):
        kept.cache_clear()
    assert [read(text) for read in reads] == met
    assert words.of_name(text[: words.MAX_NAME_CHARS]) == met[1]
    long = text + " " * words.MAX_DESCRIPTION_CHARS + "permanently deletes"
    assert words.admits_loss(long) == words.admits_loss(long[: words.MAX_DESCRIPTION_CHARS])


@given(
    st.lists(st.text("aAb*", min_size=1, max_size=3), max_size=12), st.lists(st.text("ab", max_size=3), min_size=1)
)
def test_servers_of_packs_are_found_as_if_nobody_had_asked_before(globs: list[str], names: list[str]) -> None:
    """All packs that name a server are found, in their order, whatever else was asked for and in what case."""
    packs = [
        {"provider": f"p{at}", "hosts": [], "mcp": {"servers": [glob]}}
        for at, glob in enumerate(globs)
        if glob.strip("*")
    ]
    catalogue = compile_catalogue({}, {}, packs)
    for name in [*names, *names, *(name.upper() for name in names)]:
        wanted = [
            pack.mcp for pack in catalogue.packs if pack.mcp is not None and matches(pack.mcp.names, name.lower())
        ]
        assert list(catalogue.mcp_servers(name)) == wanted
