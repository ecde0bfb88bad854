"""What is proposed in place of what cannot be taken back: exact, milder, and built of nothing that an API says."""

import tomllib
from typing import Any

import pytest

from firewall.classify.context import Context
from firewall.classify.reader import Reader
from firewall.classify.resolvers.instead import proposals, read_first
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.approval import Form
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError
from firewall.core.outgoing import Outgoing, decode
from firewall.core.target import TargetKind, TargetSpec
from firewall.guard.proposing import proposed
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.reading import shell_call
from tests.support.understanding import ROOT

_RULES = load(shipped())
_CASES: list[dict[str, Any]] = tomllib.loads((ROOT / "tests/cases/resolvers/vendors.toml").read_text("utf-8"))[
    "first"
]


def _spec(case: dict[str, Any]) -> TargetSpec:
    return TargetSpec("api", "staging", TargetKind(case.get("kind", "rest")), case["host"])


def _outgoing(case: dict[str, Any], line: str) -> Outgoing:
    method, path, *body = line.split(" ", 2)
    text = body[0] if body else ""
    kind = "application/json" if text.startswith("{") else "application/x-www-form-urlencoded"
    service, headers = case.get("service", ""), [("content-type", kind)] if text else []
    if "target" in case:
        headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", case["target"])]
    host = f"{service}.eu-west-1.amazonaws.com" if service else ""
    scope = f"eu-west-1/{service}" if service else ""
    return Outgoing(method, path, headers=tuple(headers), body=text.encode(), host=host, scope=scope)


def _actions(spec: TargetSpec, outgoing: Outgoing) -> tuple[ToolCall, tuple[Action, ...]]:
    call = ToolCall("req_1", "infra/api", outgoing.encode(), form=CallForm.REQUEST)
    context = Context("/w", "", "/h", _RULES.environments, _RULES.catalogue, targets={"api": spec})
    return call, actions_of(call, context)


def _sent(request: str) -> str:
    outgoing = decode(request.encode())
    return " ".join(part for part in (outgoing.method, outgoing.path, outgoing.body.decode()) if part)


def _same_operation(form: Form, original: Outgoing, spec: TargetSpec) -> None:
    """The request is the command line's operation, on the same thing, at the same place."""
    outgoing = decode(form.request.encode())
    words = form.line.partition(": ")[2].split(" ")
    (action,) = _actions(spec, outgoing)[1]
    assert action.operation.lower() == f"http:{words[1]}:{words[2].replace('-', '')}"
    assert not set(action.effects) & {Effect.UNKNOWN, Effect.DESTRUCTIVE}
    assert all(value in outgoing.body.decode() for value in words[4::2])
    assert (outgoing.host, outgoing.scope) == (original.host, original.scope)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case['host']} {case['request'][:60]}")
def test_what_loses_something_has_a_form_that_does_not(case: dict[str, Any]) -> None:
    """Exactly the lines of the table, each of them understood, and milder than what it stands for."""
    spec = _spec(case)
    call, actions = _actions(spec, _outgoing(case, case["request"]))
    forms = proposed(call, actions, (), rules=_RULES, targets={"api": spec})
    assert [form.line for form in forms] == case["proposed"]
    assert [form.before for form in forms] == ["first" in form.line.partition(":")[0] for form in forms]
    for form in forms:
        if spec.kind is TargetKind.AWS:
            _same_operation(form, _outgoing(case, case["request"]), spec)
        else:
            assert _sent(form.request) == form.line.partition(": ")[2]
    for line in case["proposed"]:
        sent = line.partition(": ")[2]
        if sent.startswith("aws "):
            context = Context("/w", "", "/h", _RULES.environments, _RULES.catalogue)
            others = actions_of(shell_call(sent), context)
        else:
            _, others = _actions(spec, _outgoing({"host": case["host"]}, sent))
        effects = {effect for action in others for effect in action.effects}
        assert Effect.UNKNOWN not in effects
        assert case.get("grace") or Effect.DESTRUCTIVE not in effects


def test_every_row_of_the_shipped_files_has_a_case() -> None:
    """A proposal that no case makes is one that nobody has tried."""
    wanted = {line.partition(": ")[0] for case in _CASES for line in case["proposed"]}
    rows = {row.words for vendor in _RULES.catalogue.vendors for row in vendor.first}
    assert rows == wanted


@pytest.mark.parametrize(
    "path", ["/v2/volumes/a%20b", "/v2/volumes/%22x", "/v2/volumes/..", "/v2/volumes/$(id)", "/v2/volumes/a;b"]
)
def test_what_is_no_plain_word_gets_into_no_proposal(path: str) -> None:
    """A path of the agent's that could mean something else is not repeated as advice."""
    spec = TargetSpec("api", "staging", TargetKind.REST, "api.digitalocean.com")
    call, actions = _actions(spec, Outgoing("DELETE", path))
    assert proposed(call, actions, (), rules=_RULES, targets={"api": spec}) == ()


def test_what_only_reads_or_adds_gets_no_proposal() -> None:
    """Nothing is proposed where nothing is lost."""
    spec = TargetSpec("api", "staging", TargetKind.REST, "api.digitalocean.com")
    for method in ("GET", "POST"):
        outgoing = Outgoing(method, "/v2/volumes/506f78a4-e098-11e5-ad9f-000f53306ae1")
        call, actions = _actions(spec, outgoing)
        assert proposals(_RULES.catalogue.vendors[0].first, outgoing, actions[0]) == ()
        assert proposed(call, actions, (), rules=_RULES, targets={"api": spec}) == ()


@pytest.mark.parametrize(
    "row",
    [
        {"words": "w", "send": "s"},
        {"operation": "x", "send": "s"},
        {"request": "x", "words": "w"},
        {"operation": "(", "words": "w", "send": "s"},
        {"operation": "x", "words": "w", "send": "s", "more": 1},
    ],
)
def test_a_row_that_cannot_work_is_refused(row: dict[str, object]) -> None:
    """Without a pattern, words or a line, or with a word that nobody knows, the folder is not loaded."""
    with pytest.raises(ConfigError):
        read_first(Reader(row, "resolvers/x.toml"))
