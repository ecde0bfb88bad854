"""Azure OpenAI: the v1 API (`…/openai/v1`, the dialect's own paths), or one path for each deployment.

Deployments are named where others name models. Which form is spoken follows from the base URL's end.
Source: https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle, the openai SDK 3.52.
"""

from dataclasses import dataclass, replace
from urllib.parse import quote

from firewall.routing.kinds.bodies import model_of
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest, UpstreamResponse

DEFAULT_VERSION = "2024-10-21"
"""The newest dated version that is no preview; the v1 API needs none."""
_OF_DEPLOYMENTS = frozenset({"/chat/completions", "/embeddings", "/images/edits", "/images/generations"})
"""Paths below a deployment; others (`/responses`) name it in the body."""


@dataclass(frozen=True, slots=True)
class Azure:
    """One resource."""

    api_version: str = ""

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Return the request for the v1 API, or for the deployment that it names.

        Raises: ProtocolError (400) where it names none.
        """
        del upstream
        if endpoint.base_url.rstrip("/").endswith("/v1"):
            return replace(request, query=_joined(request.query, self.api_version))
        path = request.path
        if path in _OF_DEPLOYMENTS:
            path = f"/deployments/{quote(model_of(request), safe='')}{path}"
        return replace(request, path=path, query=_joined(request.query, self.api_version or DEFAULT_VERSION))

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer as it is."""
        del request
        return response


def _joined(query: str, version: str) -> str:
    return "&".join(filter(None, (query, f"api-version={version}" if version else "")))
