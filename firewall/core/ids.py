"""Prefixed, typed ids. Whoever has randomness makes them; here is only their shape."""

import hashlib
import re

from firewall.core.token import base62

_SHAPE = re.compile(r"(apr|tok|ses|act|pky|lnk|psh)_[0-9A-Za-z]{22}")


def spell_id(prefix: str, entropy: bytes) -> str:
    """Spell an id from at least 16 bytes of entropy: `apr_` and 22 base62 characters (128 bits and more)."""
    return f"{prefix}_{base62(int.from_bytes(entropy, 'big'), 22)}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether a stranger's text has the shape of one of our ids."""
    return _SHAPE.fullmatch(text) is not None and text.startswith(f"{prefix}_")


def principal_of(owner: str, agent: str) -> str:
    """Name a principal: the human owner and the agent (never the token: every run has a new one)."""
    return f"{owner}/{agent}"


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of some bytes as hex."""
    return hashlib.sha256(data).hexdigest()
