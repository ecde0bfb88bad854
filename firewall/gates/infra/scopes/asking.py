"""Asking a provider about its own credential: few, small, read-only requests to the target's own address.

INVARIANT: the credential goes where the target's requests go and nowhere else, redirects are not followed, and an
answer that repeats it is scrubbed before anybody looks at it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind
from firewall.gates.infra.aws.sending import request_of
from firewall.gates.infra.targets import Target
from firewall.routing.port import Endpoint, Timeouts, Upstream, UpstreamRequest

TIMEOUTS = Timeouts(connect_s=4, first_byte_s=5, idle_s=3, total_s=8)
MOST_BYTES = 256 * 1024
_FIELDS = ((b"accept", b"application/json"), (b"user-agent", b"stayhand-doctor"))


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names; none that holds the credential."""
    body: bytes = field(repr=False)

    @property
    def is_refused(self) -> bool:
        """The provider does not accept the credential at all."""
        return self.status == 401

    def json(self) -> object:
        """Return the parsed body; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def at(self, *path: str) -> object:
        """Return what lies at a path of names in the parsed body; None: nothing."""
        value = self.json()
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def count(self, *path: str) -> int:
        """Return how many a list at a path holds; -1: there is none."""
        value = self.at(*path)
        return len(value) if isinstance(value, list) else -1


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one target."""

    target: Target
    upstream: Upstream

    async def ask(self, method: str, path: str, *, query: str = "", body: bytes = b"", media: str = "") -> Reply:
        """Send one request with the target's credential.

        Raises: FirewallError when there is no credential or no answer.
        """
        endpoint = _bounded(self.target.endpoint)
        fields = [*_FIELDS, *([(b"content-type", media.encode())] if media else [])]
        request = UpstreamRequest(
            method=method,
            path=_below(endpoint.base_url, path),
            query=query,
            fields=fields,
            body=body,
            credential=self.target.credential(),
            verbatim=True,
        )
        return await self._sent(endpoint, request)

    async def json(self, path: str, value: object) -> Reply:
        """Send JSON. Raises: FirewallError."""
        return await self.ask("POST", path, body=json.dumps(value).encode(), media="application/json")

    async def aws(self, host: str, region: str, service: str, form: str) -> Reply:
        """Send a form to a service of AWS, signed. Raises: FirewallError."""
        outgoing = Outgoing(
            method="POST",
            path="/",
            headers=(("content-type", "application/x-www-form-urlencoded"),),
            body=form.encode(),
            host=host,
            scope=f"{region}/{service}",
        )
        endpoint, request = request_of(self.target, outgoing)
        return await self._sent(_bounded(endpoint), request)

    async def _sent(self, endpoint: Endpoint, request: UpstreamRequest) -> Reply:
        async with await self.upstream.open(endpoint, request) as response:
            body = await response.read(MOST_BYTES)
            secrets = self._secrets(request)
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.raw_fields
                if not any(secret in value for secret in secrets)
            }
            return Reply(response.status, headers, body)

    def _secrets(self, request: UpstreamRequest) -> list[bytes]:
        held = [self.target.key()] if self.target.spec.kind is not TargetKind.AWS else []
        held += [request.credential.secret] if request.credential else []
        return [form for one in held for form in one.spellings]


def _bounded(endpoint: Endpoint) -> Endpoint:
    return Endpoint(endpoint.name, endpoint.base_url, private=endpoint.private, timeouts=TIMEOUTS)


def _below(base_url: str, path: str) -> str:
    """Return a path of the API as it stands behind a base URL that may hold its beginning already."""
    base = urlsplit(base_url).path.rstrip("/")
    if base and (path == base or path.startswith(f"{base}/")):
        return path[len(base) :] or "/"
    return path
