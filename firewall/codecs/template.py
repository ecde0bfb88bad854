r"""Frames of a stream that say what one before them said, but for their text.

Most of a stream is one frame again and again, with another word in it. Once such a frame has been read and judged,
the next is held against its bytes: where it differs in nothing but the inside of the same strings, it means the
same, and need not be parsed.
INVARIANT: what fits is the frame of before with other characters inside of strings that nobody judges by what they
say. A quote, an escape other than `\n`, a control character, a separator of lines, bytes that are no UTF-8: with
any of them it does not fit, and is parsed.
"""

from collections.abc import Sequence

MOST_MADE = 16
"""Templates that are made for one stream: whoever never repeats himself is not waited for."""


class Template:
    """The bytes of a frame around the strings that may differ."""

    __slots__ = ("_head", "_others", "_size")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._head, self._others = pieces[0], tuple(pieces[1:])
        self._size = len(self._head)

    def fits(self, raw: bytes) -> bool:
        """Tell whether a frame is this one with other texts, the first of them not empty."""
        if not raw.startswith(self._head):
            return False
        at, least = self._size, 1
        for piece in self._others:
            end = raw.find(b'"', at)
            if end < at + least or not raw.startswith(piece, end) or not _is_plain(raw[at:end]):
                return False
            at, least = end + len(piece), 0
        return at == len(raw)


def template_of(raw: bytes, first: bytes, *others: bytes) -> Template | None:
    r"""Return the template of a frame whose JSON was read and is fit to be passed on; None where it gives none.

    `first` and `others` are members as they begin in the frame (`"content":"`); their texts may differ, the first
    must be there. A quote within a string is escaped in JSON, so what reads like such a member is one.
    """
    holes: list[tuple[int, int]] = []
    for member in (first, *others):
        at = raw.find(member)
        if at < 0:
            if member is first:
                return None
            continue
        start = at + len(member)
        end = raw.find(b'"', start)
        if end < 0 or raw.find(member, start) >= 0 or not _is_plain(raw[start:end]):
            return None
        if holes and start < holes[0][0]:  # the first is the one that may not be empty
            return None
        holes.append((start, end))
    holes.sort()
    starts, ends = [0, *(end for _, end in holes)], [*(start for start, _ in holes), len(raw)]
    return Template([raw[start:end] for start, end in zip(starts, ends, strict=True)])


def _is_plain(text: bytes) -> bool:
    if text.find(b"\\") >= 0:
        text = text.replace(b"\\n", b" ")
        if text.find(b"\\") >= 0:
            return False
    try:
        return str(text, "utf-8").isprintable()
    except UnicodeDecodeError:
        return False
