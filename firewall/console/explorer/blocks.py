"""The words of a thousand entries, packed so that a question finds those that say all of it. Pure.

A block is two sealed parts. The first is small and is read by every question: which keys its entries have, which
entries had too many words to keep, and the marks of its words, sorted. A mark is four bytes of the HMAC of a word
under the key of whoever the entry is about, so without that key a word cannot be looked for. The second says which
entries have each mark.

A mark that two words share finds an entry too many: what is found is read before it is shown.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from firewall.console.explorer.seen import Seen

WIDTH = 1_024
"""Entries of a block."""
_BITMAP = WIDTH // 16
"""Two-byte numbers of a bitmap over a block; what more entries have is kept as one."""
_HEAD = struct.Struct("<I")
Mark = Callable[[str, str], int | None]
"""Returns the mark of a word under the key with an id; None: the key was erased."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The first part of a block."""

    keys: tuple[str, ...]
    full: tuple[int, ...]
    """Entries that every question must look at, counted from the block's first."""
    marks: "array[int]"

    def dump(self) -> bytes:
        """Write it."""
        head = orjson.dumps({"keys": self.keys, "full": self.full})
        return _HEAD.pack(len(head)) + head + self.marks.tobytes()

    @classmethod
    def load(cls, data: bytes) -> "Marks":
        """Read it. Raises: ValueError when it is something else."""
        try:
            (length,) = _HEAD.unpack_from(data)
            head = orjson.loads(data[4 : 4 + length])
            marks = array("I")
            marks.frombytes(data[4 + length :])
            return cls(tuple(head["keys"]), tuple(head["full"]), marks)
        except (struct.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError("a block of the index cannot be read") from error

    def places(self, word: str, mark: Mark) -> list[int]:
        """Return where marks of a word stand, under any key of the block."""
        found = []
        for key in self.keys:
            sought = mark(key, word)
            if sought is None:
                continue
            at = bisect_left(self.marks, sought)
            if at < len(self.marks) and self.marks[at] == sought:
                found.append(at)
        return found


@dataclass(frozen=True, slots=True)
class Rows:
    """The second part of a block: for each mark, its entries."""

    ends: "array[int]"
    rows: "array[int]"

    def dump(self) -> bytes:
        """Write it."""
        return _HEAD.pack(len(self.ends)) + self.ends.tobytes() + self.rows.tobytes()

    @classmethod
    def load(cls, data: bytes) -> "Rows":
        """Read it. Raises: ValueError when it is something else."""
        ends, rows = array("I"), array("H")
        try:
            (length,) = _HEAD.unpack_from(data)
            border = 4 + 4 * length
            ends.frombytes(data[4:border])
            rows.frombytes(data[border:])
        except struct.error as error:
            raise ValueError("a block of the index cannot be read") from error
        return cls(ends, rows)

    def of(self, place: int) -> set[int]:
        """Return the entries with the mark at a place, counted from the block's first."""
        begin = self.ends[place - 1] if place else 0
        found = self.rows[begin : self.ends[place]]
        if len(found) < _BITMAP:
            return set(found)
        bits = int.from_bytes(found.tobytes(), "little")
        return {at for at in range(WIDTH) if bits >> at & 1}


def packed(entries: Iterable[Seen], mark: Mark, open_key: str) -> tuple[Marks, Rows]:
    """Pack at most WIDTH entries; `open_key`: the id of the key of what was never sealed."""
    listed: dict[int, list[int]] = {}
    keys: dict[str, None] = {open_key: None}
    full: list[int] = []
    known: dict[str, dict[str, int | None]] = {}
    for at, seen in enumerate(entries):
        is_all = True
        for key, (found, is_whole) in ((open_key, seen.open_words()), (seen.subject, seen.sealed_words())):
            is_all = is_all and is_whole
            if found:
                keys[key] = None
            _list(at, _marks_of(found, key, mark, known), listed)
        if not is_all:
            full.append(at)
    return _of(listed, tuple(keys), tuple(full))


def found(marks: Marks, rows: Callable[[], Rows], words: Sequence[str], mark: Mark) -> set[int]:
    """Return the entries of a block that may say all of some words, counted from its first."""
    places = [marks.places(word, mark) for word in words]
    if not all(places):
        return set(marks.full)
    listed = rows()
    every = [set().union(*(listed.of(place) for place in one)) for one in places]
    return set.intersection(*every) | set(marks.full)


def _list(at: int, marks: Iterable[int | None], listed: dict[int, list[int]]) -> None:
    """Note an entry at each of its marks; two of its words may share one."""
    for one in marks:
        if one is None:
            continue
        there = listed.get(one)
        if there is None:
            listed[one] = [at]
        elif there[-1] != at:
            there.append(at)


def _marks_of(
    words: Iterable[str], key: str, mark: Mark, known: dict[str, dict[str, int | None]]
) -> Iterable[int | None]:
    mine = known.setdefault(key, {})
    for word in words:
        if word not in mine:
            mine[word] = mark(key, word)
        yield mine[word]


def _of(listed: Mapping[int, list[int]], keys: tuple[str, ...], full: tuple[int, ...]) -> tuple[Marks, Rows]:
    marks, ends, rows = array("I", sorted(listed)), array("I"), array("H")
    for one in marks:
        there = listed[one]
        if len(there) < _BITMAP:
            rows.extend(there)
        else:
            bits = sum(1 << at for at in there)
            rows.frombytes(bits.to_bytes(2 * _BITMAP, "little"))
        ends.append(len(rows))
    return Marks(keys, full, marks), Rows(ends, rows)
