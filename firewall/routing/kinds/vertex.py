"""Vertex AI: Gemini under its project's paths, Claude by rawPredict; a bearer token, or a service account's key.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude, the anthropic SDK
2.11, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.kinds.anthropic_words import error_body
from firewall.routing.kinds.bodies import model_of, with_members
from firewall.routing.kinds.reframed import ReframedAnswer, Whole
from firewall.routing.kinds.service_account import ServiceAccounts
from firewall.routing.port import Credential, Endpoint, Upstream, UpstreamRequest, UpstreamResponse

_REFUSED = 401
VERSION = "vertex-2023-10-16"
_REGIONS = {
    "global": "https://aiplatform.googleapis.com",
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}


def base_url_of(region: str) -> str:
    """Return where a region is served."""
    return _REGIONS.get(region, f"https://{region}-aiplatform.googleapis.com")


@dataclass(frozen=True, slots=True)
class Vertex:
    """One project in one region."""

    dialect: Dialect
    project: str
    region: str
    key: Callable[[], Secret]
    """A token, or a service account's key (JSON), which is exchanged for tokens."""
    accounts: ServiceAccounts

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Return the request under the project's path, with a token.

        Raises: UpstreamError where no token is given; ConfigError; ProtocolError (400) where it names no model.
        """
        key = self.key()
        if key.reveal().lstrip().startswith("{"):
            key = await self.accounts.token(key, endpoint, upstream)
        made = self._claude(request) if self.dialect is Dialect.ANTHROPIC else self._gemini(request)
        return replace(made, credential=Credential("authorization", key, "Bearer "))

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer; Google's own errors about Claude in the words that Claude's clients read."""
        if response.status == _REFUSED and request.credential is not None:
            self.accounts.refused(request.credential.secret)
        if self.dialect is not Dialect.ANTHROPIC or response.status < 400:
            return response
        turn = Whole(lambda body: error_body(response.status, body))
        return ReframedAnswer(response, turn, b"application/json")

    def _place(self, publisher: str) -> str:
        return f"/v1/projects/{self.project}/locations/{self.region}/publishers/{publisher}/models"

    def _claude(self, request: UpstreamRequest) -> UpstreamRequest:
        put = {"anthropic_version": VERSION}
        fields = [pair for pair in request.fields if pair[0] != b"anthropic-version"]
        place = self._place("anthropic")
        if request.path == "/v1/messages/count_tokens":
            body = with_members(request.body, frozenset(), put)
            return replace(request, path=f"{place}/count-tokens:rawPredict", query="", body=body, fields=fields)
        if request.path != "/v1/messages":
            raise _unserved()
        verb = "streamRawPredict" if request.streamed else "rawPredict"
        body = with_members(request.body, frozenset({"model"}), put)
        path = f"{place}/{quote(model_of(request), safe='@')}:{verb}"
        return replace(request, path=path, query="", body=body, fields=fields)

    def _gemini(self, request: UpstreamRequest) -> UpstreamRequest:
        last = request.path.rpartition("/")[2]
        if ":" not in last:
            raise _unserved()
        return replace(request, path=f"{self._place('google')}/{last}")


def _unserved() -> UpstreamError:
    return UpstreamError("this provider does not serve that", fault=UpstreamFault.REJECTED, status=404)
