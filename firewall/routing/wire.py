"""One HTTP/1.1 connection to a provider, and the answer that arrives on it (RFC 9112, read by llhttp).

The parser is httptools', strict: obs-fold, bare line feeds, two lengths, a length beside a transfer coding are
errors. What it leaves open is closed here: heads are bounded, `chunked` is the only transfer coding, and bytes
behind an answer end the connection, since they could be read as the answer to somebody else's request.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import httptools

from firewall.core.fast_init import fast_init, maker
from firewall.routing.duplex import Duplex, End
from firewall.routing.reply import BrokenError, Reply, broken_off, late, malformed, unreachable

HEAD_BYTES = 64 << 10
"""Status line and fields of an answer; later, what may come without a byte of its body: extensions, trailers."""
HEAD_FIELDS = 256
_INFORMATIONAL = 8
"""How many 1xx answers may come before the real one."""
_HIGH = 1 << 20
"""Bytes that nobody has taken yet: reading stops above, and goes on below a quarter of it."""
_LOW = _HIGH >> 2
_NEVER = float("inf")


@fast_init
@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take; `first_at` and `total_at` are times of the loop's clock."""

    first_at: float
    """When the head must be there; infinite for an answer that comes whole."""
    idle_s: float
    """Between two reads, once the head is there."""
    total_at: float
    """When everything must be there."""


limits_of = maker(Limits)


