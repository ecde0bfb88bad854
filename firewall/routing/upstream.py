"""The carrier of model traffic: our own HTTP/1.1 client over httptools (why: ADR 0010).

Redirects are not followed, the environment is not read, names are resolved once, checked and pinned, TLS is
verified against a bundle that no variable can replace, nothing is ever sent twice. INVARIANT: the key goes into
one header of one request and comes back in nothing: not in bodies, fields, errors or details.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import certifi

from firewall.core.errors import ConfigError, ProtocolError, UpstreamError, UpstreamFault
from firewall.routing.body import MASK, Decoder, Scrubber, scrub
from firewall.routing.fields import inbound, outbound, passed
from firewall.routing.pool import Origin, Pool
from firewall.routing.port import Credential, Endpoint, UpstreamRequest
from firewall.routing.reply import BrokenError, Reply
from firewall.routing.resolver import Lookup, PinningResolver
from firewall.routing.switching import Handshake, Switched, chosen
from firewall.routing.wire import limits_of

_DECODED_BYTES = 64 << 20
_KEPT_CHARS = 160
"""Targets up to this long are made once: paths are few, and longer ones are not worth the memory."""
_SHORT_BYTES = 16 << 10
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+")
_RAW_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/?%-]*")
_NEVER = float("inf")


class _Target(NamedTuple):
    """Where a request goes: the connection's other end, and how its head begins."""

    origin: Origin
    head: bytes


class HttpUpstream:
    """Carries requests over pooled connections; `close` it in the loop that used it."""

    def __init__(
        self, *, lookup: Lookup | None = None, dns_ttl_s: float = 60.0, ca_file: Path | None = None
    ) -> None:
        """`ca_file` replaces the bundled certificate authorities, for providers with one of their own."""
        self._tls = _tls(ca_file)
        # Two pools, since a resolver knows a host and not for whom it is asked.
        self._pools = {
            private: Pool(
                resolve=PinningResolver(private_ok=private, lookup=lookup, ttl_s=dns_ttl_s).resolve, tls=self._tls
            )
            for private in (False, True)
        }

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> "ProviderAnswer":
        """Send `request` and return the head of the answer.

        Raises: UpstreamError; ProtocolError (400) where path, query or a field cannot be sent as it is.
        """
        target = _target(endpoint, request)
        head = _head(target, request)
        pool = self._pools[endpoint.private]
        try:
            reply = await _asked(pool, target.origin, head, endpoint, request)
        except BrokenError as error:
            failure = _failure(endpoint, error, request.credential)
        else:
            return _accept(endpoint, reply, request)
        # Outside the handler: what failed may hold the request's header fields, and with them the key.
        raise failure

    async def switch(
        self, endpoint: Endpoint, request: UpstreamRequest, handshake: Handshake
    ) -> "Switched | ProviderAnswer":
        """Send a WebSocket handshake; return the connection after a 101 that fits, or any other answer.

        Raises: UpstreamError, malformed for a 101 that does not fit; ProtocolError as `open` does.
        """
        target = _target(endpoint, request)
        asked = b"".join(name + b": " + value + b"\r\n" for name, value in handshake.fields())
        head = _head(target, request).removesuffix(b"\r\n") + asked + b"\r\n"
        pool = self._pools[endpoint.private]
        try:
            reply = await _asked(pool, target.origin, head, endpoint, request, switches=True)
        except BrokenError as error:
            failure = _failure(endpoint, error, request.credential)
        else:
            if reply.tunnel is None:
                return _accept(endpoint, reply, request)
            name = chosen(handshake, reply.fields)
            if name is not None:
                return Switched(reply.tunnel, name)
            reply.abandon()
            failure = UpstreamError(
                f"`{endpoint.name}` answered the handshake with something else", fault=UpstreamFault.MALFORMED
            )
        raise failure

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        await asyncio.sleep(0)  # the connections learn of it in the loop's next turn


