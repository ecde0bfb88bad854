"""Which parts of a text a page shows where the whole would make it too large. Pure.

Sizes are bytes of the page, never less than what the template writes: a line, a mark, a character that is escaped
or spelled out each count as they are written. Deciding words come first, then the beginning and the end.
"""

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from firewall.approvals.text import is_hidden

Span = tuple[int, int, str]
MOST_NOTES = 3
"""Notes of overlapping spans that one marked stretch carries."""
MOST_NOTED = 50
"""Spans of a text; where it has more, none carries its note: they stand below the text."""
_LINE_BYTES = 80
_MARK_BYTES = 24
_SPELLED_BYTES = 16
_WINDOW_BYTES = 2 * _LINE_BYTES + 140
"""Of a part by itself: lines that it cuts, and the words that say what is left out before it."""
_BESIDE = 80
"""Characters before and behind deciding words."""
_LONG = 600
"""Of longer deciding words so much of both ends is shown."""
_TRIED = 2_000


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts of a text that are shown."""

    kept: tuple[tuple[int, int], ...]
    """From and to, apart from each other, in order."""
    unseen: int
    """Spans of which something is not shown."""


def shared(total: int, weights: Iterable[int]) -> int:
    """Return how much each of several may take at most, so that all of them take no more than `total`."""
    left, rest = total, sorted(weights)
    while rest and rest[0] * len(rest) <= left:
        left -= rest.pop(0)
    return left // len(rest) if rest else total


def weight(text: str, spans: Sequence[Span], most: int) -> int:
    """Return how many bytes of a page a text takes; more than `most`: a number above it."""
    if len(text) > most or len(spans) * 3 * _MARK_BYTES > most:
        return most + 1
    return _cost(text) + _LINE_BYTES + _marking(text, spans, _noted(spans))


def cut(text: str, spans: Sequence[Span], most: int) -> Cut:
    """Choose the parts of a text that take `most` bytes of a page; of spans the first matter most."""
    windows: list[tuple[int, int]] = []
    noted, left = _noted(spans), most * 3 // 4
    for at, span in enumerate(spans[:_TRIED]):
        if any(start <= span[0] and span[1] <= end for start, end in windows):
            left -= _marking(text, (span,), noted)
        else:
            fair = max(left // (len(spans) - at), most // 64)
            found, taken = _around(text, span, noted, left, fair)
            windows += found
            left -= taken
        if left < _WINDOW_BYTES:
            break
    room = most // 4 + max(0, left) - 2 * _WINDOW_BYTES
    first = _fitting(text[: max(0, room)], room * 2 // 3)
    last = _fitting(text[: -max(0, room) - 1 : -1], room // 3)
    kept = _merged([*windows, (0, first), (len(text) - last, len(text))])
    starts = [start for start, _ in kept]
    unseen = {(start, end) for start, end, _ in spans if not _within(kept, starts, start, end)}
    return Cut(kept, len(unseen))


def _around(text: str, span: Span, noted: int, room: int, fair: int) -> tuple[list[tuple[int, int]], int]:
    """Return where words stand, and what that takes, with as much beside them as is `fair`; nothing: no room."""
    start, end, _ = span
    for beside, most in ((_BESIDE, _LONG), (_BESIDE // 4, _LONG // 10), (0, _LONG // 10)):
        before, behind = max(0, start - beside), min(len(text), end + beside)
        is_long = end - start > 2 * most
        windows = [(before, start + most), (end - most, behind)] if is_long else [(before, behind)]
        taken = sum(_WINDOW_BYTES + _cost(text[one:other]) for one, other in windows)
        taken += sum(
            _marking(text, ((max(one, start), min(other, end), span[2]),), noted) for one, other in windows
        )
        if taken <= (min(room, fair) if beside else room):
            return windows, taken
    return [], 0


def _fitting(text: str, room: int) -> int:
    """Return how many characters of the beginning of a text take so many bytes of a page."""
    return bisect_right(list(accumulate(map(_bytes_of, text))), room)


def _merged(windows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(one for one in windows if one[0] < one[1]):
        if kept and start <= kept[-1][1]:
            kept[-1] = kept[-1][0], max(kept[-1][1], end)
        else:
            kept.append((start, end))
    return tuple(kept)


def _within(kept: Sequence[tuple[int, int]], starts: Sequence[int], start: int, end: int) -> bool:
    at = bisect_right(starts, start) - 1
    return at >= 0 and end <= kept[at][1]


def _noted(spans: Sequence[Span]) -> int:
    """Return what the notes of one marked stretch take at most."""
    return 0 if len(spans) > MOST_NOTED else MOST_NOTES * max((_cost(note) + 2 for _, _, note in spans), default=0)


def _marking(text: str, spans: Iterable[Span], noted: int) -> int:
    """Return what marking takes: a stretch for each line of a span, and two more where spans overlap."""
    return sum((text.count("\n", start, end) + 3) * (_MARK_BYTES + noted) for start, end, _ in spans)


def _cost(text: str) -> int:
    return sum(_bytes_of(char) * count for char, count in Counter(text).items())


@lru_cache(maxsize=4096)
def _bytes_of(char: str) -> int:
    """Return what one character takes at most: it may be escaped, spelled out, or begin a line."""
    if char == "\n":
        return _LINE_BYTES
    if " " <= char <= "~" or char == "\t":
        return 5 if char in "&<>\"'" else 1
    return _SPELLED_BYTES if is_hidden(char) or unicodedata.category(char)[0] == "M" else 4
