"""Requests to targets: read as the API that the target is configured to be."""

from dataclasses import replace

import pytest

from firewall.classify.requests import actions_of_request, bound_request
from firewall.classify.tool import actions_of, bound_arguments
from firewall.core.action import UNRESOLVED, Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from tests.support.understanding import shipped_context

TARGETS = {
    "railway": TargetSpec("railway", "staging", TargetKind.GRAPHQL, "backboard.railway.app"),
    "github": TargetSpec("github", "staging", TargetKind.REST, "api.github.com", scoped=True),
    "cluster": TargetSpec("cluster", "staging", TargetKind.KUBERNETES, "10.0.0.1", scoped=True),
}
CONTEXT = replace(shipped_context(), targets=TARGETS)


def call(target: str, outgoing: Outgoing) -> ToolCall:
    """Return a request as the gate hands it over."""
    return ToolCall("req_1", f"infra/{target}", outgoing.encode(), form=CallForm.REQUEST)


def read(target: str, method: str, path: str, body: str = "") -> tuple[Action, ...]:
    """Return the actions of a request."""
    headers = (("content-type", "application/json"),) if body else ()
    return actions_of(call(target, Outgoing(method, path, headers=headers, body=body.encode())), CONTEXT)


@pytest.mark.parametrize(
    ("target", "method", "path", "body", "effect"),
    [
        ("railway", "POST", "/graphql/v2", '{"query":"{ me { id } }"}', Effect.READ),
        ("railway", "POST", "/any", '{"query":"mutation{volumeDelete(volumeId:\\"v\\")}"}', Effect.DESTRUCTIVE),
        ("railway", "POST", "/graphql/v2", '{"extensions":{"persistedQuery":{}}}', Effect.UNKNOWN),
        ("railway", "DELETE", "/graphql/v2", "", Effect.UNKNOWN),
        ("railway", "GET", "/health", "", Effect.READ),
        ("github", "GET", "/repos/a/b/issues", "", Effect.READ),
        ("github", "DELETE", "/repos/a/b", "", Effect.DESTRUCTIVE),
        ("github", "PATCH", "/repos/a/b/issues/1", '{"DeLeTeD": true}', Effect.DESTRUCTIVE),
        ("github", "PATCH", "/repos/a/b/issues/1", '{"de\u017ftroy": true}', Effect.DESTRUCTIVE),
        ("github", "PATCH", "/repos/a/b/issues/1", '{"status": "REMOVED"}', Effect.DESTRUCTIVE),
        ("github", "PATCH", "/repos/a/b/issues/1", '{"title": "removes nothing"}', Effect.WRITE),
        ("github", "POST", "/repos/a/b/issues", '[{"Method": "DELETE", "url": "/x"}]', Effect.DESTRUCTIVE),
        ("cluster", "GET", "/api/v1/namespaces/web/pods", "", Effect.READ),
        ("cluster", "GET", "/api/v1/namespaces/web/secrets/db", "", Effect.SECRET),
        ("cluster", "DELETE", "/api/v1/namespaces/web", "", Effect.DESTRUCTIVE),
    ],
)
def test_requests_are_read_by_their_targets_kind(
    target: str, method: str, path: str, body: str, effect: Effect
) -> None:
    """The strictest effect of each, with the target's name on every action."""
    actions = read(target, method, path, body)
    assert max((action.effect for action in actions), key=list(Effect).index) is effect
    assert {(action.tool, action.target) for action in actions} == {(target, target)}


LOSS = "mutation%7BvolumeDelete(volumeId:%22v%22)%7D"
TWO = "query+A%7Bme%7Bid%7D%7D+mutation+B%7BvolumeDelete(volumeId:%22v%22)%7D"
READS = '{"query":"query A{ me { id } }","operationName":"A"}'
BOTH = '{"query":"query A{ me { id } } mutation B{ volumeDelete(volumeId:\\"v\\") }","operationName":"A"}'


