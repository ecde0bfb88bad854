"""uvicorn's httptools protocol with the doors closed that it leaves open.

What ASGI cannot show (absolute-form targets, duplicate fields before a framework picks one, trailers, bytes that
never become a request) is judged here; everything else in the middleware. INVARIANT: a refused request gets one
answer, the connection ends, and no application has seen it.
"""

import asyncio
import ssl
import sys
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from firewall.core.errors import ConfigError, FirewallError, ProtocolError
from firewall.gates.edge.cycle import Cycle, Defaults, Line
from firewall.gates.edge.headers import check_head
from firewall.gates.edge.refusal import Render, Rendered
from firewall.gates.edge.upgrade import UPGRADE, Upgrade, wish_of
from firewall.routing.duplex import Duplex, End

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

_KEPT_BYTES = 96
_NEVER = float("inf")
_TOLD = 32
"""Connections that are told that there are too many; more at once are dropped, for each takes a descriptor."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one listener bears."""

    head_bytes: int = 64 * 1024
    """Request line and fields together; also bytes that lead to no progress (chunk extensions, trailers)."""
    fields: int = 128
    """Header fields in one request."""
    head_s: float = 10.0
    """From the first byte of a head, or from connecting, to its last byte."""
    keep_alive_s: int = 65
    """Idle time between two requests of one connection."""
    stall_s: float = 120.0
    """How long a client may take nothing of an answer that waits for it."""
    linger_s: float = 1.0
    """How long a refused client's remaining bytes are read and dropped, so that it can read our answer."""
    connections: int = 2000
    """Open at once; more are answered 503."""
    backlog: int = 512


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a listener proves itself with: PEM files."""

    chain: str
    key: str

    def __post_init__(self) -> None:
        """Look at the files before anything is served.

        Raises: ConfigError when they cannot be used.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.chain, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"the certificate `{self.chain}` and its key cannot be used: {error.strerror or 'they do not fit'}"
            ) from error


