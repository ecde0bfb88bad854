"""Addresses of OAuth: where metadata stands for a resource or an issuer, and which addresses may be asked at all.

RFC 9728 (section 3), RFC 8414 (section 3), OpenID Connect Discovery 1.0 (section 4); the order is that of MCP.
"""

from urllib.parse import SplitResult, urlsplit

PROTECTED = "/.well-known/oauth-protected-resource"
_SERVER = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST_CHARS = 2048


def resource_metadata(resource: str) -> str:
    """Return where the metadata of a resource stands: the well-known part between its host and its path."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{PROTECTED}{parts.path.rstrip('/')}"


def issuer_metadata(issuer: str) -> tuple[str, ...]:
    """Return where the metadata of an issuer may stand, in the order in which it is looked for."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    if not path:
        return f"{origin}{_SERVER}", f"{origin}{_OPENID}"
    return f"{origin}{_SERVER}{path}", f"{origin}{_OPENID}{path}", f"{origin}{path}{_OPENID}"


def complaint(url: str, *, loopback: bool) -> str:
    """Return why an address that somebody named may not be asked, as words after "it"; empty: it may.

    `loopback`: whoever configured us named a loopback address, so http is spoken there, and nowhere else.
    """
    parts = _split(url)
    if parts is None:
        return "is no plain address"
    if parts.scheme == "https":
        return ""
    if parts.scheme == "http" and loopback and parts.hostname in _LOOPBACK:
        return ""
    return "is not https"


def is_loopback(url: str) -> bool:
    """Tell whether an address names this machine."""
    parts = _split(url)
    return parts is not None and parts.hostname in _LOOPBACK


def _split(url: str) -> SplitResult | None:
    if (
        len(url) > _MOST_CHARS
        or not url.isascii()
        or not url.isprintable()
        or any(sign in url for sign in "\\ @#")
    ):
        return None
    try:
        parts = urlsplit(url)
        odd = parts.port == 0
    except ValueError:
        return None
    return parts if parts.hostname and not odd else None
