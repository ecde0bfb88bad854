"""Targets as configured: what judging knows of each, and what it takes to speak to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.core.target import TargetKind, TargetSpec
from firewall.references import References, references_of
from firewall.routing.port import Credential, Endpoint, Timeouts, is_private_by_configuration
from firewall.settings.resolvers import Resolver as ResolverSettings
from firewall.settings.settings import Settings
from firewall.settings.targets import Target as TargetSettings
from firewall.tokens.vault.sealing import Purpose

_AWS = "https://amazonaws.com"
_FRAMING = 1 << 20
"""Chunk heads and signatures of an aws-chunked body, on top of the body itself."""


@dataclass(frozen=True, slots=True)
class ResolverSpec:
    """How it is looked up what a target's ids name."""

    key: Callable[[], Secret]
    """Reads the resolver's own credential anew at each question."""
    header: str
    """Lower case."""
    prefix: str
    per_minute: int
    at_once: int
    most_ids: int
    timeout_s: int
    cache_us: int
    max_answer_bytes: int


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """How long what has left HTTP may go on, in seconds."""

    idle_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """A target, ready to be spoken to."""

    spec: TargetSpec
    endpoint: Endpoint
    header: str
    """The field that carries the credential, lower case."""
    prefix: str
    key: Callable[[], Secret]
    """Reads the credential anew at each request (rotation without restart)."""
    raw_paths: bool
    hold_s: int
    max_body_bytes: int
    by_host: bool = False
    """Each request names the host that it goes to: AWS without a base_url."""
    regions: tuple[str, ...] = ()
    unsigned_payload: bool = False
    resolver: ResolverSpec | None = None
    """How ids are looked up; None: they are not."""
    sockets: SocketLimits | None = None
    """Requests may go on as a WebSocket; None: they may not."""

    def credential(self) -> Credential:
        """Return what authenticates one request.

        Raises: ConfigError when it cannot be read.
        """
        return Credential(self.header, self.key(), self.prefix)


def credentials_of(targets: Mapping[str, Target]) -> Callable[[], tuple[tuple[str, Secret], ...]]:
    """Return a function that reads the credentials of all targets that can be read now, with their names."""
    keys = [(name, target.key) for name, target in targets.items()]
    keys += [(name, target.resolver.key) for name, target in targets.items() if target.resolver]

    def read() -> tuple[tuple[str, Secret], ...]:
        found: list[tuple[str, Secret]] = []
        for name, key in keys:
            try:
                found.append((name, key()))
            except ConfigError:  # it cannot be used either then
                continue
        return tuple(found)

    return read


def targets_of(settings: Settings, references: References | None = None) -> Mapping[str, Target]:
    """Return the configured targets by name; `references` read their credentials (none: those of these settings).

    Raises: ConfigError for a name that stands twice, an address or a secret that cannot be used.
    """
    secrets = references or references_of(settings)
    found: dict[str, Target] = {}
    for one in settings.target:
        if one.name in found:
            raise ConfigError(f"two targets are named `{one.name}`")
        found[one.name] = _target(one, secrets)
    return MappingProxyType(found)


def _target(one: TargetSettings, secrets: References) -> Target:
    name, _, value = one.header.partition(":")
    is_aws = one.kind is TargetKind.AWS
    base_url = one.base_url or _AWS
    host = one.pack or urlsplit(base_url).hostname or ""
    return Target(
        spec=TargetSpec(
            one.name,
            one.environment,
            one.kind,
            host,
            scoped=one.scoped,
            account=one.account,
            looks_up=one.resolver is not None,
        ),
        endpoint=Endpoint(
            name=one.name,
            base_url=base_url,
            private=is_private_by_configuration(base_url, one.hosting),
            timeouts=Timeouts(first_byte_s=one.timeout_s, total_s=max(one.timeout_s, 600)),
        ),
        header=name.strip().lower(),
        prefix=value.strip().removesuffix("{credential}"),
        key=secrets.reader(one.credential, f"target `{one.name}`", Purpose.TARGET),
        raw_paths=one.raw_paths,
        hold_s=one.hold_s,
        max_body_bytes=(one.max_body_mib << 20) + (_FRAMING if is_aws else 0),
        by_host=not one.base_url,
        regions=one.regions,
        unsigned_payload=one.unsigned_payload,
        resolver=_resolver(one, one.resolver, secrets) if one.resolver is not None else None,
        sockets=SocketLimits(one.websocket_idle_s, one.websocket_total_s) if one.websocket else None,
    )


def _resolver(one: TargetSettings, wanted: ResolverSettings, secrets: References) -> ResolverSpec:
    name, _, value = (wanted.header or one.header).partition(":")
    return ResolverSpec(
        key=secrets.reader(wanted.credential, f"the resolver of target `{one.name}`", Purpose.RESOLVER),
        header=name.strip().lower(),
        prefix=value.strip().removesuffix("{credential}"),
        per_minute=wanted.per_minute,
        at_once=wanted.at_once,
        most_ids=wanted.most_ids,
        timeout_s=wanted.timeout_s,
        cache_us=wanted.cache_s * 1_000_000,
        max_answer_bytes=wanted.max_answer_kib << 10,
    )