class EdgeConfig(uvicorn.Config):
    """uvicorn's configuration as every listener of ours uses it, with what the protocol needs besides."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        render: Render,
        drain_s: int,
        certificate: Certificate | None = None,
        upgrades: tuple[bytes, ...] = (),
    ) -> None:
        """`upgrades`: how the paths begin whose application hears requests that ask to leave HTTP."""
        super().__init__(
            app,
            http=EdgeProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # a warning per malformed request would let strangers write our log
            access_log=False,
            proxy_headers=False,  # would believe X-Forwarded-For from loopback, where every agent is
            server_header=False,
            backlog=limits.backlog,
            timeout_keep_alive=limits.keep_alive_s,
            timeout_graceful_shutdown=drain_s,
            ssl_certfile=certificate.chain if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        self.limits = limits
        self.render = render
        self.upgrades = upgrades
        self.defaults = Defaults()


class EdgeProtocol(HttpToolsProtocol):
    """One connection of a client."""

    cycle: Cycle
    _line: Line
    _scope: "HTTPScope"
    """What all requests of the connection have in common."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, EdgeConfig):
            raise TypeError("EdgeProtocol needs an EdgeConfig")
        self._limits = config.limits
        self._render = config.render
        self._upgrades = config.upgrades
        self._defaults = config.defaults
        self._upgrade: Upgrade | None = None
        self._tunnel: Duplex | None = None
        self._fed = 0
        self._idle_since = _NEVER
        self.access_log = False
        self._refusal: FirewallError | None = None
        self._in_head = True
        self._idle_bytes = 0
        self._lingering = False
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    # -- the transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count the connection in, or answer that there are too many."""
        super().connection_made(transport)
        self._line = Line(transport, self.flow, self.loop, self.on_response_complete)
        super().on_message_begin()
        self._scope = self.scope
        if len(self.connections) > self._limits.connections + _TOLD:
            self._lingering = True
            transport.abort()
            return
        if len(self.connections) > self._limits.connections:
            self._refuse(FirewallError("too many connections", code="overloaded", status=503))
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its timer."""
        self._disarm()
        self._taken()
        self._unset_keepalive_if_required()
        if self._tunnel is not None:
            self._tunnel.connection_lost(exc)
        cycle = self._current()
        if cycle is not None and not cycle.response_complete:
            cycle.lost()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """End a refused connection as soon as its client has read enough."""
        if self._tunnel is not None:
            self._tunnel.ended(End.CLOSED)
        if self._lingering:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a refused client are dropped."""
        if self._tunnel is not None:
            self._tunnel.data_received(data)
            return
        if self._is_over():
            return
        if self._upgrade is not None:
            self._refuse(_early())
            return
        self._idle_bytes += len(data)
        self._fed = len(data)
        self._idle_since = _NEVER
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._is_over():
            return
        if self._idle_bytes > self._limits.head_bytes and self._refusal is None:
            self._refuse(_too_large())
        elif self._timer is None and (self._in_head_bytes() or self._is_idle()):
            self._arm()

    def _is_over(self) -> bool:
        return self._lingering or self.transport.is_closing()

    # -- the parser's side; an exception here stops it

    def on_message_begin(self) -> None:
        """Start a head."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        scope = self.scope = self._scope.copy()
        scope["headers"] = self.headers
        scope["state"] = self.app_state.copy()
        self._in_head = True
        self._disarm()  # `data_received` arms anew when the head does not come in one piece

    def on_headers_complete(self) -> None:
        """Judge the head before an application can see it."""
        self._disarm()
        self._idle_bytes = 0
        try:
            self._check()
        except FirewallError as error:
            self._refusal = error
            raise
        self._begin_request()
        self._in_head = False
        # Trailers arrive through on_header and would otherwise slip into the scope's list unjudged.
        self.headers = []

    def _begin_request(self) -> None:
        """Let the application answer the request whose head was judged, once those before it are answered."""
        scope, url = self.scope, self.url
        scope["method"] = self.parser.get_method().decode("ascii")
        split = _split if len(url) <= _KEPT_BYTES else _read_target
        scope["path"], scope["raw_path"], scope["query_string"] = split(url)
        before = self._current()
        cycle = self.cycle = Cycle(scope, self._line)
        cycle.defaults = self._defaults.written(self.server_state.default_headers)
        cycle.waiting_for_100_continue = self.expect_100_continue
        cycle.keep_alive = self._upgrade is None and self.parser.should_keep_alive()
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._idle_bytes = 0
        cycle = self.cycle
        if not cycle.response_complete and cycle.put(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """End the request's own bytes."""
        self._idle_bytes = 0
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        else:
            # Answered before its body had come: uvicorn has given up its own keep-alive timer by now.
            self._disarm()
            self._timer = self.loop.call_later(self._limits.keep_alive_s, self._too_slow)

    def _check(self) -> None:
        self._check_size()
        self._check_head()

    def _check_head(self) -> None:
        method, may_upgrade = self.parser.get_method(), self.url.startswith(self._upgrades)
        version = self.parser.get_http_version()
        if check_head(method, self.url, version, self.headers, may_upgrade=may_upgrade):
            wish = wish_of(method, self.headers)
            if not self._is_idle():
                raise ProtocolError("nothing may go before it on its connection", code="upgrade_refused")
            self._upgrade = self.scope["state"][UPGRADE] = Upgrade(self, wish)

    def _check_size(self) -> None:
        fields = self.headers
        size = len(self.url) + 4 * len(fields) + sum(map(len, chain.from_iterable(fields)))
        if size > self._limits.head_bytes or len(fields) > self._limits.fields:
            raise _too_large()

    # -- leaving HTTP

    def is_waiting(self) -> bool:
        """The client is there, and waits for the answer to its newest request."""
        cycle = self._current()
        is_asked = cycle is not None and not (cycle.response_started or cycle.disconnected)
        return is_asked and not self.transport.is_closing()

    def leave(self, head: bytes) -> Duplex:
        """Write the head of an answer and go on as bytes: the newest request is answered."""
        self.cycle.response_started = self.cycle.response_complete = True
        self.cycle.message_event.set()
        self._disarm()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write(head)
        self._tunnel = Duplex(self.transport)
        return self._tunnel

    def _unsupported_upgrade_warning(self) -> None:
        """See where the head ended, while the parser's word on it is handled: nothing may follow it yet."""
        stopped = sys.exception()
        if self._upgrade is not None and (stopped is None or stopped.args != (self._fed,)):
            self._refuse(_early())

    def pause_writing(self) -> None:
        """Note that the client does not take what was sent; whoever never does is not waited for."""
        super().pause_writing()
        if self._tunnel is not None:
            self._tunnel.pause_writing()
        elif self._stall is None:
            self._stall = self.loop.call_later(self._limits.stall_s, self._stalled)

    def resume_writing(self) -> None:
        """Note that it does."""
        self._taken()
        super().resume_writing()
        if self._tunnel is not None:
            self._tunnel.resume_writing()

    def shutdown(self) -> None:
        """Begin to drain: what left HTTP ends, requests may finish."""
        if self._tunnel is not None:
            self._tunnel.ended(End.DRAINED)
        else:
            super().shutdown()

    # -- refusing

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's name; the text is ours
        """Answer what the parser or our own callbacks refused."""
        self._refuse(self._refusal or ProtocolError("the request is not valid HTTP/1.1", code="http_malformed"))

    def _refuse(self, error: FirewallError) -> None:
        self._refusal = error
        if not self._may_answer():
            # Another answer is on its way on this connection: a second one could be read as its body.
            self.transport.close()
            return
        self.transport.write(_framed(self._render(_path_of(self), error)))
        self._linger()

    def _may_answer(self) -> bool:
        cycle = self._current()
        if cycle is None or (self._in_head and cycle.response_complete):
            return True
        if self._in_head or self.pipeline or cycle.response_started:
            return False
        # The refused bytes are the body of a request that the application already waits for.
        cycle.lost()
        return True

    def _linger(self) -> None:
        # Closing with unread bytes sends RST, and a client may then never see the answer.
        self._lingering = True
        self._disarm()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self._limits.linger_s, self.transport.close)

    # -- slow clients

    def on_response_complete(self) -> None:
        """Go on with the next request, or rest until one comes."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive_for(self.timeout_keep_alive)

    def _keep_alive_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has rested for long enough; the timer goes on while requests come and go."""
        self.timeout_keep_alive_task = None
        if self._idle_since == _NEVER or self.transport.is_closing():
            return  # its next rest starts the timer anew
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._keep_alive_for(left_s)
        else:
            self.transport.close()

    def _in_head_bytes(self) -> bool:
        return self._in_head and self._idle_bytes > 0

    def _is_idle(self) -> bool:
        cycle = self._current()
        return cycle is None or cycle.response_complete

    def _current(self) -> Cycle | None:
        """Return the newest request, or None before the first; uvicorn's own type leaves that out."""
        return self.cycle

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self._limits.head_s, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self) -> None:
        # What waits is dropped: closing would wait for the client again, and its answer holds places of others.
        self._stall = None
        if self._tunnel is None:
            self.transport.abort()

    def _too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._is_idle():
            # A started next request behind a running answer: the answer may finish, the next is not taken.
            self.cycle.keep_alive = False
        elif self._in_head:
            self._refuse(FirewallError("the request head took too long", code="head_timeout", status=408))
        else:
            self.transport.close()


