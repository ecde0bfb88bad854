"""The forward proxy's connections: CONNECT opens TLS under our own certificate, and inside it is the edge again.

Only the first request of a connection may be a CONNECT, nothing may follow it before our answer, and inside there
is origin form alone. Absolute addresses of plain http are rewritten to what the edge reads, Host having agreed.
INVARIANT: what an application sees carries the place that was let in, never one that a later field names.
"""

import asyncio
import logging
import ssl
from typing import Any, Protocol

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.secret import Secret
from firewall.gates.edge.headers import Fields, check_head
from firewall.gates.edge.protocol import Certificate, EdgeConfig, EdgeProtocol, Limits
from firewall.gates.edge.refusal import Render
from firewall.gates.egress import places
from firewall.gates.egress.passage import STATE, Passage, token_in
from firewall.gates.egress.places import Place
from firewall.gates.egress.refusals import render as render_refusal

log = logging.getLogger("stayhand.egress")
_ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"
_END = b"\r\n\r\n"


class Door(Protocol):
    """Lets connections in."""

    async def admit(self, passage: Passage, source: str) -> ssl.SSLContext:
        """Return what a connection to a place is served with.

        Raises: FirewallError.
        """
        ...


class EgressConfig(EdgeConfig):
    """The edge's configuration, for a listener that is a forward proxy."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door,
        limits: Limits,
        render: Render,  # noqa: ARG002 - a proxy's refusals have a form of their own
        drain_s: int,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            app,
            limits=limits,
            render=render_refusal,
            drain_s=drain_s,
            certificate=certificate,
            upgrades=(b"/",),  # inside a tunnel; before it, nothing leaves HTTP
        )
        self.http = EgressProtocol
        self.door = door


class EgressProtocol(EdgeProtocol):
    """One connection to the forward proxy, until it is inside a tunnel."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, EgressConfig):
            raise TypeError("EgressProtocol needs an EgressConfig")
        self._door = config.door
        self._passage: Passage | None = None
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        """Take bytes; a CONNECT that is whole and followed by nothing opens its tunnel."""
        if self._passage is not None:
            self._follow_up()
            return
        super().data_received(data)
        if self._passage is None or self._is_over():
            self._seen = data[-3:]
            return
        if (self._seen + data).find(_END) != len(self._seen + data) - len(_END):
            self._follow_up()
            return
        self._disarm()
        self._unset_keepalive_if_required()
        task = self.loop.create_task(self._open(self._passage))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_headers_complete(self) -> None:
        """Judge the head; a CONNECT reaches no application."""
        if self.parser.get_method() != b"CONNECT":
            super().on_headers_complete()
            return
        self._disarm()
        self._idle_bytes = 0
        try:
            self._check_size()
            if self._current() is not None:
                raise ProtocolError("CONNECT is the first request of its connection", code="connect_refused")
            place = places.of_connect(self.url)
            _check_connect(self.parser.get_http_version(), self.headers, place)
            self._passage = Passage(place, Secret(token_in(self.headers)))
        except FirewallError as error:
            self._refusal = error
            raise
        self.headers = []

    def on_message_complete(self) -> None:
        """End the request's own bytes."""
        if self._passage is None:
            super().on_message_complete()

    def _check_head(self) -> None:
        """Take absolute form alone; the application then sees a path, and the place beside it."""
        place, rest = places.of_absolute(self.url)
        check_head(self.parser.get_method(), rest, self.parser.get_http_version(), self.headers)
        _check_host(self.headers, place)
        self.url = rest
        self.scope["state"][STATE] = Passage(place, Secret(token_in(self.headers)))

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a CONNECT ends what the parser reads."""

    def _follow_up(self) -> None:
        # Bytes that nobody asked for yet could be taken for what comes out of the tunnel.
        if not self.transport.is_closing():
            self.transport.abort()

    async def _open(self, passage: Passage) -> None:
        source = self.client[0] if self.client else ""
        try:
            context = await self._door.admit(passage, source)
        except FirewallError as error:
            if not self.transport.is_closing():
                self._refuse(error)
            return
        except Exception as error:  # noqa: BLE001 - the outermost layer here; FAIL-CLOSED: nothing is let in
            log.error("letting in failed: %s", type(error).__name__)  # noqa: TRY400 - what it says may quote bytes
            self.transport.abort()
            return
        if self.transport.is_closing():
            return
        await self._go_inside(passage, context)

    async def _go_inside(self, passage: Passage, context: ssl.SSLContext) -> None:
        waiting = _Waiting()
        outside = self.transport
        outside.write(_ESTABLISHED)
        try:
            inside = await self.loop.start_tls(
                outside,
                waiting,
                context,
                server_side=True,
                ssl_handshake_timeout=self._limits.head_s,
                ssl_shutdown_timeout=self._limits.linger_s,
            )
        except (OSError, ssl.SSLError):  # a client that does not know our authority, went away, or was too slow
            outside.abort()
            return
        finally:
            self.connections.discard(self)
        if inside is None or inside.is_closing():
            outside.abort()
            return
        protocol = EdgeProtocol(self.config, self.server_state, {STATE: passage}, self.loop)
        protocol.connection_made(inside)
        inside.set_protocol(protocol)
        waiting.hand_over(protocol)


class _Waiting(asyncio.Protocol):
    """Keeps what arrives between the end of the handshake and the protocol that reads it."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._is_lost = False

    def data_received(self, data: bytes) -> None:
        """Keep bytes."""
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Keep the end."""
        self._is_lost = True

    def hand_over(self, protocol: EdgeProtocol) -> None:
        """Give everything to the protocol that reads from now on."""
        if self._data:
            protocol.data_received(bytes(self._data))
        if self._is_lost:
            protocol.connection_lost(None)


def _check_connect(version: str, fields: Fields, place: Place) -> None:
    """Check a CONNECT's head; Raises: ProtocolError.

    Python up to 3.11 (http.client, and so requests and pip) asks in HTTP/1.0 and without Host.
    """
    if version not in ("1.0", "1.1"):
        raise ProtocolError("this server speaks HTTP/1.1 only", code="http_version", status=505)
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in fields):
        raise ProtocolError("a CONNECT has no body", code="framing_ambiguous")
    if version == "1.1" or any(name == b"host" for name, _ in fields):
        _check_host(fields, place)


def _check_host(fields: Fields, place: Place) -> None:
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) != 1 or not places.agrees(place, hosts[0]):
        raise ProtocolError("the Host header names another place", code="egress_host_disagrees")
