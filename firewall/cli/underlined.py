"""A text in a terminal with `^^^^` under the words that decided: the segments that the approval page marks."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from firewall.console.marked import Line, show
from firewall.core.action import Evidence

TAB = 8
_JAMO = range(0x1160, 0x1200)
"""Vowels and finals that join the syllable before them."""

_Cell = tuple[str, int, bool]
"""What is printed, how many columns it takes, whether it is marked."""


def underlined(text: str, spans: Sequence[Evidence], *, width: int = 0) -> list[str]:
    """Return the lines of a text, each followed by a line of `^` where words decided.

    `width`: columns of the terminal, longer lines are folded with their marks; 0: never.
    """
    shown = show(text, [(span.start, span.end, span.note) for span in spans])
    return [line for marked in shown.whole or shown.first for line in _rows(marked, width)]


def columns(text: str) -> int:
    """Return how many columns of a terminal a text without tabs takes."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me") or ord(char) in _JAMO:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _rows(line: Line, width: int) -> Iterator[str]:
    for cells in _folded(_cells(line), width):
        yield "".join(printed for printed, _, _ in cells)
        under = "".join(("^" if marked else " ") * taken for _, taken, marked in cells).rstrip()
        if under:
            yield under


def _cells(line: Line) -> Iterator[_Cell]:
    column = 0
    for segment in line.segments:
        for char in segment.text:
            taken = TAB - column % TAB if char == "\t" else _columns(char)
            yield (" " * taken if char == "\t" else char, taken, segment.marked)
            column += taken


def _folded(cells: Iterable[_Cell], width: int) -> Iterator[list[_Cell]]:
    row: list[_Cell] = []
    taken = 0
    for cell in cells:
        if width and row and taken + cell[1] > width:
            yield row
            row, taken = [], 0
        row.append(cell)
        taken += cell[1]
    yield row
