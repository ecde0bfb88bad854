"""What a gate may ask of a provider, without knowing who carries the bytes.

The one carrier is `firewall.routing.upstream`. INVARIANT: a credential travels as a `Credential`, apart from the
client's fields, and is put on the wire by the carrier alone.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import SplitResult, urlsplit

from firewall.codecs.neutral.interface import Asked
from firewall.core.errors import ConfigError
from firewall.core.fast_init import fast_init, maker
from firewall.core.secret import Secret
from firewall.routing.addresses import literal, refusal

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields as ASGI carries them: lower-case names."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?")
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9._~:@!$&'()*+,=-]+)*/?")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a provider may take, in seconds."""

    connect_s: float = 10.0
    """Waiting for a connection of the pool, resolving, connecting and TLS together."""
    first_byte_s: float = 30.0
    """From the request to the first byte of the answer."""
    idle_s: float = 120.0
    """Between two reads of the answer."""
    total_s: float = 600.0
    """The whole exchange."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider as configured; its address is checked here as far as it can be without a resolver."""

    name: str
    base_url: str
    private: bool = False
    """Private and loopback addresses may be spoken to (`hosting` is not `saas`, or the host is one itself)."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    keyless: bool = False
    """No key is ever sent there, so plain http gives none away."""

    def __post_init__(self) -> None:
        """Refuse an address that a parser could take for another.

        Raises: ConfigError.
        """
        parts = _split(self.base_url)
        host = parts.hostname or ""
        address = literal(host)
        if address is None and not _NAME.fullmatch(host):
            raise ConfigError(f"the base_url of `{self.name}` has no plain host name")
        if address is not None and (reason := refusal(address, private_ok=self.private)):
            raise ConfigError(f"the base_url of `{self.name}` is {reason}", hint='set hosting = "self"')
        if parts.scheme == "http" and not (self.private or self.keyless):
            raise ConfigError(f"the base_url of `{self.name}` would send its key unencrypted", hint="use https://")


@fast_init
@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key, or the client's own login where `api_key = "client"`."""

    header: str
    """`authorization`, `x-api-key` or `x-goog-api-key`."""
    secret: Secret
    prefix: str = ""
    """What stands before the secret, e.g. `Bearer `."""
    of_client: bool = False
    """The agent's own login: headers that name its account may then go along."""


@fast_init
@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request to a provider."""

    method: str
    path: str
    """Appended to the base URL; begins with `/`."""
    query: str = ""
    fields: Fields = ()
    """The client's header fields; the carrier's table decides which go along."""
    body: bytes = b""
    credential: Credential | None = None
    streamed: bool = True
    """False: the answer comes whole, so its first byte may take as long as all of it."""
    verbatim: bool = False
    """The gate has chosen the fields and checked the path: they go as they are. Control characters never do."""
    asked: Asked | None = None
    """What the answer's way back needs, where the provider speaks another dialect than the client."""
    dropped: tuple[str, ...] = ()
    """Advisory fields of the client's request that this one could not carry."""
    redirects: bool = False
    """A redirect is an answer like others, for a client that decides itself; it is never followed here."""


request_of = maker(UpstreamRequest)


class UpstreamResponse(Protocol):
    """A provider's answer; close it, or use it as an asynchronous context manager."""

    @property
    def status(self) -> int:
        """The status; a redirect only where the request says that it is an answer like others."""
        ...

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields that may go to a client of model traffic."""
        ...

    @property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came, for gates with a table of their own."""
        ...

    @property
    def comes_whole(self) -> bool:
        """All of it is here, or it says that it is short: its end can be waited for. Never of HEAD."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return the whole decoded body, at most `limit` bytes.

        Raises: UpstreamError.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body as it arrives.

        Raises: UpstreamError.
        """
        ...

    def close(self) -> None:
        """Let go of the answer; what has not been read is not waited for."""
        ...

    async def __aenter__(self) -> Self:
        """Return the answer itself."""
        ...

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        ...


class Upstream(Protocol):
    """Carries requests to providers."""

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        """Send and return the answer's head. Cancelling ends the exchange at once.

        Raises: UpstreamError; ProtocolError where the client's own bytes cannot be sent.
        """
        ...


def is_private_by_configuration(base_url: str, hosting: str) -> bool:
    """Tell whether an address was configured as one of ours: by `hosting`, or because it says so itself.

    Raises: ConfigError for an address that cannot be read.
    """
    host = _split(base_url).hostname or ""
    address = literal(host)
    if address is not None:
        return refusal(address, private_ok=False) is not None
    return hosting in {"vpc", "self"} or host == "localhost" or host.endswith(".localhost")


def _split(base_url: str) -> SplitResult:
    shown = base_url.partition("@")[2] or base_url
    try:
        parts = urlsplit(base_url)
        odd = parts.port == 0 or any(sign in base_url for sign in "@\\?#")
    except ValueError as error:
        raise ConfigError(f"the base_url `{shown}` cannot be read") from error
    dots = any(segment in {".", ".."} for segment in parts.path.split("/"))
    if odd or dots or parts.scheme not in {"http", "https"} or not _BASE_PATH.fullmatch(parts.path):
        raise ConfigError(f"the base_url `{shown}` must be a plain http or https address")
    return parts
