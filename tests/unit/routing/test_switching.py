"""WebSocket handshakes with a target: what is asked, and which 101 is an answer."""

import pytest

from firewall.routing.switching import Handshake, chosen, is_key, subprotocols

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
PROOF = (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
UPGRADE = (b"Upgrade", b"WebSocket")
OFFERED = Handshake(KEY, ("v5.channel.k8s.io", "v4.channel.k8s.io"))


def test_the_proof_is_the_standards() -> None:
    """The example of RFC 6455, 1.3, and an answer that chooses one of what was offered."""
    assert OFFERED.proof() == PROOF[1]
    assert chosen(OFFERED, [UPGRADE, PROOF]) == ""
    assert (
        chosen(OFFERED, [UPGRADE, PROOF, (b"sec-websocket-protocol", b"v4.channel.k8s.io")]) == "v4.channel.k8s.io"
    )


def test_no_extension_is_ever_asked_for() -> None:
    """What goes to the target are the five fields of a handshake, and no offer where there was none."""
    names = [name for name, _ in OFFERED.fields()]
    assert names == [
        b"connection", b"upgrade", b"sec-websocket-version", b"sec-websocket-key", b"sec-websocket-protocol",
    ]  # fmt: skip
    assert [name for name, _ in Handshake(KEY).fields()] == names[:-1]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [PROOF],
        [UPGRADE],
        [(b"upgrade", b"h2c"), PROOF],
        [UPGRADE, UPGRADE, PROOF],
        [UPGRADE, (b"sec-websocket-accept", b"c29tZXRoaW5nIGVsc2U=")],
        [UPGRADE, PROOF, PROOF],
        [UPGRADE, PROOF, (b"sec-websocket-extensions", b"permessage-deflate")],
        [UPGRADE, PROOF, (b"sec-websocket-protocol", b"v1.channel.k8s.io")],
        [UPGRADE, PROOF, (b"sec-websocket-protocol", b"v5.channel.k8s.io, v4.channel.k8s.io")],
        [UPGRADE, PROOF, *[(b"sec-websocket-protocol", b"v5.channel.k8s.io")] * 2],
        [UPGRADE, PROOF, (b"content-length", b"3")],
        [UPGRADE, PROOF, (b"Transfer-Encoding", b"chunked")],
    ],
)
def test_anything_else_is_no_answer(fields: list[tuple[bytes, bytes]]) -> None:
    """Another protocol, no or a wrong proof, something twice, something that nobody offered, a body."""
    assert chosen(OFFERED, fields) is None


@pytest.mark.parametrize("value", [b"", b"dGhl", b"not base64!!", KEY + b"=", b"\xff" * 24])
def test_a_key_is_sixteen_bytes(value: bytes) -> None:
    """Anything else is refused before it is sent."""
    assert is_key(KEY)
    assert not is_key(value)


def test_subprotocols_are_tokens_and_stand_once() -> None:
    """Lists and repeated fields are joined; what no token is, or stands twice, cannot be read."""
    assert subprotocols([b"a, b", b"c"]) == ("a", "b", "c")
    assert subprotocols([b"SPDY/3.1+portforward.k8s.io"]) == ("SPDY/3.1+portforward.k8s.io",)
    assert [subprotocols([value]) for value in (b"", b"a,,b", b"a b", b"a, a", b"a\xff")] == [None] * 5
