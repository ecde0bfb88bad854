"""WebSocket handshakes with a target (RFC 6455, section 4): what is asked, and which 101 is an answer to it.

Extensions are never asked for: a compressed stream cannot be looked at. INVARIANT: nothing of a 101 is passed on
but the proof of the key that the client sent and a subprotocol that the client offered.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from firewall.routing.duplex import Duplex
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse

VERSION = b"13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+./^_`|~-]{1,256}")
"""A token, and the slash of `SPDY/3.1+portforward.k8s.io`, by which kubectl forwards ports."""
_FRAMES = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client asks for."""

    key: bytes
    """Sec-WebSocket-Key as it came."""
    offered: tuple[str, ...] = ()
    """Subprotocols in the client's order."""

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields of the request to the target."""
        asked = [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", VERSION),
            (b"sec-websocket-key", self.key),
        ]
        offered = ", ".join(self.offered).encode("ascii")
        return [*asked, (b"sec-websocket-protocol", offered)] if offered else asked

    def proof(self) -> bytes:
        """Return the Sec-WebSocket-Accept that answers the key."""
        return base64.b64encode(hashlib.sha1(self.key + _GUID, usedforsecurity=False).digest())


@dataclass(frozen=True, slots=True)
class Switched:
    """A target that has agreed."""

    tunnel: Duplex
    chosen: str = ""
    """The subprotocol; empty: none."""


class SwitchingUpstream(Upstream, Protocol):
    """Carries requests, and those that ask to go on as a WebSocket."""

    async def switch(
        self, endpoint: Endpoint, request: UpstreamRequest, handshake: Handshake
    ) -> Switched | UpstreamResponse:
        """Send, and return the connection after a 101 that fits, or any other answer.

        Raises: UpstreamError, malformed for a 101 that does not fit; ProtocolError.
        """
        ...


def is_key(value: bytes) -> bool:
    """Tell whether a Sec-WebSocket-Key is one: 16 bytes as base64."""
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def subprotocols(values: Sequence[bytes]) -> tuple[str, ...] | None:
    """Return the names that Sec-WebSocket-Protocol fields list; None: they cannot be read, or one stands twice."""
    names = [name.strip() for value in values for name in value.decode("latin-1").split(",")]
    if any(not _NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        return None
    return tuple(names)


def chosen(handshake: Handshake, fields: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Return the subprotocol that a 101 agrees to, empty for none; None: it is no answer to this handshake."""
    held: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        held.setdefault(name.lower(), []).append(value.strip())
    agreed = held.get(b"sec-websocket-protocol", [b""])
    fits = (
        not _FRAMES & held.keys()
        and [value.lower() for value in held.get(b"upgrade", [])] == [b"websocket"]
        and held.get(b"sec-websocket-accept") == [handshake.proof()]
        and b"sec-websocket-extensions" not in held
        and len(agreed) == 1
    )
    if not fits:
        return None
    agreed_on = agreed[0].decode("latin-1")
    return agreed_on if not agreed_on or agreed_on in handshake.offered else None
