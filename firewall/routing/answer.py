"""A provider's answer together with who gave it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from firewall.routing.call import Heard
from firewall.routing.port import UpstreamResponse


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """An answer that already is in the dialect of the call: passed on as it comes."""

    response: UpstreamResponse
    heard: Heard

    @property
    def usage(self) -> None:
        """Nothing beside what the answer says itself."""
        return

    @property
    def status(self) -> int:
        """The provider's status."""
        return self.response.status

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields that may go to the client."""
        return self.response.fields

    @property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came."""
        return self.response.raw_fields

    @property
    def comes_whole(self) -> bool:
        """Its end can be waited for."""
        return self.response.comes_whole

    async def read(self, limit: int) -> bytes:
        """Return the whole body, at most `limit` bytes. Raises: UpstreamError."""
        return await self.response.read(limit)

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises: UpstreamError."""
        return self.response.chunks()

    def close(self) -> None:
        """Let go of the answer."""
        self.response.close()

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        self.close()
