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
_BEYOND = re.compile(r"[^ -~]+")
MOST_MARKS = 4
"""Marks that are drawn onto one character; more cover the lines around it (UTS #39, 5.4)."""
_OVERLAY = 1
"""Unicode's combining class of strokes and rings through a character, which make it another, or struck."""
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


@lru_cache(maxsize=4096)
def _is_mark(char: str) -> bool:
    """Tell whether a character is drawn onto the one before it."""
    return unicodedata.category(char) in ("Mn", "Me")


@lru_cache(maxsize=4096)
def _covers(char: str) -> bool:
    """Tell whether a mark is drawn through or around what it stands on."""
    return unicodedata.category(char) == "Me" or unicodedata.combining(char) == _OVERLAY


def visible(text: str, *, keep: str = "\n") -> str:
    """Return `text` with every hidden character spelled out, except those in `keep`.

    So are marks that stand on nothing, on MOST_MARKS others, or cover what they stand on: drawn, they would change
    words beside them, which may be ours.
    """
    return counted(text, keep=keep)[0]


def counted(text: str, *, keep: str = "\n") -> tuple[str, int]:
    """Return what `visible` does, and how many characters were spelled out."""
    if text.isascii() and text.isprintable():
        return text, 0
    count = 0

    def shown(found: re.Match[str]) -> str:
        nonlocal count
        pieces, marks = [], 0 if found.start() else MOST_MARKS
        for char in found[0]:
            is_mark = _is_mark(char)
            marks = marks + 1 if is_mark else 0
            if (is_hidden(char) and char not in keep) or (is_mark and (marks > MOST_MARKS or _covers(char))):
                pieces.append(spelled(char))
                count += 1
                marks = MOST_MARKS
            else:
                pieces.append(char)
                marks = MOST_MARKS if char in keep else marks
        return "".join(pieces)

    return _BEYOND.sub(shown, text), count


def plain(text: str, *, limit: int = REASON_CHARS) -> str:
    """Return one line of at most `limit` characters, hidden characters removed, white space collapsed."""
    spaced = (" " if char.isspace() else char for char in text[: limit * 8])
    return " ".join("".join(char for char in spaced if not is_hidden(char)).split())[:limit].rstrip()
