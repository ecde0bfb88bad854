"""Small documents and forms over our own client: metadata, keys, token endpoints (OAuth).

Addresses come from strangers' documents: each is checked as upstreams are (names resolved once, private and
metadata addresses refused), https alone unless loopback was configured; redirects are not followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from firewall.codecs.oauth.places import complaint, is_loopback
from firewall.core.errors import ConfigError, ProtocolError, UpstreamError, UpstreamFault
from firewall.routing.port import (
    Credential,
    Endpoint,
    Timeouts,
    Upstream,
    UpstreamRequest,
    is_private_by_configuration,
)

MOST_BYTES = 256 * 1024
_TIMES = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=10.0, total_s=20.0)
_ACCEPT = (b"accept", b"application/json")


@dataclass(frozen=True, slots=True)
class Ground:
    """Which addresses may be asked for the sake of one that was configured."""

    private: bool = False
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes


def ground_of(url: str, hosting: str) -> Ground:
    """Return the ground of a configured address. Raises: ConfigError."""
    parts = urlsplit(url)
    private = is_private_by_configuration(f"{parts.scheme}://{parts.netloc}", hosting)
    return Ground(private, loopback=private and is_loopback(url))


class Documents:
    """Fetches, over one carrier."""

    def __init__(self, carrier: Upstream) -> None:
        self._carrier = carrier

    async def get(self, url: str, ground: Ground) -> Answer:
        """Ask for a document. Raises: UpstreamError."""
        return await self._ask("GET", url, ground, fields=(_ACCEPT,))

    async def document(self, url: str, ground: Ground) -> bytes:
        """Return a document that is there. Raises: UpstreamError."""
        answer = await self.get(url, ground)
        if answer.status != 200:
            raise UpstreamError(
                f"`{urlsplit(url).hostname}` answered {answer.status} where a document should be",
                fault=UpstreamFault.REJECTED,
            )
        return answer.body

    async def post(
        self, url: str, ground: Ground, *, body: bytes, kind: bytes, credential: Credential | None = None
    ) -> Answer:
        """Send a body. Raises: UpstreamError; nobody knows then whether it arrived."""
        fields = (_ACCEPT, (b"content-type", kind))
        return await self._ask("POST", url, ground, fields=fields, body=body, credential=credential)

    async def form(
        self, url: str, ground: Ground, *, values: Sequence[tuple[str, str]], credential: Credential | None = None
    ) -> Answer:
        """Send a form. Raises: UpstreamError."""
        kind = b"application/x-www-form-urlencoded"
        return await self.post(
            url, ground, body=urlencode(values).encode("ascii"), kind=kind, credential=credential
        )

    async def _ask(
        self,
        method: str,
        url: str,
        ground: Ground,
        *,
        fields: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        credential: Credential | None = None,
    ) -> Answer:
        why = complaint(url, loopback=ground.loopback)
        if why:
            raise UpstreamError(f"an address that OAuth names {why}", fault=UpstreamFault.REJECTED)
        parts = urlsplit(url)
        name = parts.hostname or ""
        request = UpstreamRequest(
            method=method,
            path=parts.path or "/",
            query=parts.query,
            fields=fields,
            body=body,
            credential=credential,
            streamed=False,
            verbatim=True,
        )
        try:
            endpoint = Endpoint(name, f"{parts.scheme}://{parts.netloc}", private=ground.private, timeouts=_TIMES)
            async with await self._carrier.open(endpoint, request) as answer:
                return Answer(answer.status, answer.raw_fields, await answer.read(MOST_BYTES))
        except (ConfigError, ProtocolError) as error:
            raise UpstreamError(error.public, fault=UpstreamFault.REJECTED, detail=error.detail) from None
