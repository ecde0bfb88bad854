"""What requests name, and the questions about it: ids stand where they can mean nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.catalogue import Catalogue
from firewall.classify.environments import compile_environments
from firewall.classify.reader import Reader
from firewall.classify.resolvers.finding import Known, environments_of, item_of, kept, unseen
from firewall.classify.resolvers.questions import question
from firewall.classify.resolvers.things import MAX_DEPTH, MAX_GIVEN, counted, flat, named, numbers, vendor_of
from firewall.classify.resolvers.vendor import Ask, Vendor, read_vendor
from firewall.core.errors import ConfigError
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.thing import Thing
from firewall.core.world import Standing
from firewall.policy.defaults import shipped
from firewall.policy.load import load

CLOUD: dict[str, object] = {
    "provider": "cloud",
    "hosts": ["api.cloud.example"],
    "arguments": {"volumeId": "volume"},
    "operations": {"drop": {"id": "volume"}, "make": {"volumeId": ""}, "db:*": {"Name": "volume"}},
    "path": [
        {"path": "/v1/volumes/{volume}*", "thing": "volume"},
        {"path": "/r/{owner}/{repo}*", "thing": "repo"},
    ],
    "thing": [
        {
            "kind": "volume",
            "id": "[a-z0-9-]{1,20}",
            "ask": {"path": "/v1/volumes/{id}", "query": "x={id}"},
            "found": "volumes",
            "match": "id",
            "more": ["page.more", "+page.next"],
            "unknown": "no such",
            "lies": {
                "each": "at",
                "environment": "env",
                "tags": ["cloud/{tag}"],
                "resources": ["volume:cloud/{this}"],
            },
        },
        {"kind": "repo", "id": "[a-z.-]{1,20}", "ask": {"path": "/r/{owner}/{repo}"}, "found": ""},
    ],
}


def vendor(**changes: object) -> Vendor:
    """Compile the vendor above."""
    return read_vendor(Reader({**CLOUD, **changes}, "resolvers/cloud.toml"))


def test_arguments_name_things_wherever_they_stand() -> None:
    """Nested, in lists, by the operation's own words, by path; each once."""
    given_ = flat({"input": {"volumeId": "a"}, "all": [{"volumeId": "b"}, {"volumeId": "a"}], "id": "c"})
    assert [one.id for one in named(vendor(), "other", given_, path="/")] == ["a", "b"]
    assert [one.id for one in named(vendor(), "Drop", given_, path="/")] == ["a", "b", "c"]
    assert named(vendor(), "make", flat({"volumeId": "new"}), path="/") == ()
    assert [one.id for one in named(vendor(), "db:Delete", flat({"Name.member.1": "x"}), path="/")] == ["x"]
    assert [one.resource for one in named(vendor(), "", [], path="/v1/volumes/a%2D1/snapshots")] == [
        "volume:cloud/a-1"
    ]
    (repo,) = named(vendor(), "", [], path="/r/acme/app.x/keys")
    assert (repo.id, repo.parts) == ("acme/app.x", (("owner", "acme"), ("repo", "app.x")))


def test_what_is_asked_about_by_long_names_is_not_remembered() -> None:
    """Operations and services are named by agents: neither fills memory, and both are read."""
    found = vendor(path=[{"path": "/{volume}", "thing": "volume", "service": "s" * 300}, *CLOUD["path"]])  # type: ignore[misc]  # a list
    assert [rule.service for rule in found.paths_of("drop", "s" * 300)] == ["s" * 300]
    assert len(found.paths_of("d" * 300, "")) == 2
    assert found._fitting == {}
    assert len(found.paths_of("drop", "")) == 2
    assert len(found._fitting) == 1


def _deep(value: object, levels: int) -> object:
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "arguments",
    [
        {"volumeId": "a", "labels": ["x"] * MAX_GIVEN, "other": {"volumeId": "b", "days": 1}},
        {"volumeId": "a", "labels": _deep({"volumeId": "b", "days": 1}, MAX_DEPTH)},
    ],
)
def test_what_is_beyond_the_bounds_is_named_and_not_seen(arguments: dict[str, object]) -> None:
    """FAIL-CLOSED: an id behind many values, or deep among them, is something that nobody can look up."""
    given_ = flat(arguments)
    assert [(one.kind, one.id) for one in named(vendor(), "", given_, path="/")] == [("volume", "a"), ("more", "")]
    assert numbers({"days"}, given_) == (("days", 0),)
    assert named(vendor(arguments={}), "", given_, path="/") == ()  # nothing is looked up by its name there


