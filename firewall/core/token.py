"""The shape of our tokens: `shd_<env>_<kind>_` + 30 base62 + 6 base62 CRC32 (DESIGN 6.5).

The checksum lets a scanner drop fakes offline and lets us refuse before any query. It is no secret.
"""

import hashlib
import zlib
from dataclasses import dataclass
from enum import StrEnum

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = frozenset(_ALPHABET)
_RANDOM_CHARS = 30
_CHECK_CHARS = 6
_MAX_LENGTH = 128


class TokenKind(StrEnum):
    """What a token is for; never interchangeable."""

    AGENT = "agent"
    ADMIN = "admin"
    APPROVER = "approver"
    SERVICE = "service"


_KINDS = frozenset(kind.value for kind in TokenKind)


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A well-formed token with a right checksum; whether it exists is another question."""

    environment: str
    kind: TokenKind
    fingerprint: bytes
    """SHA-256 of the whole token: what is stored and looked up."""


def base62(number: int, width: int) -> str:
    """Write a number in base62, zero-padded to `width` (its low digits where it is longer)."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def spell(environment: str, kind: TokenKind, entropy: bytes) -> str:
    """Spell a token from at least 32 bytes of entropy (30 base62 characters keep 178 bits)."""
    stem = f"shd_{environment}_{kind.value}_{base62(int.from_bytes(entropy, 'big'), _RANDOM_CHARS)}"
    return stem + _checksum(stem)


def parse(text: str) -> ParsedToken | None:
    """Read a token; None when its form or checksum is wrong. No query is needed to know."""
    if len(text) > _MAX_LENGTH or not text.startswith("shd_") or not text.isascii():
        return None
    prefix, _, tail = text.rpartition("_")
    _, _, rest = prefix.partition("_")
    environment, _, kind = rest.rpartition("_")
    if len(tail) != _RANDOM_CHARS + _CHECK_CHARS or not environment or not _VALUES.issuperset(tail):
        return None
    if kind not in _KINDS or _checksum(text[:-_CHECK_CHARS]) != text[-_CHECK_CHARS:]:
        return None
    return ParsedToken(environment, TokenKind(kind), fingerprint(text))


def fingerprint(text: str) -> bytes:
    """Return the SHA-256 of a token; 178 random bits need no slow hash."""
    return hashlib.sha256(text.encode("ascii")).digest()


def _checksum(stem: str) -> str:
    return base62(zlib.crc32(stem.encode("ascii")), _CHECK_CHARS)
