"""What resolvers ask, read and propose, and what scripted APIs answer, against the vendors' own descriptions.

`tests/cases/resolvers/published/*.json` holds, of each vendor's published description, the operations that matter
here: every name that the vendor gives an object that is looked into, with its type. A name of our own making is in
none of them. `policies/generators/schemas.py` makes them.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import parse_qsl

import pytest

from firewall.classify.resolvers.vendor import Ask, Fact, Lies, ThingRule, Vendor
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from tests.support.published import NAMES, has, operation, problems
from tests.support.understanding import ROOT

WITHOUT = {"aws", "railway"}
"""moto's server and a server that speaks Railway's published schema answer for these."""
TABLE = tomllib.loads((ROOT / "tests/cases/resolvers/vendors.toml").read_text("utf-8"))
ANSWERS = [(case, line, text) for case in TABLE["case"] for line, text in case["answers"].items()]


@cache
def vendors() -> tuple[Vendor, ...]:
    """Return the shipped files of resolvers."""
    return load(shipped()).catalogue.vendors


def vendor(name: str) -> Vendor:
    """Return a shipped file of resolvers."""
    return next(one for one in vendors() if one.provider == name)


def _of_facts(facts: tuple[Fact, ...]) -> Iterator[str]:
    yield from (fact.path for fact in facts if fact.path)


def _of_lies(lies: Lies, own: set[str]) -> Iterator[str]:
    """Yield the paths that say where a thing lies; `own`: words that the thing itself brings."""
    words = [word for _, template in lies.places for word in re.findall(r"\{([^{}]+)\}", template)]
    inside = f"{lies.each}." if lies.each else ""
    yield from (f"{inside}{path}".strip(".") for path in lies.environment)
    yield from (word if word.startswith("@") else f"{inside}{word}" for word in words if word not in own)


def looked_at(rule: ThingRule, own: set[str]) -> Iterator[tuple[Ask, str]]:
    """Yield every path that is read, from the root of the answer, with the request that it answers."""
    for path in (
        rule.match,
        *_of_lies(rule.lies, own),
        *_of_facts(rule.facts),
        *(path for _, path in rule.ids),
        *(less.path for less in rule.less),
    ):
        if path:
            yield rule.ask, f"{rule.found}.{path}".strip(".")
    yield from ((rule.ask, path.removeprefix("+")) for path in rule.more)
    for step in rule.then:
        for path in (step.found, *(f"{step.found}.{one}".strip(".") for one in _of_facts(step.facts))):
            yield step.ask, path
        yield from ((step.ask, path.removeprefix("+")) for path in step.more)


def test_every_vendor_is_held_against_its_description() -> None:
    """A file of resolvers without a published description stands here by name."""
    assert {one.provider for one in vendors()} - set(NAMES) == WITHOUT


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_is_an_operation_of_the_vendor(name: str) -> None:
    """Method, path and every name in the query of what a resolver sends are the vendor's own."""
    for rule in vendor(name).things.values():
        for ask in (rule.ask, *(step.ask for step in rule.then)):
            found = operation(name, ask.method, ask.path)
            assert found is not None, (ask.method, ask.path)
            names = {key for key, _ in parse_qsl(ask.query, keep_blank_values=True)}
            assert names <= set(found["query"]), (ask.path, ask.query)  # type: ignore[call-overload]  # a list


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_stands_in_the_answer(name: str) -> None:
    """Every path of a resolver leads to something that the vendor says its answer has."""
    file = vendor(name)
    missing = []
    for rule in file.things.values():
        own = {"this", "id"} | {word for path in file.paths for word in path.pattern.groupindex}
        for ask, path in looked_at(rule, own):
            found = operation(name, ask.method, ask.path)
            if found is None or not has(found["answer"], path):
                missing.append((rule.kind, ask.path, path))
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_proposed_is_an_operation_of_the_vendor(name: str) -> None:
    """The reversible form that people and agents are told of is a request that the vendor knows."""
    file = vendor(name)
    rows = [row for row in TABLE["first"] if file.speaks_for(row.get("kind", "rest"), row["host"])]
    lines = [line for row in rows for line in row["proposed"]]
    assert len(lines) >= len(file.first)
    for line in lines:
        request = re.search(r": ([A-Z]+) (/\S*)", line)
        assert request is not None, line
        assert operation(name, request[1], request[2]) is not None, line


@pytest.mark.parametrize(
    ("case", "line", "text"), ANSWERS, ids=[f"{case['name']}: {line}" for case, line, _ in ANSWERS]
)
def test_scripted_answers_are_such_as_the_vendor_gives(case: Mapping[str, str], line: str, text: str) -> None:
    """A scripted answer holds no name and no kind of value that the published answer does not have."""
    name = next(one.provider for one in vendors() if one.speaks_for(case.get("kind", "rest"), case["host"]))
    method, _, address = line.partition(" ")
    found = operation(name, method, address.partition("?")[0])
    assert found is not None, line
    assert problems(found["answer"], json.loads(text)) == []


def test_a_name_of_our_own_making_is_seen() -> None:
    """The check itself: a wrong name, a wrong kind and a wrong path are found."""
    answer = operation("neon", "GET", "/api/v2/projects/{id}")
    assert answer is not None
    shape = answer["answer"]
    assert isinstance(shape, Mapping)
    assert has(shape, "project.org_id")
    assert not has(shape, "project.organisation")
    assert problems(shape, {"project": {"name": "a"}}) == []
    assert problems(shape, {"project": {"name": 1}}) == [".project.name: 1 is none of string"]
    assert problems(shape, {"project": {"title": "a"}}) == [".project: there is no `title`"]
    assert problems(shape, []) == ["the answer: [] is none of object"]
    assert operation("neon", "GET", "/api/v3/projects/{id}") is None