def test_what_fits_the_bounds_is_all_seen() -> None:
    """Up to the last value, and to the last level."""
    given_ = flat({"labels": ["x"] * (MAX_GIVEN - 1), "volumeId": "b"})
    assert [one.id for one in named(vendor(), "", given_, path="/")] == ["b"]
    assert [one.id for one in named(vendor(), "", flat({"volumeId": _deep("b", MAX_DEPTH - 1)}), path="/")] == [
        "b"
    ]


@pytest.mark.parametrize("ident", ["", "A B", "a/../b", "a" * 300, '"}{', "a\n", "ä"])
def test_what_does_not_look_like_an_id_is_named_and_not_seen(ident: str) -> None:
    """It is never asked about, and what it names stays unresolved."""
    (thing,) = named(vendor(), "", [("volumeId", ident)], path="/")
    assert (thing.kind, thing.id) == ("volume", "")


@given(st.text(min_size=1, max_size=40))
def test_an_id_never_leaves_its_place(ident: str) -> None:
    """Whatever an id holds: the document stays as it is, a path keeps its segments, a query its words."""
    document = Ask(method="POST", document="query($id: String!) { v(id: $id) }", variables={"id": "{id}"})
    asked = question(document, {"id": ident})
    assert asked is not None
    assert json.loads(asked.body) == {"query": document.document, "variables": {"id": ident}}
    plain = question(Ask(path="/v/{id}/x", query="a={id}&b=1"), {"id": ident})
    if ident.strip("."):
        assert plain is not None
        assert plain.path.count("/") == 3
        assert plain.query.count("&") == 1
        assert not set(plain.path + plain.query) & set(" ?#\n\r\t")
    else:
        assert plain is None


def test_a_missing_word_is_no_question() -> None:
    """A template that needs more than is known asks nothing."""
    assert question(Ask(path="/v/{project}/{id}"), {"id": "a"}) is None


def test_aws_is_asked_where_the_request_goes() -> None:
    """Region from the request, service from the file, the body a form or typed JSON."""
    asked = question(Ask(form="Action=D&Id={id}", service="rds"), {"id": "a&b"}, region="eu-west-1")
    assert asked is not None
    assert (asked.host, asked.scope, asked.body) == (
        "rds.eu-west-1.amazonaws.com",
        "eu-west-1/rds",
        b"Action=D&Id=a%26b",
    )
    asked = question(Ask(json={"TableName": "{id}"}, target="X.Y", service="dynamodb"), {"id": 'a"'}, region="r")
    assert asked is not None
    assert (json.loads(asked.body), asked.header("x-amz-target")) == ({"TableName": 'a"'}, "X.Y")


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        ({"volumes": [{"id": "a"}, {"id": "b"}]}, Standing.KNOWN),
        ({"volumes": [{"id": "b"}]}, Standing.UNKNOWN),
        ({"volumes": [{"id": "b"}], "page": {"more": True}}, Standing.UNSEEN),
        ({"volumes": [{"id": "b"}], "page": {"next": "https://x"}}, Standing.UNSEEN),
        ({"volumes": [{"id": "b"}], "page": {"more": False, "next": ""}}, Standing.UNKNOWN),
        ({"volumes": [{"id": "a"}, {"id": "a"}]}, Standing.UNSEEN),
        ({"errors": [{"message": "there is no such volume"}], "volumes": [{"id": "a"}]}, Standing.UNKNOWN),
        ({"errors": [{"message": "no such"}, {"message": "internal"}]}, Standing.UNSEEN),
        ({"errors": []}, Standing.UNSEEN),
        (None, Standing.UNSEEN),
    ],
)
def test_standing(answer: object, standing: Standing) -> None:
    """Known, unknown, or not seen: a partial answer and any doubt are not seen."""
    rule = vendor().things["volume"]
    assert item_of(rule, Thing("cloud", "volume", "a"), answer)[0] is standing


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ([{"env": "Staging"}], ("staging",)),
        ([{"env": "staging"}, {"env": "production"}], ("production", "staging")),
        ([{"env": "blue"}], ("unresolved",)),
        ([{"env": "local"}], ("unresolved",)),
        ([{"env": "staging", "tag": "live"}], ("production",)),
        ([{"env": "staging", "tag": "both"}], ("unresolved",)),
        ([], ("unresolved",)),
        ([{}], ("unresolved",)),
        ([{"env": ["staging", "production"]}], ("unresolved",)),
    ],
)
def test_where_a_thing_lies(at: list[object], wanted: tuple[str, ...]) -> None:
    """Rows of environments.toml speak before the API's own word; what two of them claim is unresolved."""
    rows = compile_environments(
        {
            "environment": [
                {"name": "production", "tags": ["cloud/live", "cloud/both"]},
                {"name": "dev", "tags": ["cloud/both"]},
            ]
        }
    )
    known = Known(rows, frozenset({"staging", "production", "dev", "local"}))
    rule = vendor().things["volume"]
    assert environments_of(rule.lies, Thing("cloud", "volume", "a"), {"at": at}, known) == wanted


