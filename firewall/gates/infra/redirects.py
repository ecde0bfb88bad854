"""Where a target's answer points: its own addresses become ours, a redirect elsewhere is refused.

A client that follows a redirect on its own leaves the gate, with our token in its headers or a signed address in
its hands. So `Location` goes along only where it leads back to the same target, rewritten to `/infra/TARGET/…`,
where the next request is judged like the first; pages of a list (`Link`) and `Content-Location` likewise.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import SplitResult, urljoin, urlsplit

from firewall.core.errors import FirewallError, ProtocolError
from firewall.gates.infra.paths import checked

Fields = list[tuple[bytes, bytes]]
_POINTING = frozenset({b"location", b"content-location", b"link", b"refresh"})
_LINK = re.compile(rb"<([^<>\x00-\x20]{1,8000})>")
_PORTS = {"http": 80, "https": 443}


class RedirectError(FirewallError):
    """An answer that sends the agent somewhere that is not its target."""

    code = "redirect_refused"
    status = 502


def pointing_here(
    status: int, raw: Sequence[tuple[bytes, bytes]], *, name: str, base_url: str, path: str, raw_paths: bool
) -> Fields:
    """Return a target's header fields with addresses of its own written as ours.

    `path`: what was asked for, relative addresses start from it.
    Raises: RedirectError for a redirect (3xx with `Location`) that leads elsewhere, or cannot be read in one way.
    """
    if not any(field.lower() in _POINTING for field, _ in raw):
        return list(raw)
    here = _Here(name, base_url, path, raw_paths=raw_paths)
    kept: Fields = []
    for field, value in raw:
        match field.lower():
            case b"location":
                kept += _location(here, status, field, value)
            case b"content-location":
                address = here.ours(value)
                kept += [(field, address)] if address else []
            case b"link":
                kept.append((field, _LINK.sub(lambda one: b"<%b>" % (here.ours(one[1]) or one[1]), value)))
            case b"refresh":  # a redirect by another name, for browsers
                pass
            case _:
                kept.append((field, value))
    return kept


def without_location(raw: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return the fields without `Location`: clients of AWS find a bucket's region in other fields and the body."""
    return [(field, value) for field, value in raw if field.lower() not in (b"location", b"refresh")]


class _Here:
    """A target's place on both sides: its own address, and ours for it."""

    def __init__(self, name: str, base_url: str, path: str, *, raw_paths: bool) -> None:
        self.name = name
        self._raw = raw_paths
        self._origin, self._base = _split(base_url)
        self._asked = f"{base_url.rstrip('/')}{path}"

    def ours(self, value: bytes) -> bytes:
        """Return our address for one of the target's; empty: it is none."""
        try:
            parts = urlsplit(urljoin(self._asked, value.decode("ascii")))
            if _origin(parts) != self._origin or parts.username is not None:
                return b""
            path = parts.path or "/"
            if not (path == self._base or path.startswith(f"{self._base}/")):
                return b""
            rest = checked((path[len(self._base) :] or "/").encode("ascii"), raw=self._raw)
        except (ValueError, ProtocolError):
            return b""
        return f"/infra/{self.name}{rest}{'?' if parts.query else ''}{parts.query}".encode("ascii")


def _location(here: _Here, status: int, field: bytes, value: bytes) -> Fields:
    address = here.ours(value)
    if address:
        return [(field, address)]
    if 300 <= status < 400:
        raise RedirectError(
            f"`{here.name}` answered {status}, which leads to {_named(value)}; redirects that leave the target "
            "are not followed and not passed on"
        )
    return []


def _named(value: bytes) -> str:
    """Name where a redirect leads, never its path: it may be signed."""
    try:
        host = urlsplit(value.decode("ascii")).hostname or ""
    except ValueError:
        host = ""
    return f"`{host[:80]}`" if re.fullmatch(r"[a-z0-9.-]+", host) else "another place"


@lru_cache(maxsize=256)
def _split(base_url: str) -> tuple[tuple[str, str, int], str]:
    parts = urlsplit(base_url)
    return _origin(parts), parts.path.rstrip("/")


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 0)