@pytest.mark.parametrize(
    ("method", "query", "body", "effect"),
    [
        ("GET", f"query={LOSS}", "", Effect.DESTRUCTIVE),
        ("GET", f"%71uery={LOSS}", "", Effect.DESTRUCTIVE),
        ("GET", f"query={LOSS}&query=%7Bme%7Bid%7D%7D", "", Effect.UNKNOWN),
        ("GET", f"QUERY={LOSS}&query=%7Bme%7Bid%7D%7D", "", Effect.UNKNOWN),
        ("GET", f"Query={LOSS}", "", Effect.UNKNOWN),
        ("POST", f"Query={LOSS}&query=%7Bme%7Bid%7D%7D", READS, Effect.UNKNOWN),
        ("POST", f"query=%7Bme%7Bid%7D%7D&Query={LOSS}", "", Effect.UNKNOWN),
        ("GET", f"query={TWO}&operationName=A&OperationName=B", "", Effect.UNKNOWN),
        ("GET", f"query={TWO}&operationName=A", "", Effect.READ),
        ("GET", "query=%7Bme%7Bid%7D%7D&doc_id=1", "", Effect.UNKNOWN),
        ("GET", "query=%7Bme%7Bid%7D%7D&v=1", "", Effect.READ),
        ("GET", "query=%7Bme%7Bid%7D%7D", "", Effect.READ),
        ("GET", "extensions=%7B%22persistedQuery%22:%7B%7D%7D", "", Effect.UNKNOWN),
        ("GET", "doc_id=1", "", Effect.UNKNOWN),
        ("GET", "v=1", "", Effect.READ),
        ("POST", f"%71uery={LOSS}", READS, Effect.DESTRUCTIVE),
        ("POST", "operationName=B", BOTH, Effect.UNKNOWN),
        ("POST", "operationName=A", BOTH, Effect.READ),
        ("POST", "operationName=A&v=2", READS, Effect.READ),
        ("POST", "variables=%7B%22id%22:%22other%22%7D", READS, Effect.UNKNOWN),
        ("POST", "extensions=%7B%22persistedQuery%22:%7B%7D%7D", READS, Effect.UNKNOWN),
    ],
)
def test_the_address_of_a_graphql_request_is_read_as_servers_read_it(
    method: str, query: str, body: str, effect: Effect
) -> None:
    """However names are written, whichever of two counts, and before the body; no read hides anything."""
    headers = (("content-type", "application/json"),) if body else ()
    outgoing = Outgoing(method, "/graphql/v2", query=query, headers=headers, body=body.encode())
    actions = actions_of(call("railway", outgoing), CONTEXT)
    assert max((action.effect for action in actions), key=list(Effect).index) is effect


@pytest.mark.parametrize(
    ("target", "method", "path", "field", "is_privilege"),
    [
        ("cluster", "GET", "/api/v1/namespaces/web/pods", "impersonate-user", True),
        ("cluster", "GET", "/api/v1/namespaces/web/pods", "impersonate-group", True),
        ("cluster", "GET", "/api/v1/namespaces/web/pods", "impersonate-extra-scopes", True),
        ("cluster", "GET", "/api/v1/namespaces/web/pods", "accept", False),
        ("github", "GET", "/repos/a/b/issues", "sudo", True),
        ("github", "GET", "/repos/a/b/issues?sudo=root", "accept", True),
        ("github", "GET", "/repos/a/b/issues?%73udo=root", "accept", True),
        ("github", "GET", "/repos/a/b/issues?q=%20a", "accept", False),
        ("github", "GET", "/repos/a/b/issues", "stripe-account", False),
        ("github", "POST", "/repos/a/b/issues", "stripe-account", True),
        ("railway", "POST", "/graphql/v2", "impersonate-user", True),
    ],
)
def test_who_acts_as_somebody_else_uses_a_privilege(
    target: str, method: str, path: str, field: str, *, is_privilege: bool
) -> None:
    """A field or parameter that changes whose rights count, whatever else is asked; and it is told."""
    body = b'{"query":"{ me { id } }"}' if target == "railway" else b'{"title":"x"}' if method == "POST" else b""
    path, _, query = path.partition("?")
    outgoing = Outgoing(method, path, query=query, headers=((field, "somebody"),), body=body)
    actions = actions_of(call(target, outgoing), CONTEXT)
    assert any(Effect.PRIVILEGE in action.effects for action in actions) is is_privilege
    assert any("acts " in action.summary.lower() for action in actions) is is_privilege


