"""Finding out who issues tokens for an MCP server: from its refusal to its issuer's metadata (MCP 2026-07-28).

Every address comes from somebody else's document and is checked before it is asked (`routing.documents`).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.versions import LEGACY
from firewall.codecs.oauth.answers import challenge_of
from firewall.codecs.oauth.metadata import ResourceMetadata, ServerMetadata, resource_of
from firewall.codecs.oauth.places import resource_metadata
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.routing.documents import Documents, Ground, ground_of
from firewall.routing.issuing import metadata_of
from firewall.settings.mcp import McpServer

_JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Found:
    """Who issues tokens for a server."""

    resource: str
    """What the server is called there (RFC 8707)."""
    metadata: ServerMetadata
    scopes: tuple[str, ...]
    """What the server says it takes."""


def ground_for(one: McpServer) -> Ground:
    """Return which addresses may be asked for the sake of a server. Raises: ConfigError."""
    return ground_of((one.oauth.issuer if one.oauth else "") or one.url, one.hosting)


async def find(one: McpServer, documents: Documents) -> Found:
    """Return who issues tokens for a server. Raises: UpstreamError, ProtocolError; ConfigError."""
    ground = ground_for(one)
    wanted = one.oauth.issuer if one.oauth else ""
    said, scopes = await _described(one.url, documents, ground)
    if said is None:
        if not wanted:
            raise _failed(one.name, "names no authorization server: set `issuer`")
        return Found(one.url, await metadata_of(wanted, documents, ground), scopes)
    if wanted and wanted not in said.issuers:
        raise _failed(one.name, f"does not name `{wanted}` as its authorization server")
    if not wanted and len(said.issuers) > 1:
        raise _failed(one.name, "names several authorization servers: set `issuer`")
    metadata = await metadata_of(wanted or said.issuers[0], documents, ground)
    return Found(said.resource, metadata, scopes or said.scopes)


def names_of(url: str) -> tuple[str, ...]:
    """Return what a server at an address may call itself: the address, or one above it on the same host."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    steps = [step for step in parts.path.split("/") if step]
    above = [f"{origin}/{'/'.join(steps[:count])}" for count in range(len(steps), 0, -1)]
    plain = [*above, origin]
    return tuple(dict.fromkeys([url, *plain, *(f"{one}/" for one in plain)]))


async def _described(
    url: str, documents: Documents, ground: Ground
) -> tuple[ResourceMetadata | None, tuple[str, ...]]:
    """Ask a server without a token: return what it says about itself, and the scopes that its refusal names."""
    params = {"protocolVersion": LEGACY[0], "capabilities": {}, "clientInfo": {"name": "stayhand", "version": "1"}}
    hello = messages.request("stayhand-login", "initialize", params)
    challenge: Mapping[str, str] = {}
    with suppress(UpstreamError):  # whatever it does without a token, its metadata may be there
        refused = await documents.post(url, ground, body=hello.raw, kind=_JSON)
        challenge = challenge_of(refused.fields) if refused.status == 401 else {}
    scopes = tuple(challenge.get("scope", "").split())
    origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    places = (challenge.get("resource_metadata", ""), resource_metadata(url), resource_metadata(origin))
    for place in dict.fromkeys(one for one in places if one):
        answer = await documents.get(place, ground)
        if answer.status == 200:
            return resource_of(answer.body, *names_of(url)), scopes
    return None, scopes


def _failed(name: str, words: str) -> UpstreamError:
    return UpstreamError(f"the MCP server `{name}` {words}", fault=UpstreamFault.REJECTED)