def test_a_row_that_names_the_thing_itself_decides() -> None:
    """`resources = ["volume:cloud/a"]` is stronger than what the API calls its environment."""
    rows = compile_environments({"environment": [{"name": "production", "resources": ["volume:cloud/a"]}]})
    rule = vendor().things["volume"]
    known = Known(rows, frozenset({"staging"}))
    at = {"at": [{"env": "staging", "id": "part"}]}
    assert environments_of(rule.lies, Thing("cloud", "volume", "a"), at, known) == ("production",)
    assert environments_of(rule.lies, Thing("cloud", "volume", "b"), at, known) == ("staging",)


def test_what_is_not_seen_keeps_its_shape() -> None:
    """A thing whose kind nobody describes says where it lies as well: not at all."""
    assert unseen(None, Thing("x", "y", ""), "why").says_where
    assert not unseen(vendor().things["repo"], Thing("x", "repo", "a/b"), "why").says_where


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider": ""}, "provider"),
        ({"kind": "soap"}, "one of"),
        ({"arguments": {"x": "nothing"}}, "no `thing` says how a `nothing`"),
        ({"thing": [{"kind": "volume"}, {"kind": "volume"}, {"kind": "repo"}]}, "twice"),
        ({"thing": [{"kind": "volume", "facts": {"colour": "x"}}]}, "no fact `colour`"),
        ({"thing": [{"kind": "volume", "ask": {"method": "DELETE", "path": "/x"}}]}, "asks with GET"),
        ({"kind": "graphql", "thing": [{"kind": "volume", "ask": {"document": "mutation { x }"}}]}, "is a query"),
        (
            {"kind": "graphql", "thing": [{"kind": "volume", "ask": {"document": '{ v(id: "{id}") }'}}]},
            "variables",
        ),
        ({"kind": "aws", "thing": [{"kind": "volume", "ask": {"form": "A=1"}}]}, "service"),
        ({"path": [{"path": "v1", "thing": "volume"}]}, "begins with"),
        ({"wings": 1}, "unknown key `wings`"),
        ({"thing": [{"kind": "volume", "id": "("}]}, "a pattern"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(changes: dict[str, object], words: str) -> None:
    """With the file's name and what is wrong; a resolver that could change anything is not loaded."""
    with pytest.raises(ConfigError) as caught:
        vendor(**changes)
    assert words in caught.value.public
    assert "resolvers/cloud.toml" in caught.value.public


def test_a_bad_file_refuses_the_folder(tmp_path: Path) -> None:
    """`policy check` names the file; without any, the folder loads and resolves nothing."""
    from firewall.policy.load import check
    from tests.support.policy_folder import write_folder

    folder = write_folder(tmp_path / "p", "p, *, *, *, *, read, , allow,\n")
    assert load(folder).catalogue.vendors == ()
    (folder / "resolvers").mkdir()
    (folder / "resolvers" / "x.toml").write_text('provider = "x"\nwings = 1\n')
    (problem,) = [one for one in check(folder) if one.is_fatal]
    assert problem.file == "resolvers/x.toml"


def test_every_shipped_file_loads_and_says_where_it_comes_from() -> None:
    """The shipped vendors are there, each with its provenance."""
    vendors = {one.provider for one in load(shipped()).catalogue.vendors}
    assert "railway" in vendors
    for path in sorted((shipped() / "resolvers").glob("*.toml")):
        assert "provenance" in path.read_text("utf-8"), path.name


def test_a_vendor_is_found_by_kind_and_host() -> None:
    """The kind of the target and the host by which the catalogue knows it."""
    spec = TargetSpec("t", "staging", TargetKind.REST, "api.cloud.example")
    outgoing = Outgoing("GET", "/")
    known = Catalogue(vendors=(vendor(),))
    assert vendor_of(spec, outgoing, known) is not None
    assert vendor_of(TargetSpec("t", "staging", TargetKind.GRAPHQL, "api.cloud.example"), outgoing, known) is None
    assert vendor_of(TargetSpec("t", "staging", TargetKind.REST, "other"), outgoing, known) is None


OBJECTS: list[object] = [
    {"of": {"name": "Data"}, "ready": True},
    {"of": {"name": "data"}, "ready": False},
    {"of": {"name": "other"}},
]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ((), [0, 1, 2]),
        ((("of.name", "{id}"),), [0, 1]),
        ((("of.name", "{id}"), ("ready", "true")), [0]),
        ((("of.name", "!{id}"),), [2]),
        ((("of.name", "{nobody}"),), None),
        ((("of.name", "{id}x"),), []),
    ],
)
def test_of_a_list_only_what_belongs_to_the_thing_is_kept(
    where: tuple[tuple[str, str], ...], wanted: list[int] | None
) -> None:
    """By a text at a path, whatever its case; a word that nobody knows leaves nothing that could be counted."""
    found = kept(OBJECTS, where, {"id": "data"})
    assert found == (None if wanted is None else [OBJECTS[at] for at in wanted])


