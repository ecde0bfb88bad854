"""What arguments of MCP tools name by configuration: ids for resolvers, and places of environments.toml."""

import json
import tomllib
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.context import Context
from firewall.classify.reader import Reader
from firewall.classify.resolvers.vendor import read_vendor
from firewall.classify.tool import actions_of
from firewall.core.action import UNRESOLVED, Action
from firewall.core.call import Served, ToolCall
from firewall.core.lookup import Lookup
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.thing import Thing
from tests.support.understanding import ROOT, context_with

ROWS = """
[[environment]]
name = "staging"
projects = ["aws/111122223333/eu-west-1"]
hosts = ["db.staging.example*"]
databases = ["trial", "db.staging.example/*"]
kube_namespaces = ["shop-staging"]
[[environment]]
name = "production"
hosts = ["db.prod.example"]
databases = ["shop"]
projects = ["aws/999900001111/*"]
kube_namespaces = ["shop"]
"""
TARGETS = {
    "api": TargetSpec("api", "production", TargetKind.GRAPHQL, "backboard.railway.app"),
    "hub": TargetSpec("hub", "production", TargetKind.REST, "api.github.com"),
    "amazon": TargetSpec("amazon", "production", TargetKind.AWS, "amazonaws.com"),
    "odd": TargetSpec("odd", "production", TargetKind.REST, "nobody.example"),
}
VOLUME = "3d2c42fb-6f6e-4a0e-8f5e-0d8f4a1c9b77"
OTHER = "3e7b19d5-0a42-4c9f-a6d8-c1f24e80d004"
BY_NAME = Lookup("api")
BY_POINTER = Lookup("api", "volume", (("id", "/disks/*/key"),))
REPO = Lookup("hub", "repo", (("owner", "/owner"), ("repo", "/name")))
DATABASE = Lookup("amazon", "database", (("id", "/db"),))
IN_REGION = Lookup("amazon", "database", (("id", "/db"), ("region", "/in")))
NAMESPACE = Lookup(at=(("id", "/ns"),), place="kube_namespaces")
ACCOUNT = Lookup(at=(("id", "/arn"),), place="projects", written="aws/{account}/{region}")
ADDRESS = Lookup(at=(("id", "/dsn"),), place="databases")
HOST = Lookup(at=(("id", "/dsn"),), place="hosts")
ALONE = Lookup(at=(("host", "/host"),), place="hosts")
NESTED = Lookup(at=(("id", "/to/host"),), place="hosts")
SPLIT = Lookup(at=(("host", "/host"), ("database", "/db")), place="databases", written="{host}/{database}")


@cache
def context() -> Context:
    """Return a context with the shipped resolvers' files."""
    files = sorted((ROOT / "policies/resolvers").glob("*.toml"))
    vendors = tuple(read_vendor(Reader(tomllib.loads(one.read_text("utf-8")), one.name)) for one in files)
    made = context_with(environments=ROWS)
    return replace(made, targets=TARGETS, catalogue=replace(made.catalogue, vendors=vendors))


def judged(tool: str, *lookups: Lookup, arguments: object, **changes: object) -> tuple[Action, ...]:
    """Return the actions of a call of a server of staging."""
    served = Served("ops", tool, "https://ops.example/mcp", environment="staging", lookups=lookups)
    served = replace(served, **changes)  # type: ignore[arg-type]  # tests name the fields
    call = ToolCall("", f"mcp__ops__{tool}", json.dumps(arguments).encode(), served=served)
    return actions_of(call, context())


def thing(
    kind: str, ident: str, *parts: tuple[str, str], provider: str = "railway", through: str = "api"
) -> Thing:
    """Return a thing."""
    return Thing(provider, kind, ident, parts, through)


