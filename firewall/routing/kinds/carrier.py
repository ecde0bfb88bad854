"""The carrier of model traffic, with the manners of those providers that have one."""

from collections.abc import Coroutine, Mapping

from firewall.routing.kinds.interface import Manner
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse


class MannerlyUpstream:
    """Carries requests in plain dialects; what a provider wants otherwise is done on the way."""

    def __init__(self, upstream: Upstream, manners: Mapping[str, Manner]) -> None:
        """`manners`: by the provider's name."""
        self._upstream = upstream
        self._manners = manners

    def open(self, endpoint: Endpoint, request: UpstreamRequest) -> Coroutine[object, object, UpstreamResponse]:
        """Send and return the answer's head, both in the dialect's words.

        Raises: UpstreamError; ProtocolError where the client's own bytes cannot be sent; ConfigError.
        """
        manner = self._manners.get(endpoint.name)
        if manner is None:
            return self._upstream.open(endpoint, request)
        return self._mannerly(manner, endpoint, request)

    async def _mannerly(self, manner: Manner, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        asked = await manner.asked(request, endpoint, self._upstream)
        response = await self._upstream.open(endpoint, asked)
        try:
            return manner.heard(response, asked)
        except BaseException:
            response.close()
            raise
