"""An answer whose body is read in one framing and given out in another."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol, Self

from firewall.routing.port import UpstreamResponse


class Reframe(Protocol):
    """Turns a body, piece by piece."""

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece; returns what it completes. Raises: UpstreamError."""
        ...

    def finish(self) -> bytes:
        """The body is over. Raises: UpstreamError where it broke off."""
        ...


class Whole:
    """A body that is turned all at once."""

    def __init__(self, turn: Callable[[bytes], bytes]) -> None:
        self._turn = turn
        self._pieces: list[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        """Keep a piece."""
        self._pieces.append(chunk)
        return b""

    def finish(self) -> bytes:
        """Turn all of it."""
        return self._turn(b"".join(self._pieces))


class ReframedAnswer:
    """An `UpstreamResponse` with another body and content type."""

    def __init__(self, response: UpstreamResponse, reframe: Reframe, content_type: bytes) -> None:
        self._response = response
        self._reframe = reframe
        kept = [pair for pair in response.fields if pair[0] != b"content-type"]
        self.fields: list[tuple[bytes, bytes]] = [*kept, (b"content-type", content_type)]
        """The header fields that may go to a client of model traffic."""
        self.status = response.status
        """The provider's status."""

    @property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came."""
        return self._response.raw_fields

    @property
    def comes_whole(self) -> bool:
        """Its end can be waited for."""
        return self._response.comes_whole

    async def read(self, limit: int) -> bytes:
        """Return the whole body, at most `limit` bytes as it comes. Raises: UpstreamError."""
        body = await self._response.read(limit)
        return self._reframe.feed(body) + self._reframe.finish()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises: UpstreamError."""
        async for chunk in self._response.chunks():
            if piece := self._reframe.feed(chunk):
                yield piece
        if piece := self._reframe.finish():
            yield piece

    def close(self) -> None:
        """Let go of the answer."""
        self._response.close()

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()