@pytest.mark.parametrize(
    ("tool", "lookup", "arguments", "wanted"),
    [
        ("delete_it", BY_NAME, {"volumeId": VOLUME}, [thing("volume", VOLUME)]),
        ("delete_it", BY_NAME, {"in": {"deep": [{"volumeId": VOLUME}]}}, [thing("volume", VOLUME)]),
        ("environment-delete", BY_NAME, {"id": VOLUME}, [thing("environment", VOLUME)]),
        ("delete_it", BY_NAME, {"id": VOLUME}, []),
        ("run", BY_NAME, {"query": f'mutation {{ volumeDelete(volumeId: "{VOLUME}") }}'},
         [thing("volume", VOLUME)]),
        ("delete_it", BY_POINTER, {"disks": [{"key": VOLUME}, {"key": OTHER}]},
         [thing("volume", VOLUME), thing("volume", OTHER)]),
        ("delete_it", BY_POINTER, {"disks": [{"key": "the big one"}]}, [thing("volume", "")]),
        ("delete_it", BY_POINTER, {"disks": [{"key": {"id": VOLUME}}]}, [thing("volume", "", provider="api")]),
        ("delete_it", BY_POINTER, {"disks": []}, []),
        ("delete_it", BY_POINTER, {"disks": None}, []),
        ("delete_it", BY_POINTER, {"disks": [{"key": None}, {}]}, []),
        ("delete_it", BY_POINTER, {"disks": VOLUME}, [thing("volume", "", provider="api")]),
        ("delete_it", BY_POINTER, {"disks": [VOLUME]}, [thing("volume", "", provider="api")]),
        ("delete_it", BY_POINTER, {"disks": [[{"key": VOLUME}]]}, [thing("volume", "", provider="api")]),
        ("delete_it", BY_POINTER, {"disks": {"first": {"key": VOLUME}, "second": False}},
         [thing("volume", VOLUME), thing("volume", "", provider="api")]),
        ("delete_repo", REPO, {"owner": "acme", "name": "shop"},
         [thing("repo", "acme/shop", ("owner", "acme"), ("repo", "shop"), provider="github", through="hub")]),
        ("delete_repo", REPO, {"owner": "acme"}, [thing("repo", "", provider="hub", through="hub")]),
        ("call", Lookup("hub"), {"method": "DELETE", "path": "/repos/acme/shop/issues/1"},
         [thing("repo", "acme/shop", ("owner", "acme"), ("repo", "shop"), provider="github", through="hub")]),
        ("drop", DATABASE, {"db": "arn:aws:rds:eu-west-1:111122223333:db:shop"},
         [thing("database", "shop", ("id", "shop"), ("region", "eu-west-1"), provider="aws", through="amazon")]),
        ("drop", DATABASE, {"db": "arn:aws:rds:EU.evil.example/:1:db:shop"},
         [thing("database", "", provider="aws", through="amazon")]),
        ("drop", IN_REGION, {"db": "shop", "in": "eu-west-1"},
         [thing("database", "shop", ("id", "shop"), ("region", "eu-west-1"), provider="aws", through="amazon")]),
        ("drop", IN_REGION, {"db": "shop", "in": "x.evil.example/#"},
         [thing("database", "", provider="amazon", through="amazon")]),
        ("drop", Lookup("odd"), {"id": "7"}, [thing("argument", "", provider="odd", through="odd")]),
    ],
)  # fmt: skip
def test_what_arguments_name(tool: str, lookup: Lookup, arguments: object, wanted: list[Thing]) -> None:
    """By the vendor's names, by a pointer, by parts, in GraphQL, as a path or an ARN; what is unreadable stays."""
    for action in judged(tool, lookup, arguments=arguments):
        assert list(action.things) == wanted


@pytest.mark.parametrize(
    ("lookup", "arguments", "wanted"),
    [
        (NAMESPACE, {"ns": "shop-staging"}, "staging"),
        (NAMESPACE, {"ns": "shop"}, "production"),
        (NAMESPACE, {"ns": "elsewhere"}, UNRESOLVED),
        (NAMESPACE, {"ns": ["shop-staging", "shop"]}, "production"),
        (NAMESPACE, {"ns": ["shop-staging", "elsewhere"]}, UNRESOLVED),
        (NAMESPACE, {"ns": {"name": "shop-staging"}}, UNRESOLVED),
        (ACCOUNT, {"arn": "arn:aws:s3:eu-west-1:111122223333:thing/x"}, "staging"),
        (ACCOUNT, {"arn": "arn:aws:s3:eu-west-1:999900001111:thing/x"}, "production"),
        (ACCOUNT, {"arn": "arn:aws:s3:::bucket"}, UNRESOLVED),
        (ADDRESS, {"dsn": "postgres://u:p@10.0.0.1:5432/shop?sslmode=require"}, "production"),
        (ADDRESS, {"dsn": "postgres://u:p@10.0.0.1:5432/other"}, UNRESOLVED),
        (HOST, {"dsn": "mysql://db.prod.example/x"}, "production"),
        (HOST, {"dsn": "mysql://[broken/x"}, UNRESOLVED),
        (HOST, {"dsn": "postgres://db.staging.example/x"}, "staging"),
        (HOST, {"dsn": "postgres://db.staging.example/x?host=db.prod.example"}, "production"),
        (HOST, {"dsn": "postgres://db.staging.example/x?hostaddr=10.0.0.1"}, UNRESOLVED),
        (HOST, {"dsn": "postgres://db.staging.example/x?h%6Fst=10.0.0.1"}, UNRESOLVED),
        (HOST, {"dsn": "postgres://db.staging.example/x?service=shop"}, UNRESOLVED),
        (HOST, {"dsn": "postgres://db.staging.example:5432,db.prod.example:5432/x"}, "production"),
        (HOST, {"dsn": "mongodb://db.staging.example,10.0.0.1/x"}, UNRESOLVED),
        (HOST, {"dsn": "host=db.staging.example dbname=x"}, "staging"),
        (HOST, {"dsn": "host=db.staging.example hostaddr=10.0.0.1 dbname=x"}, UNRESOLVED),
        (HOST, {"dsn": "Server=tcp:db.prod.example,1433;Initial Catalog=x"}, "production"),
        (HOST, {"dsn": "db.staging.example,db.prod.example"}, UNRESOLVED),
        (ADDRESS, {"dsn": "postgres://db.prod.example/trial?dbname=shop"}, "production"),
        (ADDRESS, {"dsn": "postgres://db.prod.example/trial?dbname=other"}, UNRESOLVED),
        (ADDRESS, {"dsn": "postgres://db.prod.example/trial"}, "staging"),
        (SPLIT, {"host": "db.staging.example", "db": "trial"}, "staging"),
        (SPLIT, {"host": "db.staging.example", "db": "host=db.prod.example dbname=shop"}, UNRESOLVED),
        (SPLIT, {"host": "db.staging.example", "db": "postgres://db.prod.example/shop"}, UNRESOLVED),
        (ALONE, {"host": "db.staging.example"}, "staging"),
        (ALONE, {"host": "db.staging.example,10.0.0.1"}, UNRESOLVED),
        (NESTED, {"to": {"host": "db.staging.example"}}, "staging"),
        (NESTED, {"to": "db.prod.example"}, UNRESOLVED),
        (NESTED, {"to": [{"host": "db.prod.example"}]}, UNRESOLVED),
    ],
)
def test_where_places_lie(lookup: Lookup, arguments: object, wanted: str) -> None:
    """A place lies where environments.toml says; one that no row names lies nowhere, whatever else there is."""
    assert {action.environment for action in judged("delete_it", lookup, arguments=arguments)} == {wanted}


