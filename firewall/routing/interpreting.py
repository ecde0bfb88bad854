"""Answers of providers of another dialect, given back in the client's: whole, as they stream, and errors.

Whoever tries candidates or judges calls reads the client's dialect alone. INVARIANT: what cannot be given back
ends in an error, never as if it were the answer's end.
"""

from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Self

from firewall.codecs.interface import UNCOUNTED, Usage
from firewall.codecs.neutral.faults import object_of
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.translate import StreamTranslation, failure_of, translate_error, translated_answer
from firewall.core.errors import ProtocolError, UpstreamError, UpstreamFault
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse

_MAX_ERROR_BYTES = 1 << 20
_STREAM = b"text/event-stream"
_JSON = b"application/json"
_TYPE = b"content-type"


class Interpreter:
    """An `Upstream` whose answers come in the dialect of the client."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def open(self, endpoint: Endpoint, request: UpstreamRequest) -> Coroutine[object, object, UpstreamResponse]:
        """Send and return the answer's head; of an error, all of it.

        Raises: UpstreamError; ProtocolError where the client's own bytes cannot be sent.
        """
        if request.asked is None:
            return self._upstream.open(endpoint, request)
        return self._interpreted(endpoint, request, request.asked)

    async def _interpreted(self, endpoint: Endpoint, request: UpstreamRequest, asked: Asked) -> UpstreamResponse:
        response = await self._upstream.open(endpoint, request)
        if 200 <= response.status < 300:
            return Interpreted(response, asked)
        try:
            body = await response.read(_MAX_ERROR_BYTES)
        finally:
            response.close()
        status, error = translate_error(asked, response.status, body)
        return Told(status, [*_others(response.fields), (_TYPE, _JSON)], response.raw_fields, error)


@dataclass(frozen=True, slots=True)
class Told:
    """An error that is all here."""

    status: int
    fields: list[tuple[bytes, bytes]]
    raw_fields: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def comes_whole(self) -> bool:
        """It has."""
        return True

    async def read(self, limit: int) -> bytes:
        """Return the body; it was bounded when it was read."""
        del limit
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        yield self.body

    def close(self) -> None:
        """Nothing is held."""

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is held."""


class Interpreted:
    """An answer on its way into the client's dialect."""

    def __init__(self, response: UpstreamResponse, asked: Asked) -> None:
        self._response = response
        self._asked = asked
        self._translation: StreamTranslation | None = None
        self._counted = UNCOUNTED

    @property
    def counted(self) -> Usage:
        """What the provider has counted so far, in its own dialect."""
        return self._counted if self._translation is None else self._translation.counted

    @property
    def status(self) -> int:
        """The provider's: the answer went well so far."""
        return self._response.status

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields that may go to the client."""
        return self._response.fields

    @property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came."""
        return self._response.raw_fields

    @property
    def comes_whole(self) -> bool:
        """Its end can be waited for."""
        return self._response.comes_whole

    async def read(self, limit: int) -> bytes:
        """Return the whole answer; the limit is for the provider's bytes.

        Raises: UpstreamError, also for what cannot be given back.
        """
        if self._streams:
            return b"".join([piece async for piece in self.chunks()])
        body = await self._response.read(limit)
        try:
            told, self._counted = translated_answer(self._asked, body)
        except ProtocolError as error:
            if "error" in object_of(body):
                # An error under a status that says that all is well: it reads as the client's own would.
                return translate_error(self._asked, self.status, body)[1]
            raise UpstreamError(
                error.public, fault=UpstreamFault.MALFORMED, status=error.status, detail=error.code
            ) from error
        return told

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the answer as it arrives; what cannot be given back ends in the dialect's error.

        Raises: UpstreamError.
        """
        if not self._streams:
            yield await self.read(_MAX_ERROR_BYTES << 6)
            return
        translation = self._translation = StreamTranslation(self._asked)
        try:
            async for chunk in self._response.chunks():
                out = translation.feed(chunk)
                if out:
                    yield out
            out = translation.close()
        except ProtocolError as error:
            out = translation.abort(failure_of(error))
        if out:
            yield out

    @property
    def _streams(self) -> bool:
        return any(name == _TYPE and value.lower().startswith(_STREAM) for name, value in self.fields)

    def close(self) -> None:
        """Let go of the answer."""
        self._response.close()

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()


def counted(response: UpstreamResponse) -> Usage | None:
    """Return what a provider of another dialect has counted so far; None: the answer says it itself."""
    return response.counted if isinstance(response, Interpreted) else None


def _others(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in fields if pair[0] != _TYPE]