def test_what_an_id_names_is_unresolved_unless_the_credential_is_scoped() -> None:
    """Reads lie where the target leads; a change through a credential that may reach more is unresolved."""
    (reading,) = read("railway", "POST", "/graphql/v2", '{"query":"{ me { id } }"}')
    (losing,) = read("railway", "POST", "/graphql/v2", '{"query":"mutation{volumeDelete(volumeId:\\"v\\")}"}')
    (scoped,) = read("github", "DELETE", "/repos/a/b")
    assert [one.environment for one in (reading, losing, scoped)] == ["staging", UNRESOLVED, "staging"]


def test_what_cannot_be_read_is_unknown() -> None:
    """Bytes that are no request, and a target that is not configured, are one unknown action."""
    broken = ToolCall("req_1", "infra/github", b"nothing", form=CallForm.REQUEST)
    assert [one.effect for one in actions_of_request(broken, CONTEXT)] == [Effect.UNKNOWN]
    assert bound_request(broken) == b"nothing"
    missing = call("nowhere", Outgoing("GET", "/"))
    assert [one.effect for one in actions_of(missing, CONTEXT)] == [Effect.UNKNOWN]


def test_an_approval_binds_what_means_something() -> None:
    """The bound bytes are those of the request without its inert fields."""
    outgoing = Outgoing("GET", "/a", headers=(("user-agent", "x"),))
    assert bound_arguments(call("github", outgoing), CONTEXT) == replace(outgoing, headers=()).encode()


def test_evidence_points_at_the_request_line() -> None:
    """The words that decided stand in the text that a person reads."""
    (action,) = read("github", "DELETE", "/repos/a/b")
    assert [action.text[span.start : span.end] for span in action.evidence] == ["DELETE", "/repos/a/b"]


@pytest.mark.parametrize("path", ["/repos/a/b/issues", "/~/x", "/repos/a/b/contents/HOME"])
def test_nobodys_home_changes_what_a_request_does(path: str) -> None:
    """Whatever home an agent has, and however a body speaks of one, a request reads the same."""
    body = '{"body":"see ~/.ssh, $HOME and \\\\u007e"}'
    for target in TARGETS:
        asked = call(target, Outgoing("POST", path, body=body.encode()))
        assert actions_of(asked, CONTEXT) == actions_of(asked, replace(CONTEXT, home="/home/olga"))


@pytest.mark.parametrize(
    ("looks_up", "method", "path", "things"),
    [
        (True, "POST", "/repos/a/b/issues", ["a/b"]),
        (False, "POST", "/repos/a/b/issues", []),
        (True, "DELETE", "/repos/a/b", ["a/b"]),
        (False, "DELETE", "/repos/a/b", ["a/b"]),
    ],
)
def test_what_is_named_is_known_where_it_serves(
    *, looks_up: bool, method: str, path: str, things: list[str]
) -> None:
    """To look it up, or to propose another way than to lose it."""
    targets = {"github": replace(TARGETS["github"], looks_up=looks_up)}
    request = call("github", Outgoing(method, path))
    context = replace(CONTEXT, targets=targets, catalogue=load(shipped()).catalogue)
    (action,) = actions_of(request, context)
    assert [thing.id for thing in action.things] == things
