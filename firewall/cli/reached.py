"""Whether approvers reach the control side, from a phone too, and whether passkeys and push work there."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from firewall.codecs.passkeys.place import is_loopback_name, why_not

Said = tuple[str, str, str]
"""Level, what, hint: a line of the doctor's."""


def reached_by(public_url: str) -> Iterator[Said]:
    """Say what `server.public_url` means for people; nothing is asked of it."""
    url = urlsplit(public_url)
    name = (url.hostname or "").lower()
    if is_loopback_name(name) or _is_loopback(name):
        yield (
            "warn",
            f"approvers reach {public_url} on this machine only: no phone does",
            "set server.public_url to https with a name, and put TLS in front",
        )
    elif url.scheme != "https":
        yield ("unsafe", "approvers would sign in over plain http", "put TLS in front, use https")
    elif name.endswith((".local", ".internal", ".home.arpa")) or "." not in name or _is_private(name):
        yield (
            "warn",
            f"{public_url} is known in your own network only: a phone elsewhere needs your VPN",
            "fine where everybody is inside",
        )
    why = why_not(public_url)
    if why:
        yield (
            "warn",
            f"passkeys cannot work: {public_url} {why}; rows with `auth=passkey` can be answered by nobody",
            'use https with a name, or "http://localhost:8788" on one machine',
        )
    else:
        yield ("ok", f"passkeys are bound to `{name}`; under another name they are worth nothing", "")


def pushed_from(public_url: str, subject: str) -> Iterator[Said]:
    """Say whether browsers can be told while their page is closed; `subject`: whom push services may write to."""
    url = urlsplit(public_url)
    name = (url.hostname or "").lower()
    if url.scheme != "https" and not (is_loopback_name(name) or _is_loopback(name)):
        yield (
            "warn",
            f"push cannot work: {public_url} is not https, and browsers allow it nowhere else",
            "put TLS in front, use https",
        )
    elif not subject:
        yield (
            "warn",
            "push services are told nobody whom they may write to; Apple's refuses that",
            'set `subject = "mailto:…"` in the [[notify]] of the kind push',
        )
    else:
        yield (
            "ok",
            f"approvers may have their browsers told through push services, which may write to {subject}",
            "",
        )


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_loopback


def _is_private(name: str) -> bool:
    address = _address(name)
    return address is not None and not address.is_global


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
