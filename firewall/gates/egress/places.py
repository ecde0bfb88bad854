"""Where a client of the forward proxy wants to go, read in one way only: `host:port` and absolute addresses.

A host is a plain name in lower case. Addresses in any spelling, trailing dots, user parts and empty ports are
refused: what is compared here is what is resolved, proven by TLS and judged. Spec: RFC 9112, 3.2.2 and 3.2.3.
"""

import re
from dataclasses import dataclass

from firewall.core.errors import ProtocolError

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ABSOLUTE = re.compile(rb"http://([^/?#@\\]+)(/[^#]*|\?[^#]*)?", re.IGNORECASE)
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port, and how it is spoken to there."""

    host: str
    port: int
    scheme: str = "https"
    """`https` behind CONNECT, `http` for absolute addresses."""

    @property
    def authority(self) -> str:
        """Return `host`, with the port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


def is_name(host: str) -> bool:
    """Tell whether a host is a plain name: no address in any spelling, no trailing dot."""
    last = host.rpartition(".")[2]
    return bool(_HOST.fullmatch(host)) and not _NUMBER.fullmatch(last)


def of_connect(target: bytes) -> Place:
    """Read the target of a CONNECT.

    Raises: ProtocolError `egress_place_malformed` (400).
    """
    host, colon, port = _text(target).rpartition(":")
    if not colon or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise _malformed("CONNECT needs `host:port`")
    return Place(_name(host), int(port))


def of_absolute(target: bytes) -> tuple[Place, bytes]:
    """Read an absolute address of plain http; returns the place, and path with query.

    Raises: ProtocolError `egress_place_malformed` (400).
    """
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise _malformed("this is a forward proxy: it takes CONNECT host:port, or http://host/path")
    host, colon, port = _text(found[1]).partition(":")
    if colon and (not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535):
        raise _malformed("the port cannot be read")
    rest = found[2] or b"/"
    return Place(_name(host), int(port) if colon else 80, "http"), rest if rest[:1] == b"/" else b"/" + rest


def agrees(place: Place, host: bytes) -> bool:
    """Tell whether a Host field names exactly the place."""
    text = host.decode("latin-1").strip().lower()
    return text in (place.authority, f"{place.host}:{place.port}")


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii").lower()
    except UnicodeDecodeError as error:
        raise _malformed("a host name is written in plain letters") from error


def _name(host: str) -> str:
    if not is_name(host):
        raise _malformed("the host must be a plain name: no address, no trailing dot")
    return host


def _malformed(public: str) -> ProtocolError:
    return ProtocolError(public, code="egress_place_malformed")
