"""Requests that go on as a WebSocket: connections to a cluster are `exec` with their command, others unknown."""

import re
from dataclasses import replace

import pytest

from firewall.classify.api.known import HostRow, HostRule
from firewall.classify.channels import METHOD
from firewall.classify.tool import actions_of, bound_arguments
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from tests.support.understanding import shipped_context

TARGETS = {
    "cluster": TargetSpec("cluster", "staging", TargetKind.KUBERNETES, "10.0.0.1", scoped=True),
    "chat": TargetSpec("chat", "staging", TargetKind.REST, "chat.example", scoped=True),
    "railway": TargetSpec("railway", "staging", TargetKind.GRAPHQL, "backboard.railway.app"),
}
CONTEXT = replace(shipped_context(), targets=TARGETS)
POD = "/api/v1/namespaces/web/pods/shop"


def call(target: str, path: str, query: str = "", protocol: str = "v5.channel.k8s.io") -> ToolCall:
    """Return a handshake as the gate hands it over."""
    headers = (("upgrade", "websocket"), ("sec-websocket-protocol", protocol))
    outgoing = Outgoing("GET", path, query, headers)
    return ToolCall("req_1", f"infra/{target}", outgoing.encode(), form=CallForm.REQUEST)


def read(target: str, path: str, query: str = "") -> tuple[Action, ...]:
    """Return the actions of a handshake."""
    return actions_of(call(target, path, query), CONTEXT)


def effects(actions: tuple[Action, ...]) -> set[Effect]:
    """Return all effects of all actions."""
    return {effect for action in actions for effect in action.effects}


@pytest.mark.parametrize(
    ("query", "also"),
    [
        ("command=cat&command=%2Fetc%2Fhostname", {Effect.READ}),
        ("command=rm&command=-rf&command=%2Fdata&container=app", {Effect.DESTRUCTIVE}),
        ("command=sh&command=-c&command=psql+-c+%22drop+table+users%22", {Effect.DESTRUCTIVE}),
        ("command=sh&stdin=true&tty=true", {Effect.UNKNOWN}),
        ("command=frobnicate", {Effect.UNKNOWN}),
        ("", {Effect.UNKNOWN}),
    ],
)
def test_exec_is_judged_with_its_command(query: str, also: set[Effect]) -> None:
    """The command of the query is judged as the same command line would be, beside `exec`."""
    actions = read("cluster", f"{POD}/exec", query)
    assert effects(actions) >= {Effect.EXEC, *also}
    assert effects(actions) <= {Effect.EXEC, *also}
    assert {(action.target, action.environment) for action in actions} == {("cluster", "staging")}


def test_people_read_the_command() -> None:
    """Its summary names what is lost, and where."""
    summary = " ".join(
        action.summary for action in read("cluster", f"{POD}/exec", "command=rm&command=%2Fdata%2Fx")
    )
    assert "/data/x" in summary
    assert "pod `shop`" in summary


@pytest.mark.parametrize("sub", ["attach", "portforward"])
def test_other_connections_are_exec(sub: str) -> None:
    """What is said through them is not seen, which is what `exec` means."""
    assert effects(read("cluster", f"{POD}/{sub}")) == {Effect.EXEC}


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("cluster", POD, ""),
        ("cluster", "/api/v1/namespaces/web/pods", "watch=true"),
        ("cluster", f"{POD}/log", "follow=true"),
        ("cluster", "/anything", ""),
        ("chat", "/v1/stream", ""),
        ("railway", "/graphql/v2", ""),
    ],
)
def test_any_other_channel_is_unknown(target: str, path: str, query: str) -> None:
    """Nobody says what it is for, and of one that only reads nothing could be masked."""
    assert Effect.UNKNOWN in effects(read(target, path, query))


def test_a_row_says_what_a_channel_is_for() -> None:
    """A row with the method WEBSOCKET, and no other row, takes the doubt away."""
    rules = (
        HostRule(frozenset({METHOD}), re.compile("/v1/stream"), (Effect.WRITE,), summary="says something"),
        HostRule(frozenset(), re.compile(".*"), (Effect.READ,)),
    )
    row = HostRow(hosts=re.compile(r"chat\.example"), provider="chat", rules=rules)
    catalogue = replace(CONTEXT.catalogue, hosts=(row, *CONTEXT.catalogue.hosts))
    context = replace(CONTEXT, catalogue=catalogue)
    assert effects(actions_of(call("chat", "/v1/stream"), context)) == {Effect.READ, Effect.WRITE}
    assert Effect.UNKNOWN in effects(actions_of(call("chat", "/v1/other"), context))


def test_an_approval_fits_the_same_handshake_alone() -> None:
    """Another command or subprotocol is another request, and so is the same path without an upgrade."""
    first = bound_arguments(call("cluster", f"{POD}/exec", "command=id"), CONTEXT)
    plain = Outgoing("GET", f"{POD}/exec", "command=id")
    others = [
        call("cluster", f"{POD}/exec", "command=ls"),
        call("cluster", f"{POD}/exec", "command=id", protocol="v4.channel.k8s.io"),
        ToolCall("req_2", "infra/cluster", plain.encode(), form=CallForm.REQUEST),
    ]
    assert first not in [bound_arguments(other, CONTEXT) for other in others]
