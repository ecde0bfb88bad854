"""What a person or an agent wrote, made safe to show: nothing invisible stays invisible.

Pure. Characters that do not show, reorder what shows, or look like a plain space without being one are either
removed (`plain`, for what approvers write) or spelled out (`visible`, for what agents and models wrote).
"""

import re
import unicodedata
from functools import lru_cache

REASON_CHARS = 500
"""How much of an approver's reason is kept."""

_INVISIBLE_MARKS = frozenset(
    {
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x2800,
        0x3164,
        0xFFA0,
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    }
)
"""Assigned as letters, marks or symbols, yet drawn as nothing: fillers, joiners, variation selectors, a blank."""
_BEYOND = re.compile(r"[^ -~]")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@lru_cache(maxsize=4096)
def is_hidden(char: str) -> bool:
    """Tell whether a character does not show as itself: controls, bidi, zero-width, odd spaces, unassigned."""
    if " " <= char <= "~":
        return False
    category = unicodedata.category(char)
    return category in _HIDDEN_CATEGORIES or category == "Zs" or ord(char) in _INVISIBLE_MARKS


@lru_cache(maxsize=4096)
def spelled(char: str) -> str:
    """Spell a character by its number, as `⟦U+202E⟧`."""
    return f"⟦U+{ord(char):04X}⟧"


def visible(text: str, *, keep: str = "\n") -> str:
    """Return `text` with every hidden character spelled out, except those in `keep`."""
    if text.isascii() and text.isprintable():
        return text

    def shown(found: re.Match[str]) -> str:
        return spelled(found[0]) if is_hidden(found[0]) and found[0] not in keep else found[0]

    return _BEYOND.sub(shown, text)


def plain(text: str, *, limit: int = REASON_CHARS) -> str:
    """Return one line of at most `limit` characters, hidden characters removed, white space collapsed."""
    spaced = (" " if char.isspace() else char for char in text[: limit * 8])
    return " ".join("".join(char for char in spaced if not is_hidden(char)).split())[:limit].rstrip()


def has_look_alikes(text: str) -> bool:
    """Tell whether text holds letters beyond ASCII, which may look like ASCII ones and are not."""
    return not text.isascii() and any(ord(char) > 127 and char.isalpha() for char in text)