def _read_target(url: bytes) -> tuple[str, bytes, bytes]:
    """Return a target's path, decoded and as it came, and its query. Raises: httptools' error for what is none."""
    parsed = httptools.parse_url(url)
    raw_path: bytes = parsed.path
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, parsed.query or b""


_split = lru_cache(maxsize=256)(_read_target)
"""Few targets come often; long ones are not worth the memory."""


def _early() -> ProtocolError:
    return ProtocolError("nothing may be sent before the answer to the handshake", code="upgrade_early")


def _too_large() -> ProtocolError:
    return ProtocolError("the request head is too large", code="head_too_large", status=431)


def _path_of(protocol: EdgeProtocol) -> str:
    target: bytes = getattr(protocol, "url", b"")
    return target.partition(b"?")[0].decode("ascii", "replace") if target.startswith(b"/") else ""


def _framed(answer: Rendered) -> bytes:
    lines = [
        STATUS_LINE[answer.status].rstrip(b"\r\n"),
        b"content-type: " + answer.content_type,
        b"content-length: %d" % len(answer.body),
        *(name + b": " + value for name, value in answer.headers),
    ]
    if answer.status == 426:
        lines.append(b"upgrade: HTTP/1.1")  # RFC 9110, 15.5.22: name the protocol that is served
    lines += [b"connection: close", b"", answer.body]
    return b"\r\n".join(lines)
