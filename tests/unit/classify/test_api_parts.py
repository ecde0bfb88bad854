"""The parts that requests are read with: routes, predicates, bodies, the shape of a cluster's paths."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.api import kubernetes
from firewall.classify.api.arguments import sql_of, wire_arguments
from firewall.classify.api.aws import Known
from firewall.classify.api.jsonrpc import calls_of
from firewall.classify.api.predicates import fits, removes, text_at
from firewall.classify.api.request import object_of, query_of, readings, words_of_query
from firewall.classify.api.rest import Asked
from firewall.classify.api.routes import KEPT_CHARS, MAX_KEPT, Node, add_route, find, segments_of
from firewall.classify.api.table import Operation, effects_of
from firewall.core.action import Attribute
from firewall.core.effect import Effect
from tests.support.work import counted


def tree(*templates: str) -> Node:
    """Return a tree of GET templates, each named by itself, reads unless the name says `delete`."""
    root = Node()
    for template in templates:
        letters = "d" if "delete" in template else "r"
        add_route(root, "GET", template, Operation(template, effects_of(letters)))
    return root


def found(root: Node, path: str, query: str = "") -> str:
    """Return the template that a path leads to."""
    operation = find(root, "GET", segments_of(path), words_of_query(query))
    return operation.name if operation is not None else ""


@pytest.mark.parametrize(
    ("path", "query", "wanted"),
    [
        ("/a/b", "", "/a/b"),
        ("/a/x", "", "/a/{}"),
        ("/a/x/c", "", "/a/{}/c"),
        ("/a/b/c", "", "/a/{}/c"),
        ("/a/files/x/y/z", "", "/a/files/{+}"),
        ("/a/files/x/y/z/lock", "", "/a/files/{+}/lock"),
        ("/a/x:cancel", "", "/a/{}:cancel"),
        ("/a/x%3Acancel", "", "/a/{}:cancel"),
        ("/b", "", "/b"),
        ("/b", "versions", "/b?versions"),
        ("/b", "list=2&other=x", "/b?list=2"),
        ("/b", "list=3", "/b"),
        ("/nothing", "", ""),
        ("/a", "", ""),
        ("", "", ""),
    ],
)
def test_routes_find_the_most_exact_template(path: str, query: str, wanted: str) -> None:
    """Literal segments go before parameters, parameters before rests, more words of the address before fewer."""
    root = tree(
        "/a/b", "/a/{}", "/a/{}/c", "/a/files/{+}", "/a/files/{+}/lock", "/a/{}:cancel", "/b", "/b?versions",
        "/b?list=2",
    )  # fmt: skip
    assert found(root, path, query) == wanted


def test_a_route_that_names_two_operations_is_the_stricter() -> None:
    """Where method and path leave two operations, the one that does more counts."""
    root = Node()
    add_route(root, "GET", "/a", Operation("mild", effects_of("r")))
    add_route(root, "GET", "/a", Operation("strict", effects_of("d")))
    assert found(root, "/a") == "strict"


def test_what_a_path_meant_is_kept_for_that_path_alone() -> None:
    """Asking again, by another method or with words of the address gives what a fresh tree would give."""
    templates = ("/a/{}", "/a/b", "/a/{}?versions", "/a/delete")
    root = tree(*templates)
    add_route(root, "POST", "/a/b", Operation("posted", effects_of("w")))
    asked = [("/a/b", ""), ("/a/x", ""), ("/a/x", "versions"), ("/a/delete", ""), ("/a", ""), ("/a/b/c", "")] * 2
    assert [found(root, path, query) for path, query in asked] == [
        found(tree(*templates), path, query) for path, query in asked
    ]
    posted = find(root, "POST", ["a", "b"], [])
    assert posted is not None
    assert posted.name == "posted"
    assert find(root, "POST", ["a", "x"], []) is None


def test_what_paths_meant_is_forgotten_in_time() -> None:
    """A template that is added counts at once, and no stream of other paths fills the memory."""
    root = tree("/a/{}")
    assert found(root, "/a/b") == "/a/{}"
    add_route(root, "GET", "/a/b", Operation("/a/b", effects_of("r")))
    assert found(root, "/a/b") == "/a/b"
    for number in range(2 * MAX_KEPT + 5):
        found(root, f"/a/{number}")
    assert len(root.kept) <= MAX_KEPT
    root.kept.clear()
    find(root, "GET", ["x" * (KEPT_CHARS + 1)], ())
    assert not root.kept
    assert found(root, "/a/b") == "/a/b"


def test_routes_take_bounded_time() -> None:
    """A path made to backtrack ends soon."""
    root = tree(*("/" + "/".join(["{+}"] * width) + "/end" for width in range(1, 8)))
    told, calls = counted(lambda: found(root, "/" + "/".join(["a"] * 200)))
    assert told == ""
    assert calls < 50_000


@pytest.mark.parametrize(
    ("when", "arguments", "wanted"),
    [
        ({"a.b": True}, {"a": {"b": True}}, True),
        ({"a.b": True}, {"a": {"b": False}}, False),
        ({"a.b": True}, {"a": {"b": "true"}}, True),
        ({"a.b": True}, {"a": {"b": 1}}, False),
        ({"a.b": 0}, {"a": {"b": "0"}}, True),
        ({"a.b": 0}, {"a": {"b": False}}, False),
        ({"a.b": "*"}, {"a": {"b": ""}}, True),
        ({"a.b": "*"}, {"a": {"b": None}}, False),
        ({"a.b": "*"}, {"a": {"b": []}}, False),
        ({"a.b": "!"}, {"a": {}}, True),
        ({"a.b": "!"}, {"a": {"b": 1}}, False),
        ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"a": "~^x+$"}, {"a": "xxx"}, True),
        ({"a": "~DELETE"}, {"a": [{"Action": "delete"}]}, True),
        ({"a": "~x"}, {"a": {"deep": {"x": 1}}}, True),
        ({"a": "@object"}, {"a": {}}, True),
        ({"a": "@object"}, {"a": "text"}, False),
        ({"a": "@removes"}, {"a": {"b": {"c": None}}}, True),
        ({"a": "@removes"}, {"a": {"b": {"c": 1}}}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({}, {}, True),
        ({"a.b.c": 1}, {"a": 5}, False),
    ],
)
def test_predicates(when: dict[str, Attribute], arguments: dict[str, object], *, wanted: bool) -> None:
    """A rule's `when` looks at nested values, lists, texts that mean a truth, patterns and objects."""
    assert fits(when, arguments) is wanted


