"""Signed tokens as text: the compact serialization of RFC 7515, read so that no two readers can differ.

Refused before any key is looked at: encrypted and nested tokens, members that stand twice, base64 in a second
spelling, and extensions. INVARIANT: a key is never taken from the token itself.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core import strict_json
from firewall.core.errors import AuthError, ProtocolError

MOST_CHARS = 8192
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_NEVER = frozenset({"crit", "b64", "zip", "enc"})
"""Header members that change what a signature means; an extension that we do not know (RFC 7515, 4.1.11)."""


@dataclass(frozen=True, slots=True)
class Compact:
    """A token as it was read; nothing of it is true before its signature was verified."""

    algorithm: str
    key_id: str
    kind: str
    """`typ`, lower case, without `application/`."""
    signed: bytes
    signature: bytes
    claims: Mapping[str, object]


def looks_signed(text: str) -> bool:
    """Tell whether a text could be a signed token: three parts."""
    return text.count(".") == 2 and not text.startswith("shd_")


def read(text: str) -> Compact:
    """Read a token. Raises: AuthError; its detail says what was wrong, for our own log."""
    if len(text) > MOST_CHARS:
        raise AuthError(detail="an access token of more than 8192 characters")
    parts = _SHAPE.fullmatch(text)
    if parts is None:
        raise AuthError(detail="no signed token")
    header = _object(parts[1], "header")
    algorithm, key_id, kind = (_text(header, name) for name in ("alg", "kid", "typ"))
    if _NEVER & header.keys():
        raise AuthError(detail="a token with extensions")
    if _text(header, "cty"):
        raise AuthError(detail="a token within a token")
    return Compact(
        algorithm=algorithm,
        key_id=key_id,
        kind=kind.lower().removeprefix("application/"),
        signed=f"{parts[1]}.{parts[2]}".encode("ascii"),
        signature=_decoded(parts[3]),
        claims=_object(parts[2], "claims"),
    )


def _decoded(part: str) -> bytes:
    """Decode a part that is spelled the one way that there is. Raises: AuthError."""
    try:
        found = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise AuthError(detail="no base64url in a token") from None
    if base64.urlsafe_b64encode(found).rstrip(b"=") != part.encode("ascii"):
        raise AuthError(detail="base64url in a second spelling")
    return found


def _object(part: str, what: str) -> dict[str, object]:
    try:
        return strict_json.loads_object(_decoded(part), what=what)
    except ProtocolError as error:
        raise AuthError(detail=f"the {what} of a token: {error.code}") from None


def _text(header: Mapping[str, object], name: str) -> str:
    found = header.get(name, "")
    if not isinstance(found, str):
        raise AuthError(detail=f"`{name}` of a token is no text")
    return found
