"""The carrier of model traffic: aiohttp behind the `Upstream` port (why aiohttp: ADR 0002).

Redirects are not followed, the environment is not read, names are resolved once, checked and pinned, TLS is
verified against a bundle that no variable can replace. INVARIANT: the key goes into one header of one request and
comes back in nothing: not in bodies, fields, errors or details.
"""

import io
import re
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import Self

import aiohttp
import certifi
from yarl import URL

from firewall.core.errors import ConfigError, ProtocolError, UpstreamError, UpstreamFault
from firewall.routing.body import Decoder, Scrubber, scrub
from firewall.routing.fields import inbound, outbound
from firewall.routing.port import Credential, Endpoint, Timeouts, UpstreamRequest
from firewall.routing.resolver import AddressRefusedError, Lookup, PinningResolver

_CONNECTIONS = 1024
"""Open at once per kind of network; held streams keep theirs, so this is well over the 200 that must flow."""
_KEEP_ALIVE_S = 15.0
"""Shorter than providers' own, so that a POST seldom meets a connection that is being closed."""
_DECODED_BYTES = 256 << 20
_HEADER_BYTES = 32 << 10
_LARGE_BODY = 1 << 20
_KEPT_CHARS = 160
"""Addresses up to this long are made once: paths are few, and longer ones are not worth the memory."""
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/?%-]*")
_AUTO = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpUpstream:
    """Carries requests over pooled connections; `close` it in the loop that used it."""

    def __init__(
        self, *, lookup: Lookup | None = None, dns_ttl_s: float = 60.0, ca_file: Path | None = None
    ) -> None:
        """`ca_file` replaces the bundled certificate authorities, for providers with one of their own."""
        self._lookup = lookup
        self._dns_ttl_s = dns_ttl_s
        self._tls = _tls(ca_file)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> "AiohttpResponse":
        """Send `request` and return the head of the answer.

        Raises: UpstreamError; ProtocolError (400) where path, query or a field cannot be sent as it is.
        """
        url = _url(endpoint, request)
        headers = _headers(request)
        # Written in pieces when large; aiohttp warns about large plain bytes.
        body = io.BytesIO(request.body) if len(request.body) > _LARGE_BODY else request.body or None
        try:
            response = await self._session(private=endpoint.private).request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=_timeout(endpoint.timeouts, streamed=request.streamed),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _failure(endpoint, error, request.credential)
        else:
            return _accept(endpoint, response, request.credential)
        # Outside the handler: aiohttp's errors hold the request's header fields, and with them the key.
        raise failure

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session(self, *, private: bool) -> aiohttp.ClientSession:
        # Two pools, since the resolver knows a host and not for whom it is asked.
        session = self._sessions.get(private)
        if session is None:
            resolver = PinningResolver(private_ok=private, lookup=self._lookup, ttl_s=self._dns_ttl_s)
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver,
                    use_dns_cache=False,
                    ssl=self._tls,
                    limit=_CONNECTIONS,
                    keepalive_timeout=_KEEP_ALIVE_S,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                skip_auto_headers=_AUTO,
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
            self._sessions[private] = session
        return session


