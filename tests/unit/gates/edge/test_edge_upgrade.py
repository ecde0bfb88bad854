"""Requests that ask to leave HTTP: which are heard at all."""

import pytest

from firewall.core.errors import ProtocolError
from firewall.gates.edge.body import ClientGoneError
from firewall.gates.edge.headers import check_head
from firewall.gates.edge.upgrade import Upgrade, Wish, wish_of
from firewall.routing.duplex import Duplex

ASKED = [(b"host", b"a"), (b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"WebSocket")]


def test_a_wish_is_read_as_it_stands() -> None:
    """Key, version and subprotocols field by field: whoever serves it decides what is right."""
    more = [(b"sec-websocket-key", b"k"), (b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"a, b")]
    assert wish_of(b"GET", [*ASKED, *more]) == Wish("websocket", (b"k",), (b"13",), (b"a, b",))
    spdy = [(b"connection", b"upgrade"), (b"upgrade", b"SPDY/3.1"), (b"content-length", b"0")]
    assert wish_of(b"POST", spdy).protocol == "spdy/3.1"


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        (b"POST", ASKED),
        (b"GET", [*ASKED, (b"upgrade", b"websocket")]),
        (b"GET", [(b"connection", b"upgrade"), (b"upgrade", b"h2c")]),
        (b"GET", [(b"upgrade", b"websocket")]),
        (b"GET", [(b"connection", b"close"), (b"upgrade", b"websocket")]),
        (b"GET", [*ASKED, (b"content-length", b"1")]),
        (b"GET", [*ASKED, (b"transfer-encoding", b"chunked")]),
        (b"GET", [*ASKED, (b"expect", b"100-continue")]),
    ],
)
def test_what_says_it_otherwise_is_refused(method: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """Another method, two wishes, another protocol, no word in Connection, a body."""
    with pytest.raises(ProtocolError):
        wish_of(method, fields)


def test_the_edge_hears_them_only_where_it_was_told() -> None:
    """Elsewhere a websocket is 426, which makes clients fall back, and anything else 400."""
    with pytest.raises(ProtocolError) as caught:
        check_head(b"GET", b"/v1/responses", "1.1", ASKED)
    assert (caught.value.status, caught.value.code) == (426, "websocket_refused")
    assert check_head(b"GET", b"/infra/x/", "1.1", ASKED, may_upgrade=True)
    assert not check_head(b"GET", b"/infra/x/", "1.1", ASKED[:1], may_upgrade=True)


def test_a_client_that_is_gone_is_not_answered() -> None:
    """Nothing is written to a connection that nobody waits on."""

    class Gone:
        def is_waiting(self) -> bool:
            return False

        def leave(self, head: bytes) -> Duplex:
            raise AssertionError(head)

    with pytest.raises(ClientGoneError):
        Upgrade(Gone(), Wish("websocket")).accept([])