def test_typed_predicates_take_no_text_for_a_truth() -> None:
    """GraphQL refuses `"true"` for a Boolean, so it switches nothing on there."""
    assert not fits({"a": True}, {"a": "true"}, typed=True)
    assert fits({"a": True}, {"a": True}, typed=True)


def test_removals_are_found_at_any_depth_and_never_missed() -> None:
    """A patch too deep or too large to be looked through counts as one that removes."""
    deep: object = {"isDeleted": True}
    for _ in range(500):
        deep = {"x": deep}
    assert removes(deep)
    assert removes([{"a": 1}, {"a": None}])
    assert not removes({"isDeleted": False, "a": {"deleted": "no"}})
    assert removes([{} for _ in range(100_000)])


def test_texts_of_lists_are_joined() -> None:
    """SQL in a list of statements is read as one script."""
    assert text_at("statements.sql", {"statements": [{"sql": "a"}, {"sql": "b"}, {"sql": 1}]}) == "a;\nb"
    assert text_at("x", {}) == ""


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("/a/b", [["a", "b"]]),
        ("//a//b/", [["a", "b"]]),
        ("/a%2Fb", [["a/b"], ["a", "b"]]),
        ("/a/../b", [["a", "..", "b"], ["b"]]),
        ("/a/%2e%2e/b", [["a", "..", "b"], ["b"]]),
        ("", [[]]),
        ("/", [[]]),
    ],
)
def test_a_path_has_every_reading(raw: str, wanted: list[list[str]]) -> None:
    """Escapes and dots are read both as they stand and as a server may resolve them."""
    assert readings(raw) == wanted


@pytest.mark.parametrize(
    ("body", "headers", "wanted"),
    [
        ('{"a": 1}', {}, {"a": 1}),
        ('{"a": 1, "a": 2}', {}, {"a": [1, 2]}),
        ('{"a": [1], "a": 2}', {}, {"a": [[1], 2]}),
        ("[1, 2]", {}, {"items": [1, 2]}),
        ("a=1&b=2&a=3", {}, {"a": ["1", "3"], "b": "2"}),
        ("a=1", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, {"a": "1"}),
        ("{not json", {}, None),
        ("<xml a='1'/>", {}, None),
        ("", {}, None),
    ],
)
def test_bodies(body: str, headers: dict[str, str], wanted: object) -> None:
    """JSON and forms become objects; a name that stands twice keeps both values; all else is not seen."""
    assert object_of(body, headers) == wanted


