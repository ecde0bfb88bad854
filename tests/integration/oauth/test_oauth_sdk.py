"""The official SDK's client finds out from the gate who issues tokens, logs in there, and uses a server."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from firewall.settings.oauth import OAuthIssuer
from tests.support.authorizing import authorizing
from tests.support.mcp_house import mcp_house
from tests.support.mcp_posting import rough
from tests.support.signing import RESOURCE, rsa_signer

REDIRECT = "http://127.0.0.1:9/callback"


class Named(httpx2.AsyncBaseTransport):
    """Leads the name by which agents know the gate to where the test serves it."""

    def __init__(self, base: str) -> None:
        self._base = httpx2.URL(base)
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send."""
        if request.url.host == urlsplit(RESOURCE).hostname:
            request.url = request.url.copy_with(scheme="http", host=self._base.host, port=self._base.port)
            request.headers["host"] = self._base.netloc.decode()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close."""
        await self._inner.aclose()


class Memory:
    """Keeps what a client keeps."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """As the SDK asks."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """As the SDK asks."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """As the SDK asks."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """As the SDK asks."""
        self.client = client_info


async def test_the_sdks_client_logs_in(tmp_path: Path) -> None:
    """From our 401 to the metadata, the issuer, a token for exactly that server, and its tools."""
    row = {"scopes": ["mcp:use"], "owner": "olga", "agent": "coder", "environment": "staging"}
    memory, went = Memory(), list[str]()

    async def go(address: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            went.append((await http.get(address)).headers["location"])

    async def come() -> AuthorizationCodeResult:
        said = {name: values[0] for name, values in parse_qs(urlsplit(went[-1]).query).items()}
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])

    async with authorizing() as far:
        far.signer = rsa_signer()
        issuer = OAuthIssuer.model_validate({"issuer": far.issuer, "grant": [row]})
        about = OAuthClientMetadata.model_validate(
            {"client_name": "sdk", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
        )
        async with mcp_house(tmp_path, rough(), issuers=(issuer,)) as house:
            url = f"{RESOURCE}/mcp/rough"
            auth = OAuthClientProvider(url, about, memory, redirect_handler=go, callback_handler=come)
            transport = Named(house.base)
            async with (
                httpx2.AsyncClient(auth=auth, transport=transport, timeout=30) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                tools = await client.list_tools()
    assert tools.tools
    assert parse_qs(urlsplit(went[0]).query)["code"]
    assert far.asked[0][1]["resource"] == url
    assert memory.tokens is not None
    assert len(far.asked) == 1
