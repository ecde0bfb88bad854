"""Pins: what a server said of a tool when somebody trusted it, and names that could be taken for another's.

A definition is pinned with the identity of its server, all of it: clients act by `_meta`, and people by `icons`.
Names are compared by what they look like (Unicode UTS 39, in small): case, signs between words and letters of
other scripts say nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import orjson

from firewall.core.folding import normal

ABOUT = ""
"""The name under which a server's own words to models (`instructions`) are pinned; no tool can have it."""
_LOOKS_LIKE = str.maketrans(
    "\u0430\u0432\u0433\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u043a\u043c"
    "\u0442\u043d\u044c\u04cf\u043f\u0261\u0251\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
    "\u03b3\u03c9\u03b7\u03b6\u03bc\u0585\u0578\u057d\u0581\u0584\u0570\u0561\u0131\u211301|5"
    "\u00f8\u0142\u0111",
    "abreopcyxijsdhqwkmthblngaabeikvoptuxywnzmonugfhwilollsold",
)
"""Letters of Cyrillic, Greek, Armenian and others, and digits, that are drawn like letters of ASCII."""


class PinState(StrEnum):
    """How a definition stands."""

    APPROVED = "approved"
    WAITING = "waiting"
    """Seen, and shown to nobody until somebody approves it."""
    LISTING = "listing"
    """No definition: the first listing of a server has begun, and `why` says whether it is through."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A definition as it was seen; times are unix microseconds."""

    server: str
    tool: str
    state: PinState
    identity: str
    """Of the server, when it was seen."""
    digest: str
    """SHA-256 hex of the definition together with the identity."""
    definition: str
    """JSON with sorted keys."""
    why: str = ""
    """Why it waits, or `open` or `through` of a listing."""
    at: int = 0
    by: str = ""
    """Pseudonymous id of who approved it; empty: it was there at first use."""

    @property
    def said(self) -> str:
        """SHA-256 hex of the definition alone, whoever gave it."""
        return said_digest(self.definition)


def pinned_part(definition: Mapping[str, object]) -> str:
    """Return what is pinned of a definition, all of it, as JSON with sorted keys."""
    return orjson.dumps(dict(definition), option=orjson.OPT_SORT_KEYS).decode()


def pin_digest(identity: str, definition: str) -> str:
    """Return what an approval of a definition is bound to."""
    return hashlib.sha256(f"{len(identity)}:{identity}{definition}".encode()).hexdigest()


def said_digest(definition: str) -> str:
    """Return the digest of a definition without its server."""
    return hashlib.sha256(definition.encode()).hexdigest()


@lru_cache(maxsize=16384)
def look_of(name: str) -> str:
    """Return what a name looks like: two names of one look can be taken for each other."""
    plain = normal(name, "NFKD").lower().translate(_LOOKS_LIKE)
    kept = "".join(char for char in plain if char.isalnum())
    return kept.replace("rn", "m").replace("vv", "w")