@pytest.mark.parametrize("tool", ["delete_it", "get_it"])
def test_an_id_lies_nowhere_until_it_is_looked_up(tool: str) -> None:
    """Of a change and of a read; where the server reaches nothing else, in its environment."""
    found = judged(tool, BY_NAME, arguments={"volumeId": VOLUME})
    assert {one.environment for one in found} == {UNRESOLVED}
    scoped = judged(tool, BY_NAME, arguments={"volumeId": VOLUME}, is_scoped=True)
    assert {one.environment for one in scoped} == {"staging"}


def test_a_place_elsewhere_is_not_hidden_by_an_id() -> None:
    """Production's namespace beside an id that could be staging's."""
    found = judged("delete_it", BY_NAME, NAMESPACE, arguments={"volumeId": VOLUME, "ns": "shop"}, is_scoped=True)
    assert {one.environment for one in found} == {"production"}


def test_more_than_can_be_read_is_not_forgotten() -> None:
    """Ids behind hundreds of other values are named as something that nobody looks up."""
    many: dict[str, object] = {"volumeId": VOLUME, "labels": ["x"] * 3000, "environmentId": OTHER}
    for lookup, arguments in [(BY_NAME, many), (BY_POINTER, {"disks": [{"key": VOLUME}] * 70})]:
        (first, *_) = judged("delete_it", lookup, arguments=arguments)
        assert any(not one.id for one in first.things)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=40)
    | st.sampled_from([VOLUME, "a://[", "arn:aws:"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "disks", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["volumeId", "disks", "owner", "name", "ns", "dsn", "arn", "db"]), _VALUES))
def test_lookups_never_make_a_call_lie_where_it_did_not(arguments: dict[str, object]) -> None:
    """Always: with rows for its arguments a call lies elsewhere or nowhere known, wherever it names something."""
    without = judged("delete_it", arguments=arguments)[0].environment
    rows = (BY_NAME, BY_POINTER, REPO, DATABASE, ACCOUNT, ADDRESS, HOST)
    found = judged("delete_it", *rows, arguments=arguments)[0]
    assert found.environment in (without, UNRESOLVED, "production") or not found.things


@pytest.mark.parametrize(
    "command",
    [
        "kubectl --context weird delete ns x",
        "psql -h 10.9.9.9 -c 'drop table a'",
        "curl -X DELETE https://a.example/x",
    ],
)
def test_a_command_lies_where_it_says_itself(command: str) -> None:
    """An argument beside it that names a place of staging says nothing of where it goes."""
    actions = judged("run_command", NAMESPACE, arguments={"command": command, "ns": "shop-staging"})
    assert actions[0].environment == "staging"
    assert {action.environment for action in actions[1:]} == {UNRESOLVED}


def test_a_command_has_no_part_in_what_is_looked_up_beside_it() -> None:
    """What a resolver finds out about an id does not speak for a command."""
    actions = judged("run_command", DATABASE, arguments={"command": "kubectl delete ns x", "db": "shop"})
    assert [bool(action.things) for action in actions] == [True, False]


@pytest.mark.parametrize("lookups", [(), (NAMESPACE,)])
@pytest.mark.parametrize("name", ["ns", "namespace"])
def test_what_a_tool_does_not_declare_settles_nothing(name: str, lookups: tuple[Lookup, ...]) -> None:
    """A change stays unresolved; a place elsewhere still raises."""
    arguments = {"resource": "metadata: {namespace: shop}", name: "shop-staging"}
    actions = judged("create_thing", *lookups, arguments=arguments, has_strays=True)
    assert {action.environment for action in actions} == {UNRESOLVED}
    arguments["namespace"] = "shop"
    assert judged("create_thing", *lookups, arguments=arguments, has_strays=True)[0].environment == "production"
