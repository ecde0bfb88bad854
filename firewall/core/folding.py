"""Unicode normalization of text that somebody else wrote, in a time that grows with its length and no faster.

`unicodedata.normalize` sorts a run of combining marks in a time that grows with the square of its length, and
holds the interpreter meanwhile; and one character may become eighteen. So long runs are broken first, as the
Stream-Safe Text Format does (UAX #15, section 13), and of the characters that stand for many only the first ones
are written out. INVARIANT: a text with neither is exactly what `unicodedata.normalize` makes of it.
"""

import re
import unicodedata
from functools import cache
from typing import Literal

MOST_MARKS = 30
"""Marks in a row that stay one run: more than any language writes."""
JOINER = "\u034f"
"""COMBINING GRAPHEME JOINER, which breaks a run: no mark is moved across it."""
MANY = 5
"""What becomes at least so many characters stands for many."""
MOST_WIDE = 1_000
"""Such characters that are written out; a later one becomes UNREAD."""
UNREAD = "\ufffd"
_LAST = 0x1F000
"""Behind it nothing begins with a mark, and nothing stands for many."""

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normal(text: str, form: Form) -> str:
    """Return a text in a normal form. Linear in its length."""
    if text.isascii():
        return text
    if len(text) > MOST_MARKS:
        marks, wide = _patterns()
        text = marks.sub(rf"\g<0>{JOINER}", text)
        if len(text) > MOST_WIDE and form in ("NFKC", "NFKD"):
            text = _narrowed(text, wide)
    return unicodedata.normalize(form, text)


def has_long_run(text: str) -> bool:
    """Tell whether marks follow each other that others than `normal` would sort for long.

    For parsers of the standard library that normalize by themselves: of Python's names, and of hosts in URLs.
    """
    return len(text) > MOST_MARKS and not text.isascii() and _patterns()[0].search(text) is not None


def _narrowed(text: str, wide: re.Pattern[str]) -> str:
    for count, found in enumerate(wide.finditer(text)):
        if count == MOST_WIDE:
            return text[: found.start()] + wide.sub(UNREAD, text[found.start() :])
    return text


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds a run that is to be broken, and a character that stands for many."""
    marks, wide = [], []
    for char in map(chr, range(0x300, _LAST)):
        if unicodedata.combining(char):
            marks.append(char)
        elif unicodedata.decomposition(char):
            whole = unicodedata.normalize("NFKD", char)
            if unicodedata.combining(whole[0]):
                marks.append(char)
            if len(whole) >= MANY:
                wide.append(char)
    one = f"[{''.join(marks)}]"
    return re.compile(f"{one}{{{MOST_MARKS}}}(?={one})"), re.compile(f"[{''.join(wide)}]")
