"""Handshakes before they are judged: what is taken out of them, and what SPDY is told."""

import base64
from dataclasses import replace
from unittest.mock import Mock

import pytest

from firewall.core.errors import ProtocolError
from firewall.core.outgoing import Outgoing
from firewall.core.reason import Reason
from firewall.core.secret import Secret
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.verdict import Deny
from firewall.gates.edge.upgrade import Upgrade, Wish
from firewall.gates.infra.sockets import Said, foreign_in, socket_of, upgrade_of
from firewall.gates.infra.targets import SocketLimits, Target
from firewall.guard.answer import Stop
from firewall.routing.port import Endpoint

TOKEN = "shd_staging_agent_" + "a" * 36
KEY = base64.b64encode(b"k" * 16)
TARGET = Target(
    spec=TargetSpec("cluster", "staging", TargetKind.KUBERNETES, "10.0.0.1"),
    endpoint=Endpoint("cluster", "https://k8s.example"),
    header="authorization",
    prefix="Bearer ",
    key=lambda: Secret("x"),
    raw_paths=False,
    hold_s=0,
    max_body_bytes=1,
    sockets=SocketLimits(1, 1),
)
WISH = Wish("websocket", (KEY,), (b"13",), (b"v5.channel.k8s.io",))


def upgrade(wish: Wish = WISH) -> Upgrade:
    """Return a handshake of a client that is there."""
    return Upgrade(Mock(), wish)


def bearer(value: str) -> bytes:
    """Return a token as browsers send it to Kubernetes."""
    return b"base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(value.encode()).rstrip(b"=")


def test_the_agents_token_stays_here() -> None:
    """Among the subprotocols it is left out; anybody else's is a credential that is not ours."""
    offered = (bearer(TOKEN) + b", v5.channel.k8s.io",)
    own = socket_of(upgrade(replace(WISH, offered=offered)), TARGET, TOKEN)
    assert (own.offered, foreign_in(own)) == (("v5.channel.k8s.io",), None)
    assert own.fields() == [("upgrade", "websocket"), ("sec-websocket-protocol", "v5.channel.k8s.io")]
    other = socket_of(upgrade(replace(WISH, offered=(bearer("somebody"),))), TARGET, TOKEN)
    found = foreign_in(other)
    assert found is not None
    assert found.value.reveal() == "somebody"


def test_what_is_asked_of_the_target_was_judged() -> None:
    """The subprotocols go there from the judged bytes, the key from the client."""
    socket = socket_of(upgrade(), TARGET, TOKEN)
    asked = socket.handshake(Outgoing("GET", "/", headers=(("sec-websocket-protocol", "a, b"),)))
    assert (asked.key, asked.offered) == (KEY, ("a", "b"))
    assert socket.proof() == asked.proof()
    assert (
        socket_of(upgrade(replace(WISH, offered=())), TARGET, TOKEN).handshake(Outgoing("GET", "/")).offered == ()
    )


@pytest.mark.parametrize(
    ("wish", "target", "code"),
    [
        (WISH, replace(TARGET, sockets=None), "websocket_refused"),
        (replace(WISH, protocol="spdy/3.1"), TARGET, "spdy_refused"),
        (replace(WISH, keys=()), TARGET, "websocket_malformed"),
        (replace(WISH, keys=(KEY, KEY)), TARGET, "websocket_malformed"),
        (replace(WISH, keys=(b"short",)), TARGET, "websocket_malformed"),
        (replace(WISH, versions=(b"12",)), TARGET, "websocket_malformed"),
        (replace(WISH, offered=(b"a,,b",)), TARGET, "websocket_malformed"),
    ],
)
def test_what_cannot_be_heard_has_a_code(wish: Wish, target: Target, code: str) -> None:
    """A target that takes none, SPDY, and a handshake that is not one."""
    with pytest.raises(ProtocolError) as caught:
        socket_of(upgrade(wish), target, TOKEN)
    assert caught.value.code == code


def test_only_the_edge_makes_upgrades() -> None:
    """A state without one, or with something else under its name, asks for nothing."""
    assert upgrade_of({}) is None
    assert upgrade_of({"state": {"upgrade": "websocket"}}) is None
    assert upgrade_of({"state": {"upgrade": upgrade()}}) is not None


def test_what_was_said_is_told_once_to_the_same_request() -> None:
    """By token, target, path and query; a WebSocket is judged anew and told nothing old."""
    said, scope = Said(), {"raw_path": b"/x", "query_string": b"command=id"}
    stop = Stop(1, Deny(Reason.HOLD_ENDED), "apr_1")
    spdy = replace(WISH, protocol="spdy/3.1")
    said.note("tok_1", "cluster", scope, stop)
    assert said.take("tok_2", "cluster", scope, spdy) is None
    assert said.take("tok_1", "cluster", {**scope, "query_string": b"command=ls"}, spdy) is None
    assert said.take("tok_1", "cluster", scope, WISH) is None
    assert said.take("tok_1", "cluster", scope, spdy) is stop
    assert said.take("tok_1", "cluster", scope, spdy) is None


@pytest.mark.parametrize("name", [b"base64.channel.k8s.io", b"v4.base64.channel.k8s.io", b"base64.binary.k8s.io"])
def test_what_cannot_be_looked_at_is_not_offered(name: bytes) -> None:
    """For agents that may not see secrets, base64 is left out; alone it is refused by name."""
    both = upgrade(replace(WISH, offered=(name + b", v5.channel.k8s.io",)))
    alone = upgrade(replace(WISH, offered=(name,)))
    assert socket_of(both, TARGET, TOKEN, is_masked=True).offered == ("v5.channel.k8s.io",)
    assert socket_of(alone, TARGET, TOKEN).offered == (name.decode(),)
    with pytest.raises(ProtocolError) as refused:
        socket_of(alone, TARGET, TOKEN, is_masked=True)
    assert (refused.value.code, refused.value.status) == ("websocket_refused", 426)
