"""Intercepted text as a page shows it: every character visible, the deciding words marked, nothing scrolled away.

What would make the page too large is shown in parts, which say how much is left out (`cut`). Pure. Spans are
offsets into the text before anything is spelled out; text is data here and never markup.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from firewall.approvals.text import counted, is_hidden, visible
from firewall.console.cut import MOST_NOTED, MOST_NOTES, Cut, Span, cut, weight

MOST_BYTES = 96 << 10
"""Of a page, for the text on it."""

SHORT_LINES = 10
"""A text of more lines, or of more than SHORT_CHARS, shows its deciding lines first and the whole below."""
SHORT_CHARS = 900
BURIED_LINES = 3
"""So many lines without a mark before the first one with it (headers of a request): those come later as well."""
MOST_PINNED = 12
_CLIP_PLAIN = 60
_CLIP_MARKED = 600
_NOTE_CHARS = 160
_MOST_REASONS = 24
_PIECE = 1 << 16
_KEPT = "\n\t"
_WITHOUT_KEPT = dict.fromkeys(map(ord, _KEPT))
_PADDING = re.compile(r" {32,}|\t{8,}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one line, hidden characters spelled out."""

    text: str
    note: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text, numbered from 1, or what stands for a part that is left out."""

    number: int
    segments: tuple[Segment, ...]
    gap: int = 0
    """Bytes that are left out here; 0: it is a line, or the part of one beside a gap."""

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
    left_out: int = 0
    """Bytes of the text that are not shown."""
    unseen: int = 0
    """Places with deciding words of which something is not shown."""


def show(text: str, spans: Sequence[Span], most: int = MOST_BYTES) -> Shown:
    """Prepare a text for a page, on which it takes `most` bytes, and a quarter of that for what comes first.

    Where there is no room for every one of `spans`, the first are shown.
    """
    cleaned = _cleaned(text, spans)
    parts = Cut(((0, len(text)),), 0) if weight(text, cleaned, most) <= most else cut(text, cleaned, most)
    whole = tuple(_parts(text, sorted(cleaned), parts))
    left_out = sum(line.gap for line in whole)
    count = text.count("\n") + 1
    first_marked = next((at for at, line in enumerate(whole) if line.marked), 0)
    is_short = count <= SHORT_LINES and len(text) <= SHORT_CHARS and first_marked < BURIED_LINES and not left_out
    first = whole if is_short else _pinned(whole, most // 4)
    return Shown(
        first=first,
        whole=() if is_short else whole,
        more=0 if is_short else max(1, count - len(first)),
        hidden=sum(_hidden(piece) for piece in _pieces(text)),
        look_alikes=_look_alikes(text),
        notes=_reasons(cleaned),
        left_out=left_out,
        unseen=parts.unseen,
    )


def spell_out(text: str) -> str:
    """Return text with hidden characters spelled out and long runs of blanks counted instead of shown."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return _PADDING.sub(_counted, visible(text, keep=_KEPT))


def _counted(found: re.Match[str]) -> str:
    return f"⟦{len(found[0])} {'tabs' if found[0][0] == chr(9) else 'spaces'}⟧"


def size(text: str) -> int:
    """Return how many bytes a text is, as it was intercepted."""
    return len(text.encode("utf-8", "surrogatepass"))


def _cleaned(text: str, spans: Sequence[Span]) -> list[Span]:
    within = ((max(0, start), min(len(text), end), note) for start, end, note in spans)
    return [(start, end, spell_out(_short(note))) for start, end, note in within if start < end]


def _short(note: str) -> str:
    return note if len(note) <= _NOTE_CHARS else f"{note[:_NOTE_CHARS]}…"


def _reasons(spans: Sequence[Span]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(note for _, _, note in sorted(spans) if note))
    more = len(found) - _MOST_REASONS
    return found if more <= 0 else (*found[:_MOST_REASONS], f"and {more} more reasons")


def _pieces(text: str) -> Iterator[str]:
    """Cut a text, so that no look at it keeps others waiting."""
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


def _hidden(piece: str) -> int:
    if piece.isascii() and piece.translate(_WITHOUT_KEPT).isprintable():
        return 0
    return counted(piece, keep=_KEPT)[1]


