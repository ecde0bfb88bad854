"""Making text inert: what nobody sees, or what drives a terminal, is shown instead of working.

Escape sequences, control characters, bidirectional overrides, zero-width and tag characters, variation selectors
that select nothing. C0 controls become their pictures (`␛`), everything else its number (`⟦U+202E⟧`); nothing is
dropped. INVARIANT: text of any script, and emoji, comes out as the very same characters: joiners, marks and
selectors stay where a script or an emoji needs them, one at a time.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Hidden(StrEnum):
    """What kind of thing was shown."""

    CONTROL = "control"
    ESCAPE = "escape"
    BIDI = "bidi"
    INVISIBLE = "invisible"
    TAG = "tag"
    SELECTOR = "selector"


@dataclass(frozen=True, slots=True)
class Inert:
    """A text, made inert."""

    text: str
    hidden: frozenset[Hidden] = frozenset()
    """What it held; empty: the text is the one that came."""
    count: int = 0
    """How many characters are shown in place of themselves."""


_SUSPECT = re.compile(
    "(?:\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff])+"
)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_ESCAPES = frozenset("\x1b\x90\x98\x9b\x9d\x9e\x9f")
"""ESC, and what introduces a sequence by itself: DCS, SOS, CSI, OSC, PM, APC (ECMA-48)."""
_MARKS = frozenset("\u200e\u200f\u061c")
_BIDI = _MARKS | frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FLAGS = frozenset({"gbeng", "gbsct", "gbwls"})
"""Subdivisions whose flags are emoji (Unicode's RGI_Emoji_Tag_Sequence)."""
_FLAG_BASE, _TAG_END = "\U0001f3f4", "\U000e007f"
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{5}\U000e007f")
_KEYCAP = "\u20e3"
_FEW = 8
"""A longer run of what nobody sees is counted, not spelled."""

_JOINED = (
    (0x0590, 0x10A0), (0x1700, 0x18B0), (0x1900, 0x1D00), (0xA800, 0xAC00), (0xFB1D, 0xFE00), (0xFE70, 0xFEFD),
    (0x10800, 0x12000), (0x1E900, 0x1E960),
)  # fmt: skip
"""Scripts whose letters join, stack, or are parted by what nobody sees: Hebrew to Myanmar, Khmer, Mongolian, …"""
_JAMO = ((0x1100, 0x1200), (0xA960, 0xA980), (0xD7B0, 0xD800))
_HAN = ((0x2E80, 0x3000), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000))
_HIEROGLYPHS = ((0x13000, 0x13460),)
_SHORTHAND = ((0x1BC00, 0x1BCA0),)
_MUSIC = ((0x1D100, 0x1D173),)
_Ranges = tuple[tuple[int, int], ...]


def _within(ranges: _Ranges) -> Callable[[str], bool]:
    starts = [start for start, _ in ranges]

    def holds(char: str) -> bool:
        at = bisect_right(starts, ord(char)) - 1 if char else -1
        return at >= 0 and ord(char) < ranges[at][1]

    return holds


_is_joined, _is_jamo, _is_han = _within(_JOINED), _within(_JAMO), _within(_HAN)
_BESIDE: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("\u200b\u200c\u200d\u034f\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f", _is_joined),
    ("\u115f\u1160", _is_jamo),
    ("".join(map(chr, range(0x13430, 0x13441))), _within(_HIEROGLYPHS)),
    ("".join(map(chr, range(0x1BCA0, 0x1BCA4))), _within(_SHORTHAND)),
    ("".join(map(chr, range(0x1D173, 0x1D17B))), _within(_MUSIC)),
    ("\xad", str.isalpha),
)
_NEIGHBOURS = {char: fits for chars, fits in _BESIDE for char in chars}
"""What may stand beside characters of its own script; a soft hyphen between letters of any."""


def inert(text: str) -> Inert:
    """Return a text with everything shown that would not show itself."""
    first = _SUSPECT.search(text)
    if first is None:
        return Inert(text)
    shown = _Shown(text, bool(_RIGHT_TO_LEFT.search(text)))
    at = 0
    for run in _SUSPECT.finditer(text, first.start()):
        shown.plain(text[at : run.start()])
        shown.run(run.start(), run.end())
        at = run.end()
    shown.plain(text[at:])
    return Inert("".join(shown.out), frozenset(shown.kinds), shown.count) if shown.count else Inert(text)


