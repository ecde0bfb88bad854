"""Fixed header fields that a provider wants beside the dialect's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firewall.routing.fields import outbound
from firewall.routing.kinds.interface import Manner
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse


@dataclass(frozen=True, slots=True)
class WithFields:
    """Another manner, or the plain one, with fields of the configuration; a client's of that name gives way."""

    fixed: Sequence[tuple[bytes, bytes]]
    inner: Manner | None = None

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Return the request with the fields."""
        if self.inner is not None:
            request = await self.inner.asked(request, endpoint, upstream)
        fields = list(request.fields)
        if not request.verbatim:
            credential = request.credential
            fields = outbound(fields, own_login=credential is not None and credential.of_client)
        names = {name for name, _ in self.fixed}
        kept = [pair for pair in fields if pair[0] not in names]
        return replace(request, fields=[*kept, *self.fixed], verbatim=True)

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer as the inner manner does."""
        return response if self.inner is None else self.inner.heard(response, request)