def test_paths_of_a_service_name_things_of_that_service_alone() -> None:
    """The rest of a path may hold slashes; the operation says whether the thing is there already."""
    rows = [
        {
            "path": "/{owner}/{repo+}",
            "thing": "repo",
            "service": "store",
            "operation": "^s:Delete",
            "any_case": True,
        }
    ]
    file = vendor(path=rows)
    (deep,) = named(file, "s:Delete", [], path="/a/b/c", service="store")
    assert deep.id == ""  # a slash is no sign of this kind's ids: it is named, and not asked about
    (thing,) = named(file, "s:Delete", [], path="/a/b.c", service="store")
    assert (thing.id, thing.parts) == ("a/b.c", (("owner", "a"), ("repo", "b.c")))
    assert named(file, "s:Put", [], path="/a/b.c", service="store") == ()
    assert named(file, "s:Delete", [], path="/a/b.c", service="other") == ()
    assert named(file, "s:Delete", [], path="/a/b.c") == ()


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ({"volumeId": "a", "days": 3}, (("days", 3),)),
        ({"volumeId": "a", "days": "1"}, (("days", 1),)),
        ({"volumeId": "a", "days": 1.5}, (("days", 0),)),
        ({"volumeId": "a", "days": "-9"}, (("days", 0),)),
        ({"volumeId": "a"}, ()),
        ({"days": 3}, ()),
    ],
)
def test_the_numbers_that_a_request_sets(given_: dict[str, object], wanted: tuple[tuple[str, int], ...]) -> None:
    """Those that a file speaks of, of things that are named; what is no plain number counts as none."""
    things = CLOUD["thing"]
    assert isinstance(things, list)
    file = vendor(thing=[{**things[0], "less": [{"argument": "days", "path": "d", "words": "w"}]}, things[1]])
    found = flat(given_)
    assert numbers(counted(file, named(file, "other", found, path="/")), found) == wanted


@pytest.mark.parametrize("row", [{"argument": "a"}, {"argument": "a", "path": "b"}, {"path": "b", "words": "c"}])
def test_a_row_about_less_says_all_of_it(row: dict[str, object]) -> None:
    """Argument, path and words, or the file does not load."""
    things = CLOUD["thing"]
    assert isinstance(things, list)
    with pytest.raises(ConfigError):
        vendor(thing=[{**things[0], "less": [row]}, things[1]])
