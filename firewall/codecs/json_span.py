"""Where a value lies in the bytes of a JSON document: exact slices and splices without re-serialising.

Only for documents that `firewall.core.strict_json` accepted; on anything else the answers mean nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import orjson

Span = tuple[int, int]
"""Offsets of a value's first byte and of the byte after its last."""
Path = tuple[str | int, ...]
"""Keys and indexes."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]*")
_SCALAR = re.compile(rb"[^,\]} \t\n\r]*")
_GAP = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\n\r]+', re.DOTALL)


def members(data: bytes, start: int = 0) -> Iterator[tuple[str, Span, Span]]:
    """Yield (key, key's span, value's span) of the object at `start`, nothing when there is no object."""
    at = _skip(data, start)
    if data[at : at + 1] != b"{":
        return
    at = _skip(data, at + 1)
    while data[at : at + 1] == b'"':
        key = _end(data, at)
        begin = _skip(data, _skip(data, key) + 1)
        end = _end(data, begin)
        yield str(orjson.loads(data[at:key])), (at, key), (begin, end)
        at = _skip(data, _skip(data, end) + 1)


def elements(data: bytes, start: int = 0) -> Iterator[Span]:
    """Yield the spans of the elements of the array at `start`, nothing when there is no array."""
    at = _skip(data, start)
    if data[at : at + 1] != b"[":
        return
    at = _skip(data, at + 1)
    while at < len(data) and data[at : at + 1] != b"]":
        end = _end(data, at)
        yield at, end
        mark = _skip(data, end)
        if data[mark : mark + 1] != b",":
            return
        at = _skip(data, mark + 1)


def starts(data: bytes, path: tuple[str | int, ...], start: int = 0) -> list[int]:
    """Return where each element of the array at `path` begins, in one walk; nothing when there is no array."""
    at = place(data, path, start)
    return [] if at is None else [begin for begin, _ in elements(data, at)]


class Places:
    """Where the elements of the array at `path` begin: walked when first asked, since most answers need none."""

    __slots__ = ("_data", "_elements", "_path", "_starts")

    def __init__(self, data: bytes, path: tuple[str | int, ...]) -> None:
        self._data = data
        self._path = path
        self._starts: list[int] | None = None
        self._elements: dict[int, bytes] = {}

    def start(self, place: int) -> int:
        """Return where the element at `place` begins.

        Raises: IndexError when there is no such element.
        """
        if self._starts is None:
            self._starts = starts(self._data, self._path)
        return self._starts[place]

    def span(self, place: int) -> Span:
        """Return where the element at `place` lies.

        Raises: IndexError as `start`.
        """
        start = self.start(place)
        return start, _end(self._data, start)

    def element(self, place: int) -> bytes:
        """Return the exact bytes of the element at `place`, found once.

        Raises: IndexError as `start`.
        """
        if place not in self._elements:
            begin, end = self.span(place)
            self._elements[place] = self._data[begin:end]
        return self._elements[place]

    def member(self, place: int, key: str) -> bytes | None:
        """Return the exact bytes of a member of the object at `place`, None when it has no such member.

        Raises: IndexError as `start`.
        """
        return cut(self._data, (key,), self.start(place))


def locate(data: bytes, path: tuple[str | int, ...], start: int = 0) -> Span | None:
    """Return where the value at `path` (keys and indexes) lies, None when it is not there."""
    begin = place(data, path, start)
    return None if begin is None else (begin, _end(data, begin))


def locate_each(data: bytes, paths: Iterable[Path], start: int = 0) -> dict[Path, Span]:
    """Return where the values at some paths lie, in one walk for all of them; none within another."""
    wanted: dict[str | int, list[Path]] = {}
    for path in paths:
        if not path:
            return {path: (start, _end(data, start))}
        wanted.setdefault(path[0], []).append(path[1:])
    inner = ((name, span) for name, _, span in members(data, start))
    numbered = enumerate(elements(data, start))
    found: dict[Path, Span] = {}
    for step, (begin, end) in numbered if data[(at := _skip(data, start)) : at + 1] == b"[" else inner:
        rests = wanted.pop(step, None)
        if rests is not None:
            deeper = {(): (begin, end)} if rests == [()] else locate_each(data, rests, begin)
            found |= {(step, *rest): span for rest, span in deeper.items()}
        if not wanted:
            break
    return found


def place(data: bytes, path: tuple[str | int, ...], start: int = 0) -> int | None:
    """Return where the value at `path` begins, None when it is not there; it is not walked through itself."""
    begin = _skip(data, start)
    for step in path:
        found = _member(data, begin, step) if isinstance(step, str) else _element(data, begin, step)
        if found is None:
            return None
        begin = found
    return begin


def cut(data: bytes, path: tuple[str | int, ...], start: int = 0) -> bytes | None:
    """Return the exact bytes of the value at `path`, None when it is not there."""
    span = locate(data, path, start)
    return None if span is None else data[span[0] : span[1]]


def splice(data: bytes, changes: Mapping[Span, bytes]) -> bytes:
    """Return `data` with the bytes at each span replaced; spans must not overlap."""
    out: list[bytes] = []
    at = 0
    for (begin, end), new in sorted(changes.items()):
        out += (data[at:begin], new)
        at = end
    out.append(data[at:])
    return b"".join(out)


def one_line(data: bytes) -> bytes:
    """Return the document without line breaks: as it is, or without its white space where it has some."""
    if b"\n" not in data and b"\r" not in data:
        return data
    return _GAP.sub(lambda found: found.group(1) or b"", data)


def _skip(data: bytes, at: int) -> int:
    if data[at : at + 1] > b" ":  # most clients write none, and asking costs more than looking
        return at
    found = _SPACE.match(data, at)
    return found.end() if found else at


def _end(data: bytes, at: int) -> int:
    lead = data[at : at + 1]
    if lead == b'"':
        found = _STRING.match(data, at)
        return found.end() if found else len(data)
    if lead not in (b"{", b"["):
        found = _SCALAR.match(data, at)
        return found.end() if found else len(data)
    depth = 0
    for mark in _MARK.finditer(data, at):
        kind = mark.group()
        if kind in (b"{", b"["):
            depth += 1
        elif kind in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return mark.end()
    return len(data)


def _member(data: bytes, at: int, wanted: str) -> int | None:
    if data[at : at + 1] != b"{":
        return None
    at = _skip(data, at + 1)
    while data[at : at + 1] == b'"':
        key = _end(data, at)
        begin = _skip(data, _skip(data, key) + 1)
        if orjson.loads(data[at:key]) == wanted:
            return begin
        at = _skip(data, _skip(data, _end(data, begin)) + 1)
    return None


def _element(data: bytes, at: int, index: int) -> int | None:
    return next((begin for number, (begin, _) in enumerate(elements(data, at)) if number == index), None)
