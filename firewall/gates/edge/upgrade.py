"""Requests that ask to leave HTTP/1.1: which may be heard at all, and what an application that hears one can do.

The edge lets them through only where it was told to, alone on their connection and without a body, so that no byte
can be read as a request by one side and as a message by the other. Bytes that come before our answer end the
connection. Spec: RFC 9110, 7.8; RFC 6455, 4.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from firewall.core.errors import ProtocolError
from firewall.gates.edge.body import ClientGoneError
from firewall.gates.edge.headers import Fields, refuse_upgrade
from firewall.routing.duplex import Duplex

UPGRADE = "upgrade"
"""The key in an ASGI scope's state under which an application finds an `Upgrade`."""
WEBSOCKET = "websocket"
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks to go on as."""

    protocol: str
    """`websocket`, or SPDY with its version: `spdy/3.1`."""
    keys: tuple[bytes, ...] = ()
    """Sec-WebSocket-Key, each time it stands there."""
    versions: tuple[bytes, ...] = ()
    offered: tuple[bytes, ...] = ()
    """Sec-WebSocket-Protocol, field by field."""


class Leaving(Protocol):
    """A connection that can leave HTTP."""

    def is_waiting(self) -> bool:
        """The client is there, and waits for the answer to its newest request."""
        ...

    def leave(self, head: bytes) -> Duplex:
        """Write the head of the answer and go on as bytes."""
        ...


class Upgrade:
    """A request that may leave HTTP, as the application that serves it sees it."""

    __slots__ = ("_connection", "wish")

    def __init__(self, connection: Leaving, wish: Wish) -> None:
        self._connection = connection
        self.wish = wish

    @property
    def is_open(self) -> bool:
        """The client is still there."""
        return self._connection.is_waiting()

    def accept(self, fields: Sequence[tuple[bytes, bytes]]) -> Duplex:
        """Answer 101 with these fields beside its own, and return the connection as bytes.

        Raises: ClientGoneError.
        """
        if not self.is_open:
            raise ClientGoneError
        return self._connection.leave(
            _SWITCHING + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
        )


def wish_of(method: bytes, fields: Fields) -> Wish:
    """Return what a request with an Upgrade field asks for.

    Raises: ProtocolError where it is another protocol, has a body, or does not say so in one way.
    """
    held = _named(fields)
    protocols = [value.strip().lower() for value in held.get(b"upgrade", [])]
    wanted = protocols[0] if len(protocols) == 1 else b""
    if not (wanted == b"websocket" and method == b"GET") and not wanted.startswith(b"spdy/"):
        refuse_upgrade(wanted)
    options = [token.strip().lower() for value in held.get(b"connection", []) for token in value.split(b",")]
    if b"upgrade" not in options:
        raise ProtocolError("the Connection header does not name the upgrade", code="upgrade_refused")
    lengths = held.get(b"content-length", [b"0"])
    if lengths != [b"0"] or b"transfer-encoding" in held or b"expect" in held:
        raise ProtocolError("a request that leaves HTTP has no body", code="upgrade_refused")
    return Wish(
        wanted.decode("latin-1"),
        keys=tuple(held.get(b"sec-websocket-key", ())),
        versions=tuple(held.get(b"sec-websocket-version", ())),
        offered=tuple(held.get(b"sec-websocket-protocol", ())),
    )


def _named(fields: Fields) -> dict[bytes, list[bytes]]:
    held: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        held.setdefault(name, []).append(value)
    return held
