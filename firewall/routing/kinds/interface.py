"""What a kind of provider does with a request in its dialect's own words, and with the answer.

Everybody else speaks plain dialects: a manner stands between them and the wire, at the carrier's side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from firewall.core.secret import Secret
from firewall.routing.port import Endpoint, Fields, Upstream, UpstreamRequest, UpstreamResponse


class Manner(Protocol):
    """How one provider is asked, and how its answer is read."""

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Return the request as this provider takes it; `upstream` carries what must be asked first (a token).

        Raises: ConfigError for a credential of the wrong form; UpstreamError.
        """
        ...

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer to `request` (as it left) in the dialect's words.

        Raises: UpstreamError.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToSign:
    """A request that is to be signed for AWS, as it will leave."""

    method: str
    base_url: str
    path: str
    query: str
    fields: Fields
    body: bytes
    region: str
    service: str


Sign = Callable[[ToSign, Secret], Mapping[str, str]]
"""Returns the header fields that authenticate a request, names in lower case, by a credential as
`credential_process` prints it. Raises: ConfigError."""