def _parts(text: str, spans: list[Span], parts: Cut) -> Iterator[Line]:
    """Return the lines of the parts that are shown, and what stands for the others."""
    number, at, coming = 1, 0, 0
    active: list[Span] = []
    for start, end in parts.kept:
        if start > at:
            yield Line(0, (), gap=size(text[at:start]))
            number += text.count("\n", at, start)
        while coming < len(spans) and spans[coming][0] < end:
            active.append(spans[coming])
            coming += 1
        active = [span for span in active if span[1] > start]
        inside = [(max(one, start), min(other, end), note) for one, other, note in active]
        found = _lines(text[start:end], start, number, inside, has_notes=len(spans) <= MOST_NOTED)
        yield from found
        number, at = found[-1].number, end
    if at < len(text):
        yield Line(0, (), gap=size(text[at:]))


def _lines(text: str, start: int, number: int, spans: list[Span], *, has_notes: bool) -> tuple[Line, ...]:
    """Return the lines of a part that begins at `start`, in the line with that number; spans are of the whole."""
    lines: list[Line] = []
    coming = 0
    active: list[Span] = []
    for at, content in enumerate(text.split("\n"), start=number):
        end = start + len(content)
        while coming < len(spans) and spans[coming][0] < end:
            active.append(spans[coming])
            coming += 1
        active = [span for span in active if span[1] > start]
        lines.append(Line(at, tuple(_segments(content, start, active, has_notes=has_notes))))
        start = end + 1
    return tuple(lines)


def _segments(content: str, offset: int, spans: list[Span], *, has_notes: bool) -> list[Segment]:
    if not spans:
        return [Segment(spell_out(content))]
    cuts = {0, len(content)}
    for start, end, _ in spans:
        cuts |= {max(0, start - offset), min(len(content), end - offset)}
    coming = 0
    active: list[Span] = []
    segments: list[Segment] = []
    for left, right in itertools.pairwise(sorted(cuts)):
        while coming < len(spans) and spans[coming][0] - offset < right:
            active.append(spans[coming])
            coming += 1
        active = [span for span in active if span[1] - offset > left]
        notes = list(dict.fromkeys(note for _, _, note in active if note))[:MOST_NOTES] if has_notes else []
        segments.append(Segment(spell_out(content[left:right]), "; ".join(notes), bool(active)))
    return segments


def _pinned(lines: tuple[Line, ...], room: int) -> tuple[Line, ...]:
    """Return the lines that come first, as far as so many bytes reach, but one mark at least."""
    deciding = [line for line in lines if line.marked]
    plain = [line for line in lines if not line.gap]
    chosen = deciding[:MOST_PINNED] if deciding else plain[: SHORT_LINES // 2]
    clip = max(_CLIP_PLAIN, min(_CLIP_MARKED, room // 16))
    found: list[Line] = []
    for line in chosen:
        pieces: list[Segment] = []
        for segment in line.segments:
            piece = _clip(segment, clip)
            room -= weight(piece.text, ((0, 1, piece.note),) if piece.marked else (), room)
            has_mark = not deciding or any(one.marked for one in pieces) or bool(found)
            if room < 0 and has_mark:
                pieces.append(Segment(" ⟦… more of this line, see below …⟧"))
                break
            pieces.append(piece)
        found.append(Line(line.number, tuple(pieces)))
        if room < 0:
            break
    return tuple(found)


def _clip(segment: Segment, marked: int) -> Segment:
    room = marked if segment.marked else _CLIP_PLAIN
    text = segment.text
    if len(text) <= room * 2 + 24:
        return segment
    left_out = f" ⟦… {len(text) - room * 2} characters, see below …⟧ "
    return Segment(text[:room] + left_out + text[-room:], segment.note, segment.marked)


def _look_alikes(text: str, most: int = 4) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for piece in _pieces(text):
        if piece.isascii():
            continue
        odd = {char for char in set(piece) if char > "~" and char.isalpha() and not is_hidden(char)} - found.keys()
        found |= dict.fromkeys(sorted(odd, key=piece.index)[:most])
        if len(found) >= most:
            break
    return tuple(f"{char} {unicodedata.name(char, 'unnamed').lower()}" for char in list(found)[:most])
