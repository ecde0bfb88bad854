"""Where passkeys work: the relying party's id and origin, from the configured public address alone.

INVARIANT: nothing here is shaped by a request. A passkey is bound to the name in `server.public_url`: whoever
moves the control side to another name registers anew.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_USUAL = {"https": 443, "http": 80}
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Party:
    """The relying party (WebAuthn section 5.4.2)."""

    id: str
    """The host name."""
    origin: str
    """As browsers spell it: scheme, name, and the port where it is not the usual one."""

    @property
    def is_local(self) -> bool:
        """Only browsers on this machine reach it."""
        return is_loopback_name(self.id)


def is_loopback_name(name: str) -> bool:
    """Tell whether a name always means the machine that asks (RFC 6761, section 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def why_not(public_url: str) -> str:
    """Return why no passkey can work at an address, as words after "it"; empty: they can."""
    try:
        url = urlsplit(public_url)
        name, port = (url.hostname or "").lower(), url.port
    except ValueError:
        return "cannot be read"
    if url.scheme not in _USUAL or port == 0:
        return "is no https address"
    return _why_not_named(name, is_https=url.scheme == "https")


def _why_not_named(name: str, *, is_https: bool) -> str:
    is_loopback = is_loopback_name(name)
    if _is_address(name):
        return "has an IP address in place of a name"
    if not _NAME.fullmatch(name):
        return "has no name that a browser could bind a passkey to (write it in ASCII, without a last dot)"
    if not is_https and not is_loopback:
        return "is not https"
    if "." not in name and not is_loopback:
        return "has a name without a domain"
    return ""


def party_of(public_url: str) -> Party | None:
    """Return the relying party of a public address; None where passkeys cannot work."""
    if why_not(public_url):
        return None
    url = urlsplit(public_url)
    name = (url.hostname or "").lower()
    port = "" if url.port in (None, _USUAL[url.scheme]) else f":{url.port}"
    return Party(name, f"{url.scheme}://{name}{port}")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(re.fullmatch(r"[0-9.]+|0x[0-9a-f]+", name))  # other spellings of addresses
    return True
