"""Which addresses a browser's subscription may name. Pure.

INVARIANT: the address comes from a browser, and the firewall posts there: https alone, a host of the list alone,
nothing that two readers of an address could take for two hosts.
Sources: Apple, "Sending web push notifications in web apps and browsers"; Mozilla, autopush; Microsoft, WNS;
Google, "Web Push protocol".
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from firewall.core.errors import ProtocolError

USUAL = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""The push services of Chrome and its kin, Firefox, Safari and Edge."""
MOST_CHARS = 2048
_NAME = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}"
_PATTERN = re.compile(rf"(?:\*\.(?=[^.:]+\.)|){_NAME}(?::[1-9][0-9]{{0,4}})?|localhost(?::[1-9][0-9]{{0,4}})?")
_ENDPOINT = re.compile(
    r"https://(?P<host>[a-z0-9.-]+)(?P<port>:[1-9][0-9]{0,4})?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,=:@/?%-]*))?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A browser's address at its push service."""

    host: str
    origin: str
    """What the service calls itself (RFC 8292, `aud`)."""
    path: str
    query: str
    is_private: bool
    """The configuration names it as an address of this network."""


def is_pattern(text: str) -> bool:
    """Tell whether a text names a host, or with `*.` in front every host below a domain; `:port` may follow."""
    return _PATTERN.fullmatch(text) is not None


def place_of(endpoint: str, hosts: Sequence[str]) -> Place:
    """Return where an endpoint leads. Raises: ProtocolError `push_endpoint_refused`."""
    found = _ENDPOINT.fullmatch(endpoint) if len(endpoint) <= MOST_CHARS else None
    if found is None:
        raise _refused("the address of this browser's push service cannot be used")
    host, port = found["host"], found["port"] or ""
    if port == ":443" or any(dots in found["path"].split("/") for dots in (".", "..")):
        raise _refused("the address of this browser's push service cannot be used")
    if not any(_matches(f"{host}{port}", one) for one in hosts):
        shown = urlsplit(endpoint).hostname or ""
        raise _refused(f"`{shown}` is no push service that this firewall sends to")
    is_private = f"{host}{port}" in hosts and _is_own(host)
    return Place(host, f"https://{host}{port}", found["path"], found["query"] or "", is_private)


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def _is_own(host: str) -> bool:
    """Tell whether a host is this machine, or written as an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return True


def _refused(public: str) -> ProtocolError:
    return ProtocolError(public, code="push_endpoint_refused", status=422)