class Connection(asyncio.Protocol):
    """A connection: idle, or with one exchange under way."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        free: Callable[["Connection"], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        """`free`: called when another request may be sent; `lost`: called once when it is closed."""
        self.loop = loop
        """Where it lives; asking for the running one is a system call."""
        self._free = free
        self._lost = lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._limits = Limits(_NEVER, _NEVER, _NEVER)
        self._quiet_at = _NEVER
        self._paused = False
        self._keeps = False
        self._until_close = False
        self._has_ended = False
        self._is_large = False
        self._answering = False
        self._has_body = True
        self._switches = False
        self._tunnel: Duplex | None = None
        self._informational = 0
        self._head_bytes = 0
        self._head_fields = 0
        self.idle_since = 0.0
        """When it last became free (the pool's)."""

    @property
    def is_open(self) -> bool:
        """Another request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    def send(
        self, head: bytes, body: bytes, limits: Limits, *, has_body: bool = True, switches: bool = False
    ) -> Reply:
        """Write a request on an idle connection; the reply fills as bytes arrive.

        `switches`: the request asks to leave HTTP, and a 101 is an answer to it.

        `has_body`: False for HEAD, whose answer ends with its head whatever length it names; the parser cannot
        be told, so its connection serves no more.
        """
        transport = self._open_transport()
        reply = self._reply = Reply(self)
        self._limits = limits
        self._has_body = reply.has_body = has_body
        self._switches = switches
        self._quiet_at = limits.first_at
        self._keeps = self._until_close = self._answering = False
        self._informational = self._head_bytes = self._head_fields = 0
        self._is_large = len(body) > _LOW
        self._arm()
        if self._is_large:
            transport.writelines([head, body])
        else:
            transport.write(head + body)
        return reply

    def resume(self) -> None:
        """Read on after what waited was taken."""
        if self._paused:
            self._paused = False
            self._quiet_at = self.loop.time() + self._limits.idle_s
            self._arm()
            if self.is_open:
                self._open_transport().resume_reading()

    def abort(self, error: BrokenError | None = None) -> None:
        """Close at once and drop what was not written; an answer under way ends with `error`."""
        self._disarm()
        reply, self._reply = self._reply, None
        if self._transport is not None:
            self._transport.abort()
        if reply is not None:
            reply.end(error or broken_off("closed by us"))
            reply.wake()

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    # -- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse; bytes that nobody asked for end the connection."""
        reply = self._reply
        if self._tunnel is not None:
            self._tunnel.data_received(data)
            return
        if reply is None:
            self.abort()
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, BrokenError) as error:
            if reply.status == 101 and isinstance(error, httptools.HttpParserUpgrade):
                self._switched(reply, data[error.args[0] :])
            else:
                self._spoilt(reply, error)
            return
        if reply.done:
            self._finished(reply)
        elif self._head_bytes > HEAD_BYTES:
            self.abort(malformed("the head, an extension or the trailers are too large"))
        elif reply.has_head:
            self._quiet_at = self.loop.time() + self._limits.idle_s
            if not self._answering:
                self._answering = True  # from now on the idle limit counts, which may be the shorter one
                self._arm()
            reply.wake()

    def eof_received(self) -> None:
        """The provider sends no more; `connection_lost` follows. Over TLS only the provider itself can say so."""
        if self._tunnel is not None:
            self._tunnel.ended(End.CLOSED)
            return
        tls: ssl.SSLObject | None = self._open_transport().get_extra_info("ssl_object")
        with suppress(ssl.SSLError):  # nothing to read yet: anybody on the way can send a FIN
            self._has_ended = tls is None or not tls.read(1)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was under way: an answer without a length ends here, any other is cut off."""
        self._disarm()
        reply, self._reply = self._reply, None
        if self._tunnel is not None:
            self._tunnel.connection_lost(exc)
        if reply is not None:
            detail = type(exc).__name__ if exc else "closed"
            if not reply.has_head:
                reply.end(unreachable(detail))
            elif self._until_close and self._has_ended:
                reply.end(None)
            else:
                reply.end(broken_off(detail))
            reply.wake()
        self._lost(self)

    def pause_writing(self) -> None:
        """Note that the provider does not take what was sent: of requests one is under way, of a tunnel many."""
        if self._tunnel is not None:
            self._tunnel.pause_writing()

    def resume_writing(self) -> None:
        """Note that it does."""
        if self._tunnel is not None:
            self._tunnel.resume_writing()

    # -- the parser's side; an exception here stops it, and httptools wraps it

    def on_message_begin(self) -> None:
        """Refuse an answer behind the answer."""
        reply = self._reply
        if reply is None or reply.done:
            self._keeps = False
            raise malformed("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; trailers are dropped."""
        self._head_fields += 1
        reply = self._reply
        if self._head_fields > HEAD_FIELDS or reply is None:
            raise malformed("too many header fields")
        if reply.has_head:
            return
        if len(name) + len(value) > HEAD_BYTES:
            raise malformed("a header field is too large")
        reply.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Judge how the body is framed."""
        reply = self._reply
        if reply is None:
            return
        status = self._parser.get_status_code()
        if status == 101 and self._switches and self._informational == 0:
            reply.status = status  # that it names its protocol was the parser's to see, or it would not stop here
            return
        if status < 200:
            reply.fields.clear()
            self._informational += 1
            if status < 100 or status == 101 or self._informational > _INFORMATIONAL:
                raise malformed("an answer that is no answer")
            return
        has_length = is_chunked = False
        for cased, value in reply.fields:
            if len(cased) == 14 and cased.lower() == b"content-length":
                has_length = True
            elif len(cased) == 17 and cased.lower() == b"transfer-encoding":
                if is_chunked or value.strip().lower() != b"chunked":
                    raise malformed("a transfer coding that was not asked for")
                is_chunked = True
        self._until_close = not has_length and not is_chunked
        # A large request that is refused may not have been read, and TLS does not tell how much of it still waits.
        is_read = not (self._is_large and status >= 400)
        self._keeps = self._has_body and is_read and self._parser.should_keep_alive()
        reply.status = status
        reply.has_head = True
        self._head_bytes = 0
        if not self._has_body:
            reply.end(None)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; stop reading when too much waits."""
        self._head_bytes = 0
        reply = self._reply
        if reply is not None and reply.put(body) > _HIGH and not self._paused:
            self._paused = True
            self._open_transport().pause_reading()

    def on_message_complete(self) -> None:
        """End the answer, unless it was an informational one."""
        reply = self._reply
        if reply is not None and reply.has_head:
            reply.end(None)

    # -- ends

    def _finished(self, reply: Reply) -> None:
        """The whole answer is here: the connection may serve again when both sides are through.

        Its timer runs on: it looks at whatever is under way then, and most answers come long before it.
        """
        self._reply = None
        reply.wake()
        transport = self._open_transport()
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if self._keeps and not transport.is_closing() and transport.get_write_buffer_size() == 0:
            self._free(self)
        else:
            transport.abort()

    def _switched(self, reply: Reply, first: bytes) -> None:
        """Go on as bytes; `first` came behind the 101."""
        self._disarm()
        self._reply = None
        self._tunnel = reply.tunnel = Duplex(self._open_transport(), first)
        reply.has_head = True
        reply.end(None)
        reply.wake()

    def _spoilt(self, reply: Reply, error: Exception) -> None:
        if reply.done:  # the answer is whole; what came behind it is not anybody's
            self._keeps = False
            self._finished(reply)
            return
        context = error.__context__
        found = error if isinstance(error, BrokenError) else context if isinstance(context, BrokenError) else None
        if found is not None:
            found.__traceback__ = None
        self.abort(found or malformed(type(error).__name__))

    # -- time

    def _arm(self) -> None:
        at = min(self._quiet_at, self._limits.total_at)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at  # kept here, since uvloop's timer for the present moment does not know its own
        self._timer = self.loop.call_at(at, self._look) if at < _NEVER else None

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """The earliest limit has come: give up, or look again at the one that now is the earliest."""
        self._timer = None
        reply = self._reply
        if reply is None:
            return
        if self._paused:  # nobody takes what came: that is not the provider's silence
            self._quiet_at = self.loop.time() + self._limits.idle_s
        if self.loop.time() >= min(self._quiet_at, self._limits.total_at):
            self.abort(late("total" if self.loop.time() >= self._limits.total_at else "silent"))
        else:
            self._arm()

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("used before it was connected")
        return self._transport