async def _asked(
    pool: Pool,
    origin: Origin,
    head: bytes,
    endpoint: Endpoint,
    request: UpstreamRequest,
    *,
    switches: bool = False,
) -> Reply:
    """Send, and wait for the head; cancelling closes the connection.

    Raises: BrokenError.
    """
    times, clock = endpoint.timeouts, asyncio.get_running_loop().time
    begun = now = clock()
    connection = pool.idle(origin, now, is_fresh=request.verbatim)
    if connection is None:
        connection = await pool.connect(origin, min(times.connect_s, times.total_s), is_fresh=request.verbatim)
        now = clock()
    limits = limits_of(
        now + times.first_byte_s if request.streamed else _NEVER, times.idle_s, begun + times.total_s
    )
    has_body = request.method != "HEAD"
    reply = connection.send(head, request.body, limits, has_body=has_body, switches=switches)
    try:
        await reply.head()
    except BaseException:
        reply.abandon()
        raise
    return reply


class ProviderAnswer:
    """A provider's answer: decoded, scrubbed, its fields reduced to the table."""

    def __init__(self, endpoint: Endpoint, reply: Reply, credential: Credential | None) -> None:
        """Read the head.

        Raises: UpstreamError malformed for a content coding that cannot be undone.
        """
        self._endpoint = endpoint
        self._reply = reply
        self._credential = credential
        self._forms = credential.secret.spellings if credential else ()
        self._scrubber: Scrubber | None = None
        self._decoder = _decoder(reply.fields)
        self._fields: list[tuple[bytes, bytes]] | None = None
        self.status = reply.status
        """The status; a redirect only where the request says that it is an answer like others."""

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields that may go to the client of a model."""
        if self._fields is None:
            self._fields = inbound(self._reply.fields, self._forms)
        return self._fields

    async def read(self, limit: int) -> bytes:
        """Return the whole decoded body, at most `limit` bytes.

        Raises: UpstreamError.
        """
        whole = self._reply.take_whole()
        if whole is not None:
            return self._cleaned(whole, limit)
        pieces: list[bytes] = []
        size = 0
        while raw := await self._next():
            piece = self._clean(raw)
            size += len(piece)
            if size > limit:
                raise self._too_large(limit)
            pieces.append(piece)
        pieces.append(self._rest())
        return b"".join(pieces)

    def _cleaned(self, whole: bytes, limit: int) -> bytes:
        """Return the rest of a body of which all has come: mostly the whole, of which nothing has to wait."""
        body = whole if self._decoder is None else self._decoder.feed(whole)
        if self._scrubber is not None:
            body = self._scrubber.feed(body)
        elif self._credential is not None and self._credential.secret.stands_in(body):
            for form in self._forms:
                body = body.replace(form, MASK)
        if len(body) > limit:
            raise self._too_large(limit)
        rest = self._rest()
        return body + rest if rest else body

    def _too_large(self, limit: int) -> UpstreamError:
        self.close()
        return UpstreamError(
            f"`{self._endpoint.name}` answered with more than {limit} bytes", fault=UpstreamFault.MALFORMED
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body as it arrives.

        Raises: UpstreamError.
        """
        while raw := await self._next():
            if piece := self._clean(raw):
                yield piece
        if rest := self._rest():
            yield rest

    @property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came, for gates with a table of their own."""
        return self._reply.fields

    @property
    def comes_whole(self) -> bool:
        """All of it is here, or it says that it is short: its end can be waited for. Never of HEAD."""
        if self._decoder is not None:
            return False
        return self._reply.is_complete or (self._reply.has_body and _is_short(self._reply.fields))

    def close(self) -> None:
        """Let go of the answer; an unread rest closes its connection at once."""
        self._reply.abandon()

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()

    def _rest(self) -> bytes:
        if self._decoder is not None:
            self._decoder.finish()
        return self._scrubber.finish() if self._scrubber is not None else b""

    async def _next(self) -> bytes:
        try:
            return await self._reply.take()
        except BrokenError as error:
            failure = _failure(self._endpoint, error, self._credential)
        raise failure

    def _clean(self, raw: bytes) -> bytes:
        piece = raw if self._decoder is None else self._decoder.feed(raw)
        if not self._forms:
            return piece
        if self._scrubber is None:
            self._scrubber = Scrubber(self._forms)
        return self._scrubber.feed(piece)


def _accept(endpoint: Endpoint, reply: Reply, request: UpstreamRequest) -> ProviderAnswer:
    if 300 <= reply.status < 400 and not request.redirects:
        reply.abandon()
        raise UpstreamError(
            f"`{endpoint.name}` answered with a redirect, which is not followed", fault=UpstreamFault.REJECTED
        )
    try:
        return ProviderAnswer(endpoint, reply, request.credential)
    except UpstreamError:
        reply.abandon()
        raise


def _decoder(fields: list[tuple[bytes, bytes]]) -> Decoder | None:
    codings = [value for name, value in fields if len(name) == 16 and name.lower() == b"content-encoding"]
    if not codings:
        return None
    coding = b", ".join(codings).decode("latin-1").strip().lower()
    return None if coding in {"identity", ""} else Decoder(coding, limit=_DECODED_BYTES)


def _is_short(fields: list[tuple[bytes, bytes]]) -> bool:
    lengths = [value.strip() for name, value in fields if len(name) == 14 and name.lower() == b"content-length"]
    return len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) <= 5 and int(lengths[0]) <= _SHORT_BYTES


def _target(endpoint: Endpoint, request: UpstreamRequest) -> _Target:
    made = _kept_target if len(request.path) + len(request.query) <= _KEPT_CHARS else _made_target
    return made(endpoint.base_url, request.method, request.path, request.query, request.verbatim)


def _made_target(base_url: str, method: str, path: str, query: str, verbatim: bool) -> _Target:  # noqa: FBT001 - kept by its arguments, which by name are twice as slow
    dots = any(segment in {".", ".."} for segment in path.lower().replace("%2e", ".").split("/"))
    allowed = _RAW_PATH if verbatim else _PATH
    if dots or not allowed.fullmatch(path) or not _QUERY.fullmatch(query):
        raise ProtocolError("the path or query cannot be sent to a provider", code="path_refused")
    parts = urlsplit(base_url)
    is_tls = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if is_tls else 80)
    named = f"[{host}]" if ":" in host else host
    authority = named if parts.port is None else f"{named}:{port}"
    target = parts.path.rstrip("/") + path + (f"?{query}" if query else "")
    head = f"{method} {target} HTTP/1.1\r\nhost: {authority}\r\naccept-encoding: identity\r\n"
    return _Target(Origin(host, port, is_tls), head.encode("ascii"))


_kept_target = lru_cache(maxsize=256)(_made_target)


def _head(target: _Target, request: UpstreamRequest) -> bytes:
    """Write the head: ours, the client's fields that may go along, and the key in its one place."""
    credential = request.credential
    pieces = [target.head]
    chosen = (
        passed(request.fields)
        if request.verbatim
        else outbound(request.fields, own_login=credential is not None and credential.of_client)
    )
    for name, value in chosen:
        pieces += (name, b": ", value, b"\r\n")
    if credential is not None:
        key = credential.prefix + credential.secret.reveal()
        if not key.isascii() or not key.isprintable():
            raise ConfigError("a credential has characters that no header can carry")
        pieces.append(f"{credential.header}: {key}\r\n".encode("ascii"))
    if request.body or request.method != "GET":
        pieces.append(b"content-length: %d\r\n" % len(request.body))
    pieces.append(b"\r\n")
    return b"".join(pieces)


def _failure(endpoint: Endpoint, error: BrokenError, credential: Credential | None) -> UpstreamError:
    """Say what went wrong without what was sent."""
    forms = credential.secret.spellings if credential else ()
    return UpstreamError(
        f"`{endpoint.name}` {error.words}",
        fault=error.fault,
        status=504 if error.fault is UpstreamFault.TIMEOUT else 502,
        detail=scrub(error.detail, forms),
    )


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    # Not ssl.create_default_context: it reads SSL_CERT_FILE and SSLKEYLOGFILE from the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(cafile=str(ca_file) if ca_file else certifi.where())
    return context
