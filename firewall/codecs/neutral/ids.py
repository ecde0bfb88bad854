"""Ids of tool calls as they cross dialects: the same on every way, again and again, without a table to keep.

A client sends a call's id back with the history, perhaps to another provider, so whatever became of an id must be
the same each time and must be told from the id alone. An id that fits goes as it is. One that does not fit is
wrapped (`shx_` and base64url), which every reader unwraps; one that is too long even so is hashed (`shh_`), the
same in the call and in its result.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

_WRAPPED = "shx_"
_HASHED = "shh_"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What a dialect accepts as the id of a call."""

    max_length: int
    plain: bool = True
    """Only letters, digits, `_` and `-`."""

    def fits(self, identity: str) -> bool:
        """Tell whether an id may go as it is."""
        if not 0 < len(identity) <= self.max_length:
            return False
        return not self.plain or _PLAIN.fullmatch(identity) is not None


ANTHROPIC = Alphabet(64)
"""`^[a-zA-Z0-9_-]+$`; no length is documented, and 64 is what its own ids stay well below."""
OPENAI_CHAT = Alphabet(40, plain=False)
OPENAI_RESPONSES = Alphabet(64, plain=False)
GEMINI = Alphabet(128, plain=False)


def outward(identity: str, alphabet: Alphabet) -> str:
    """Return an id as a dialect accepts it."""
    if alphabet.fits(identity) and not identity.startswith(_WRAPPED):
        return identity
    wrapped = _WRAPPED + base64.urlsafe_b64encode(identity.encode()).rstrip(b"=").decode()
    if alphabet.fits(wrapped):
        return wrapped
    return _HASHED + hashlib.sha256(identity.encode()).hexdigest()[:32]


def inward(identity: str) -> str:
    """Return the id that was wrapped, or the id itself."""
    if not identity.startswith(_WRAPPED):
        return identity
    packed = identity[len(_WRAPPED) :]
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return identity


def derived(seed: str, *, key: int) -> str:
    """Return an id for a call that came without one: unique to the exchange that `seed` names."""
    return "call_" + hashlib.sha256(f"{seed}:{key}".encode()).hexdigest()[:24]
