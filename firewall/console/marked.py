"""Intercepted text as a page shows it: every character visible, the deciding words marked, nothing scrolled away.

Pure. Spans are offsets into the text before anything is spelled out; text is data here and never markup.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.approvals.text import counted, is_hidden, visible

SHORT_LINES = 10
"""A text of more lines, or of more than SHORT_CHARS, shows its deciding lines first and the whole below."""
SHORT_CHARS = 900
BURIED_LINES = 3
"""So many lines without a mark before the first one with it (headers of a request): those come later as well."""
MOST_PINNED = 12
_CLIP_PLAIN = 60
_CLIP_MARKED = 600
_ODD = re.compile(r"[^\n\t\x20-\x7e]")
_KEPT = "\n\t"
_PADDING = re.compile(r" {32,}|\t{8,}")

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one line, hidden characters spelled out."""

    text: str
    note: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text, numbered from 1."""

    number: int
    segments: tuple[Segment, ...]

    @property
    def marked(self) -> bool:
        """Tell whether it holds deciding words."""
        return any(segment.marked for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Shown:
    """A text in two parts: what comes first, and the whole."""

    first: tuple[Line, ...]
    whole: tuple[Line, ...]
    """Empty when `first` is all there is."""
    more: int
    """How many lines `first` leaves out or clips."""
    hidden: int
    """How many hidden characters were spelled out."""
    look_alikes: tuple[str, ...]
    """Letters beyond ASCII with their names, the first few."""
    notes: tuple[str, ...]
    """Why the marked words decide, each once."""


def show(text: str, spans: Sequence[Span]) -> Shown:
    """Prepare a text for a page."""
    cleaned = sorted((max(0, start), min(len(text), end), spell_out(note)) for start, end, note in spans)
    cleaned = [span for span in cleaned if span[0] < span[1]]
    whole = _lines(text, cleaned)
    first_marked = next((at for at, line in enumerate(whole) if line.marked), 0)
    is_short = len(whole) <= SHORT_LINES and len(text) <= SHORT_CHARS and first_marked < BURIED_LINES
    first = whole if is_short else _pinned(whole)
    return Shown(
        first=first,
        whole=() if is_short else whole,
        more=0 if is_short else max(1, len(whole) - len(first)),
        hidden=counted(text, keep=_KEPT)[1],
        look_alikes=_look_alikes(text),
        notes=tuple(dict.fromkeys(note for _, _, note in cleaned if note)),
    )


def spell_out(text: str) -> str:
    """Return text with hidden characters spelled out and long runs of blanks counted instead of shown."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return _PADDING.sub(_counted, visible(text, keep=_KEPT))


def _counted(found: re.Match[str]) -> str:
    return f"⟦{len(found[0])} {'tabs' if found[0][0] == chr(9) else 'spaces'}⟧"


def _lines(text: str, spans: list[Span]) -> tuple[Line, ...]:
    lines: list[Line] = []
    start = 0
    coming = 0
    active: list[Span] = []
    for number, content in enumerate(text.split("\n"), start=1):
        end = start + len(content)
        while coming < len(spans) and spans[coming][0] < end:
            active.append(spans[coming])
            coming += 1
        here = [span for span in active if span[1] > start]
        active = here
        lines.append(Line(number, tuple(_segments(content, start, here))))
        start = end + 1
    return tuple(lines)


def _segments(content: str, offset: int, spans: list[Span]) -> list[Segment]:
    if not spans:
        return [Segment(spell_out(content))]
    cuts = {0, len(content)}
    for start, end, _ in spans:
        cuts |= {max(0, start - offset), min(len(content), end - offset)}
    edges = sorted(cuts)
    segments: list[Segment] = []
    for left, right in itertools.pairwise(edges):
        notes = [note for start, end, note in spans if start - offset < right and end - offset > left]
        segments.append(Segment(spell_out(content[left:right]), "; ".join(dict.fromkeys(notes)), bool(notes)))
    return segments


def _pinned(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    deciding = [line for line in lines if line.marked]
    chosen = deciding[:MOST_PINNED] if deciding else lines[: SHORT_LINES // 2]
    return tuple(Line(line.number, tuple(_clip(segment) for segment in line.segments)) for line in chosen)


def _clip(segment: Segment) -> Segment:
    room = _CLIP_MARKED if segment.marked else _CLIP_PLAIN
    text = segment.text
    if len(text) <= room * 2 + 24:
        return segment
    left_out = f" ⟦… {len(text) - room * 2} characters, see below …⟧ "
    return Segment(text[:room] + left_out + text[-room:], segment.note, segment.marked)


def _look_alikes(text: str, most: int = 4) -> tuple[str, ...]:
    found = dict.fromkeys(char for char in _ODD.findall(text) if char.isalpha() and not is_hidden(char))
    return tuple(f"{char} {unicodedata.name(char, 'unnamed').lower()}" for char in list(found)[:most])
