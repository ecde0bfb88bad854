"""Which hosts the forward proxy serves, and what a request there becomes: a target's, a read, or a refusal.

Rows of hosts.toml are asked anew each time, so that a loaded policy can take a host away at once; one that it adds
is served after a restart, since the authority of this process is constrained to the hosts that it began with.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from firewall.classify.egress import EgressRow, is_among
from firewall.core.grant import Grant, permits_target
from firewall.core.target import TargetKind
from firewall.gates.egress.places import Place, is_name
from firewall.gates.infra.targets import Target
from firewall.settings.egress import Egress, EgressHost

Rows = Callable[[], tuple[EgressRow, ...]]
_WEB = {443: "https", 80: "http"}


@dataclass(frozen=True, slots=True)
class Permit:
    """A host that may be read from."""

    private: bool = False
    """It may lie at a private address."""
    ca: str = ""
    """File of the authority that proves it; empty: the system's roots."""
    plain: bool = False
    """Plain http is served."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A target that a request belongs to, and the path there."""

    target: Target
    path: bytes


class Hosts:
    """Everything that the forward proxy may lead to."""

    def __init__(self, settings: Egress, targets: Mapping[str, Target], rows: Rows) -> None:
        self._settings = settings
        self._targets = tuple(target for target in targets.values() if target.spec.kind is not TargetKind.AWS)
        self._rows = rows

    def names(self) -> list[str]:
        """Return the names that certificates are made for, as they stand in the configuration of now."""
        own = [name for row in self._settings.host for name in row.hosts]
        listed = [name for row in self._rows() for name in row.hosts]
        known = [host for target in self._targets for host in _hosts_of(target)]
        return sorted({_without_port(name) for name in (*own, *listed, *known)})

    def permit(self, place: Place) -> Permit | None:
        """Return on which terms a place may be read from; None: it may not."""
        for row in self._settings.host:
            if _names(row, place):
                return Permit(row.private, row.ca, row.plain)
        for listed in self._rows():
            if listed.serves(place.host) and _WEB.get(place.port) == place.scheme:
                return Permit(plain=listed.plain)
        return None

    def has_target(self, place: Place) -> bool:
        """Tell whether a target, of whatever environment, lies at a place."""
        return any(_at(target, place) for target in self._targets)

    def behind(self, place: Place, path: bytes, grant: Grant) -> list[Behind]:
        """Return the targets of a grant that a request to a place belongs to."""
        found = []
        for target in self._targets:
            rest = _path_in(target, place, path)
            if rest is not None and permits_target(grant, target.spec):
                found.append(Behind(target, rest))
        return found


def _hosts_of(target: Target) -> Iterable[str]:
    host = urlsplit(target.endpoint.base_url).hostname or ""
    return {name for name in (host, target.spec.host) if is_name(name)}


def _at(target: Target, place: Place) -> bool:
    return _path_in(target, place, None) is not None


def _path_in(target: Target, place: Place, path: bytes | None) -> bytes | None:
    """Return the path below a target for a path at a place, None where it is not the target's.

    A target is found by its own address, whose path its requests then begin with, and by the host under which the
    catalogue knows it (`pack`). `path` None: any.
    """
    parts = urlsplit(target.endpoint.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if place.host == parts.hostname and place.port in (port, 80 if place.scheme == "http" else port):
        prefix = parts.path.rstrip("/").encode("ascii")
        if path is None or path == prefix or path.startswith(prefix + b"/"):
            return (path or b"/")[len(prefix) if path else 0 :] or b"/"
    if place.host == target.spec.host != parts.hostname and _WEB.get(place.port) == place.scheme:
        return path or b"/"
    return None


def _names(row: EgressHost, place: Place) -> bool:
    if place.scheme == "http" and not row.plain:
        return False
    for name in row.hosts:
        host, colon, port = name.partition(":")
        wanted = int(port) if colon else {"https": 443, "http": 80}[place.scheme]
        if place.port == wanted and is_among(place.host, (host,)):
            return True
    return False


def _without_port(name: str) -> str:
    return name.partition(":")[0]