class AiohttpResponse:
    """A provider's answer: decoded, scrubbed, its fields reduced to the table."""

    def __init__(
        self, endpoint: Endpoint, response: aiohttp.ClientResponse, credential: Credential | None
    ) -> None:
        self._endpoint = endpoint
        self._response = response
        self._credential = credential
        secret = credential.secret.reveal().encode("utf-8") if credential else b""
        self._scrubber = Scrubber(secret) if secret else None
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        self._decoder = None if coding in {"identity", ""} else Decoder(coding, limit=_DECODED_BYTES)
        self.status = response.status
        """The status, never a redirect."""
        self.fields: list[tuple[bytes, bytes]] = inbound(response.raw_headers, [secret] if secret else [])
        """The header fields that may go to the client."""

    async def read(self, limit: int) -> bytes:
        """Return the whole decoded body, at most `limit` bytes.

        Raises: UpstreamError.
        """
        pieces: list[bytes] = []
        size = 0
        while raw := await self._next():
            piece = self._clean(raw)
            size += len(piece)
            if size > limit:
                self.close()
                raise UpstreamError(
                    f"`{self._endpoint.name}` answered with more than {limit} bytes", fault=UpstreamFault.MALFORMED
                )
            pieces.append(piece)
        pieces.append(self._rest())
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body as it arrives.

        Raises: UpstreamError.
        """
        while raw := await self._next():
            if piece := self._clean(raw):
                yield piece
        if rest := self._rest():
            yield rest

    def close(self) -> None:
        """Let go of the answer; an unread rest closes its connection at once."""
        self._response.close()

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
        content = self._response.content
        if content.at_eof() and content.exception() is None:
            return b""
        try:
            return await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            failure = _failure(self._endpoint, error, self._credential)
        raise failure

    def _clean(self, raw: bytes) -> bytes:
        piece = raw if self._decoder is None else self._decoder.feed(raw)
        return piece if self._scrubber is None else self._scrubber.feed(piece)


def _accept(
    endpoint: Endpoint, response: aiohttp.ClientResponse, credential: Credential | None
) -> AiohttpResponse:
    if 300 <= response.status < 400:
        response.close()
        raise UpstreamError(
            f"`{endpoint.name}` answered with a redirect, which is not followed", fault=UpstreamFault.REJECTED
        )
    try:
        answer = AiohttpResponse(endpoint, response, credential)
    except UpstreamError:
        response.close()
        raise
    connection = response.connection
    if connection is not None and connection.protocol is not None:
        # The first byte is there: from now on the idle limit counts.
        connection.protocol.read_timeout = endpoint.timeouts.idle_s
    return answer


def _url(endpoint: Endpoint, request: UpstreamRequest) -> URL:
    if len(request.path) + len(request.query) <= _KEPT_CHARS:
        return _kept_url(endpoint.base_url, request.path, request.query)
    return _made_url(endpoint.base_url, request.path, request.query)


def _made_url(base_url: str, path: str, query: str) -> URL:
    dots = any(segment in {".", ".."} for segment in path.lower().replace("%2e", ".").split("/"))
    if dots or not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise ProtocolError("the path or query cannot be sent to a provider", code="path_refused")
    return URL(base_url.rstrip("/") + path + (f"?{query}" if query else ""), encoded=True)


_kept_url = lru_cache(maxsize=256)(_made_url)


def _headers(request: UpstreamRequest) -> list[tuple[str, str]]:
    credential = request.credential
    headers = outbound(request.fields, own_login=credential is not None and credential.of_client)
    headers.append(("accept-encoding", "identity"))
    if credential is not None:
        value = credential.prefix + credential.secret.reveal()
        if not value.isascii() or not value.isprintable():
            raise ConfigError("a credential has characters that no header can carry")
        headers.append((credential.header, value))
    return headers


@lru_cache(maxsize=64)
def _timeout(timeouts: Timeouts, *, streamed: bool) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=timeouts.total_s,
        connect=timeouts.connect_s,
        sock_connect=timeouts.connect_s,
        sock_read=timeouts.first_byte_s if streamed else None,
    )


def _failure(endpoint: Endpoint, error: Exception, credential: Credential | None) -> UpstreamError:
    """Say what went wrong without what was sent."""
    secret = credential.secret.reveal() if credential else ""
    detail = scrub(f"{type(error).__name__}: {error}", secret)
    fault, words = _fault(error)
    return UpstreamError(
        f"`{endpoint.name}` {words}",
        fault=fault,
        status=504 if fault is UpstreamFault.TIMEOUT else 502,
        detail=detail,
    )


def _fault(error: Exception) -> tuple[UpstreamFault, str]:
    if isinstance(error, aiohttp.ClientConnectorDNSError) and isinstance(error.os_error, AddressRefusedError):
        return UpstreamFault.REJECTED, "leads to an address that is not allowed"
    if isinstance(error, TimeoutError):
        return UpstreamFault.TIMEOUT, "did not answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return UpstreamFault.UNAVAILABLE, "could not prove who it is"
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return UpstreamFault.MALFORMED, "gave an answer that cannot be read"
    if isinstance(error, aiohttp.ClientPayloadError):
        return UpstreamFault.UNAVAILABLE, "broke off its answer"
    return UpstreamFault.UNAVAILABLE, "cannot be reached"


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    # Not ssl.create_default_context: it reads SSL_CERT_FILE and SSLKEYLOGFILE from the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(ca_file) if ca_file else certifi.where())
    return context