class _Shown:
    """The text as far as it is written; what stays is decided by what stands before it there."""

    def __init__(self, text: str, has_right_to_left: bool) -> None:  # noqa: FBT001 - one caller, one line above
        self._text = text
        self._has_right_to_left = has_right_to_left
        self.out: list[str] = []
        self.kinds: set[Hidden] = set()
        self.count = 0

    def plain(self, piece: str) -> None:
        """Write what shows itself."""
        if piece:
            self.out.append(piece)

    def run(self, begin: int, end: int) -> None:
        """Write a run of what may not show."""
        waiting: list[str] = []
        at = begin
        while at < end:
            flag = self._flag(at, end) if not waiting else 0
            char = self._text[at]
            if flag:
                self.out.append(self._text[at : at + flag])
                at += flag
                continue
            if not waiting and self._belongs(char, self._text[at + 1 : at + 2]):
                self.out.append(char)
            elif char < " " or char == "\x7f":
                self._flush(waiting)
                self._note(char)
                self.out.append("␡" if char == "\x7f" else chr(0x2400 + ord(char)))
            else:
                self._note(char)
                waiting.append(char)
            at += 1
        self._flush(waiting)

    def _flush(self, waiting: list[str]) -> None:
        if waiting:
            names = [f"U+{ord(char):04X}" for char in waiting[:_FEW]]
            more = len(waiting) - len(names)
            self.out.append(
                f"⟦{' '.join(names)} and {more} more⟧" if more else "".join(f"⟦{one}⟧" for one in names)
            )
            waiting.clear()

    def _note(self, char: str) -> None:
        self.kinds.add(_kind(char))
        self.count += 1

    def _flag(self, at: int, end: int) -> int:
        """Return how many tags make a flag here; 0: none."""
        if self._last() != _FLAG_BASE or end - at < 6 or self._text[at + 5] != _TAG_END:
            return 0
        return 6 if _ascii_of(self._text[at : at + 5]) in _FLAGS else 0

    def _last(self) -> str:
        return self.out[-1][-1] if self.out else ""

    def _belongs(self, char: str, after: str) -> bool:
        """Tell whether a character is where a script or an emoji needs it."""
        before = self._last()
        if char == "\ufeff":
            return not self.out
        if char in _MARKS:
            return self._has_right_to_left and before not in _MARKS
        if _is_selector(char):
            return _selects(char, before, after)
        return _joins(char, before, after)


def _joins(char: str, before: str, after: str) -> bool:
    """Tell whether a joiner, a filler or a soft hyphen stands where its script, or an emoji, has it."""
    if char == "\u200d" and _is_pictograph(after) and (_is_pictograph(before) or before in ("\ufe0f", _TAG_END)):
        return True
    fits = _NEIGHBOURS.get(char)
    if fits is None or _SUSPECT.match(before):
        return False
    if char == "\xad":
        return fits(before) and fits(after)
    return fits(before) or (fits(after) and not _SUSPECT.match(after))


def _selects(char: str, before: str, after: str) -> bool:
    """Tell whether a variation selector stands behind something that has variants."""
    if not before or (before < "\x80" and before not in "0123456789#*"):
        return False
    if before < "\x80":
        return char == "\ufe0f" and after == _KEYCAP
    if char >= "\U000e0100":
        return _is_han(before)
    if char in "\ufe0e\ufe0f":
        return _is_pictograph(before) or unicodedata.category(before) in {"Sm", "Po", "Pd"} or before == "\u2139"
    return _is_han(before) or _is_joined(before) or unicodedata.category(before) in {"Sm", "Po", "Ps", "Pe", "Lo"}


@lru_cache(maxsize=4096)
def _is_pictograph(char: str) -> bool:
    """Tell whether a character can be part of an emoji: a symbol, an arrow, a colour of skin."""
    if not char:
        return False
    return (
        unicodedata.category(char) == "So" or "\U0001f000" <= char <= "\U0001fbff" or "\u2190" <= char <= "\u21ff"
    )


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_tag(char: str) -> bool:
    return "\U000e0000" <= char <= "\U000e0fff" and not _is_selector(char)


def _kind(char: str) -> Hidden:
    if char in _ESCAPES:
        return Hidden.ESCAPE
    if char < "\xa0":
        return Hidden.CONTROL
    if char in _BIDI:
        return Hidden.BIDI
    if _is_selector(char):
        return Hidden.SELECTOR
    return Hidden.TAG if _is_tag(char) else Hidden.INVISIBLE


def _ascii_of(tags: str) -> str:
    return "".join(chr(ord(char) - 0xE0000) if "\U000e0020" <= char <= "\U000e007e" else "" for char in tags)


def without_hidden(text: str) -> str:
    """Return a text as it reads once everything that nobody sees is gone: for looking for words in it."""
    return _SUSPECT.sub(lambda found: " " if "\r" in found[0] else "", text)


def smuggled(text: str) -> str:
    """Return what runs of tags and of variation selectors spell: as letters, and as bytes of UTF-8."""
    text = _FLAG.sub("", text)
    return "\n".join(piece for run in _SUSPECT.finditer(text) for piece in _spelled(run[0]) if len(piece) > 2)


def _spelled(run: str) -> Iterator[str]:
    yield _ascii_of(run)
    octets = bytes(
        ord(char) - 0xFE00 if char <= "\ufe0f" else ord(char) - 0xE0100 + 16 for char in run if _is_selector(char)
    )
    yield octets.decode("utf-8", "replace") if len(octets) > 2 else ""
