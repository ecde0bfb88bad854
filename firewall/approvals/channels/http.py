"""One POST to a receiver, for every channel that speaks HTTP."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from firewall.approvals.channels.port import NotDeliveredError, Read
from firewall.core.notice import Message, Seen

if TYPE_CHECKING:
    import httpx

ATTEMPT_S = 10.0
"""How long one try may take."""


class Poster:
    """Posts bytes; the address is the receiver's secret and is never logged."""

    def __init__(self, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        import httpx  # only where there is such a channel: it brings rich and pygments along

        for library in ("httpx", "httpcore"):  # they would write down the address
            logging.getLogger(library).setLevel(logging.WARNING)
        # No environment proxies, no redirects: the address goes where it was configured to go or nowhere.
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=ATTEMPT_S, transport=transport
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the body of a 2xx answer.

        Raises: NotDeliveredError.
        """
        import httpx

        headers = {"content-type": "application/json", "user-agent": "stayhand", **headers}
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotDeliveredError(type(error).__name__) from error
        if not answer.is_success:
            raise NotDeliveredError(
                f"http_{answer.status_code}", retry_after_s=_seconds(answer.headers.get("retry-after", ""))
            )
        return answer.content

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class Hook:
    """A webhook of others that takes JSON at an address that is a secret, and cannot change what it was told."""

    def __init__(self, *, url: Read, poster: Poster, said: Callable[[Message], Mapping[str, object]]) -> None:
        """`url` is read anew for each try (rotation); `said` spells a message as the receiver takes it."""
        self._url = url
        self._poster = poster
        self._said = said

    async def send(self, message: Message) -> None:
        """Post once. Raises: NotDeliveredError, FirewallError."""
        if not isinstance(message, Seen):
            await self._poster.post(self._url().reveal(), json_bytes(self._said(message)), {})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


def json_bytes(body: Mapping[str, object]) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(body, separators=(",", ":")).encode()


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
