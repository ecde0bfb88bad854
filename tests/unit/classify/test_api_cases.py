"""Recorded cases of APIs: what each AWS command, HTTP request and GraphQL document does, as data."""

import json
import re

import pytest

from firewall.classify.api.known import HostRule, rule_for
from firewall.classify.api.request import object_of, query_of, readings, words_of_query
from firewall.classify.api.routes import find, routes_of
from firewall.classify.http import address_of, row_of
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, ordered
from tests.support.understanding import ROOT, cases, shipped_catalogue, shipped_context

KINDS = ("aws", "http", "graphql")


def effects_of(kind: str, text: str) -> list[str]:
    """Return the distinct effects of a case, strictest first."""
    actions = actions_of_input(kind, text, shipped_context())
    return [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_effects(kind: str) -> None:
    """Every recorded input has exactly the effects that its row says."""
    rows = cases(kind)
    assert len(rows) > 100
    wrong = [
        (row["input"], found, row["effects"])
        for row in rows
        if (found := effects_of(kind, str(row["input"]))) != row["effects"]
    ]
    assert wrong == []


def test_every_argument_rule_of_aws_has_a_case() -> None:
    """A rule about the arguments of an AWS operation decides at least one recorded case."""
    row = next(row for row in shipped_catalogue().hosts if row.kind == "aws")
    told = {
        re.sub(r" `[^`]*`", "", action.summary)
        for kind in ("aws", "http")
        for case in cases(kind)
        for action in actions_of_input(kind, str(case["input"]), shipped_context())
    }
    assert [rule.summary for rule in row.rules if not any(rule.summary in summary for summary in told)] == []


def deciding(case: dict[str, object]) -> HostRule | None:
    """Return the rule of hosts.toml that decides a recorded request; None: none does."""
    request = json.loads(str(case["input"]))
    address = address_of(request["url"])
    assert address is not None
    row = row_of(address, shipped_catalogue())
    if row is None or row.kind == "aws":
        return None
    segments = readings(address.raw_path)[0]
    words = words_of_query(address.query)
    listed = (
        find(routes_of(row.table, request["method"]), request["method"], segments, words) if row.table else None
    )
    arguments = {**query_of(address.query), **(object_of(request["body"], {}) or {})}
    name = listed.name if listed is not None else ""
    return rule_for(row.rules, request["method"], "/" + "/".join(segments), operation=name, arguments=arguments)


def test_every_rule_of_a_host_has_a_case() -> None:
    """Each rule that hosts.toml gives a host, AWS left to the test above, decides a recorded request."""
    seen = [rule for case in cases("http") if (rule := deciding(case)) is not None]
    missing = [
        (row.provider, sorted(rule.methods), rule.path.pattern[:60], rule.summary)
        for row in shipped_catalogue().hosts
        if row.kind != "aws"
        for rule in row.rules
        if not any(rule is other for other in seen)
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["railway", "github", "fly"])
def test_every_rule_of_a_pack_with_arguments_has_cases(name: str) -> None:
    """Each effect that a pack's rules give a field, hanging on its arguments, is seen in a recorded case."""
    pack = next(pack for pack in shipped_catalogue().packs if pack.provider == name)
    seen: dict[str, set[frozenset[Effect]]] = {}
    for case in cases("graphql"):
        for action in actions_of_input("graphql", str(case["input"]), shipped_context()):
            field = action.operation.removeprefix("graphql:")
            seen.setdefault(field, set()).add(frozenset(action.effects))
    missing = [
        (field, sorted(rule.effects))
        for field, rules in pack.mutations.items()
        if len(rules) > 1
        for rule in rules
        if frozenset(rule.effects) not in seen.get(field, set())
    ]
    assert missing == []


def test_summaries_are_plain_sentences() -> None:
    """What an approver reads names the operation in words, and says where nothing brings it back."""
    for kind in KINDS:
        for case in cases(kind):
            for action in actions_of_input(kind, str(case["input"]), shipped_context()):
                assert action.summary
                assert "\n" not in action.summary
                if action.effects == (Effect.DESTRUCTIVE,) and kind == "graphql":
                    assert re.search(
                        r"no undo|lost|ends|stops|removes|deletes|deletion|deleted|overwr", action.summary
                    ), action.summary


def test_cases_hold_no_real_account() -> None:
    """The recorded inputs name no account, key or host of anybody."""
    text = "".join((ROOT / f"tests/cases/classify/{kind}.toml").read_text("utf-8") for kind in KINDS)
    assert re.search(r"AKIA[A-Z0-9]{16}|\b\d{12}\b", text) is None