def _text(value: object, colon: str) -> str:
    """Write a value as JSON; a tuple is an object of pairs, whose names may stand twice."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(name)}{colon}{_text(one, colon)}" for name, one in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(one, colon) for one in value) + "]"
    return json.dumps(value)


_NUMBERS = st.integers() | st.floats(allow_nan=True) | st.sampled_from([2**64, -(2**63) - 1, 10**30])
_NAMES = st.sampled_from(["a", "b", "", 'a":', "\ud800", "\u00e4"])


@given(
    st.recursive(
        st.none() | st.booleans() | _NUMBERS | st.text(max_size=5) | _NAMES,
        lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(_NAMES, inner), max_size=4).map(tuple),
        max_leaves=12,
    )
)
def test_two_readers_of_bodies_say_the_same(value: object) -> None:
    """A body is read quickly where nothing in it asks for care, and says what the careful reader makes of it.

    White space before a colon is what only the careful reader takes.
    """
    quick, careful = (_text([value, (("z", 1),)], colon) for colon in (":", " :"))
    assert repr(object_of(quick, {})) == repr(object_of(careful, {}))


def test_parameters_of_an_address() -> None:
    """Names without a value are kept, repeated ones become lists."""
    assert query_of("a=1&b&a=2") == {"a": ["1", "2"], "b": ""}
    assert words_of_query("a=1&b") == ["a", "a=1", "b", "b="]


def test_wire_arguments_have_one_name_each() -> None:
    """Forms, JSON and numbered names of AWS arguments are looked at under one plain name."""
    arguments = wire_arguments(
        {"DryRun": "true"},
        {"Attributes.member.1.Key": "k", "Attributes.member.1.Value": "v", "backupPlan": {}},
        "raw",
    )
    assert arguments["dryrun"] == "true"
    assert arguments["attributes"] == "member.1.Key=k member.1.Value=v"
    assert arguments["backupplan"] == {}
    assert arguments["body"] == "raw"


def test_sql_of_an_operation() -> None:
    """The argument that holds SQL is found for the operations that run it, and for no other."""
    run = Known("dynamodb", Operation("BatchExecuteStatement", effects_of("w")))
    assert sql_of(run, {"statements": [{"Statement": "SELECT 1"}, {"Statement": "DELETE FROM t"}]}) == (
        "SELECT 1;\nDELETE FROM t"
    )
    assert sql_of(Known("dynamodb", Operation("PutItem", effects_of("w"))), {"statements": "x"}) == ""


def asked(body: str) -> Asked:
    """Return a POST with a body."""
    return Asked("POST", "mcp.example.com", 443, "/mcp", raw_path="/mcp", query="", headers={}, body=body)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{"jsonrpc": "2.0", "method": "tools/list"}', {Effect.READ}),
        ('{"jsonrpc": "2.0", "method": "notifications/initialized"}', {Effect.READ}),
        ('{"jsonrpc": "2.0", "method": "tools/call"}', {Effect.UNKNOWN}),
        ('{"jsonrpc": "2.0"}', {Effect.UNKNOWN}),
        ('[{"jsonrpc": "2.0", "method": "ping"}, {"jsonrpc": "2.0", "method": "x"}]', {Effect.UNKNOWN}),
        ('[{"jsonrpc": "2.0", "method": "ping"}, {"method": "ping"}]', None),
        ('{"jsonrpc": "2.0", "method": ', None),
        ('{"a": 1}', None),
        ("[]", None),
    ],
)
def test_json_rpc(body: str, wanted: set[Effect] | None) -> None:
    """Only the reads of the protocol itself are reads; what is called is unknown; other bodies are not ours."""
    judged = calls_of(asked(body))
    assert (judged.effects if judged is not None else None) == wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/v1/namespaces/a/pods/p", kubernetes.Target("", "pods", "a", "p")),
        ("/api/v1/namespaces/a", kubernetes.Target("", "namespaces", "", "a")),
        ("/api/v1/namespaces/a/finalize", kubernetes.Target("", "namespaces", "", "a", "finalize")),
        (
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            kubernetes.Target("apps", "deployments", "a", "d", "scale"),
        ),
        ("/api/v1/watch/secrets", kubernetes.Target("", "secrets")),
        ("/apis/x.example.com/v1/things", kubernetes.Target("x.example.com", "things")),
        ("/apis/apps/v1", None),
        ("/healthz", None),
        ("/", None),
    ],
)
def test_what_a_path_of_a_cluster_names(path: str, wanted: kubernetes.Target | None) -> None:
    """Group, resource, namespace, name and subresource stand where the API concepts put them."""
    assert kubernetes.target_of(segments_of(path)) == wanted


@pytest.mark.parametrize(
    ("host", "port", "wanted"),
    [
        ("k8s.example.com", 443, True),
        ("10.0.0.1", 443, True),
        ("127.0.0.1", 8443, True),
        ("localhost", 8001, True),
        ("api.example.com", 6443, True),
        ("api.example.com", 443, False),
        ("8.8.8.8", 443, False),
    ],
)
def test_likely_clusters(host: str, port: int, *, wanted: bool) -> None:
    """A public host with no name or port of a cluster is none, so its dry runs are not believed."""
    assert kubernetes.is_likely_cluster(host, port) is wanted
