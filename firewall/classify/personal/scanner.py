"""Which kinds of personal data a text holds. Pure; the kinds are data (`policies/personal.toml`).

Numbers are looked for only where digits stand in a row, other kinds around a sign of theirs: other text is passed
at memory speed. A pattern has no unbounded part, so the work grows with the text and no faster.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from firewall.classify.personal.checks import CHECKS
from firewall.classify.reader import Reader
from firewall.core.errors import ConfigError
from firewall.core.grant import any_matches

FILE = "personal.toml"
_ROW_OF_DIGITS = re.compile(r"(?<![A-Za-z0-9_])(?:[+(]{1,2}|[A-Z]{1,6} ?)?[0-9XYZ][0-9A-Z ().+/-]{6,}")
_BEFORE = 64
_BEHIND = 160
_NEAR = 48
_MOST_SIGNS = 500
_LONGEST_ROW = 2048
_MOST_IN_ROWS = 64 << 10
"""Bounds of the work for one text: signs that are looked around, digits that are looked at."""
_PATTERN = re.compile(r"(?:[A-Za-z0-9@ -]|\[[^\[\]\\^]{1,60}\])(?:\?|\{[0-9]{1,3}(?:,[0-9]{1,3})?\})?")
"""One part of a pattern: a sign or a class, perhaps with a bounded count."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of personal.toml."""

    name: str
    shape: re.Pattern[str]
    check: str = ""
    around: str = ""
    near: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    """Globs of what is nobody's."""

    def in_place(self, text: str, begin: int, end: int) -> bool:
        """Tell whether one stands between two offsets of a text."""
        return any(self._holds(text, found) for found in self.shape.finditer(text, begin, end))

    def _holds(self, text: str, found: re.Match[str]) -> bool:
        start = found.start()
        words = _whole(text, start, found.end())
        if not words:
            return False
        if self.near:
            head = text[max(0, start - _NEAR) : start].lower()
            if not any(word in head for word in self.near):
                return False
        return (
            self.shape.fullmatch(words) is not None
            and CHECKS[self.check](words)
            and not any_matches(self.harmless, words.lower())
        )


@dataclass(frozen=True, slots=True)
class Scanner:
    """Compiled kinds; never changes, so one serves all."""

    kinds: tuple[Kind, ...] = ()
    _signs: Mapping[str, tuple[Kind, ...]] = field(default_factory=dict)
    _numbers: tuple[Kind, ...] = ()

    def kinds_in(self, text: str) -> frozenset[str]:
        """Return the names of the kinds that a text holds."""
        found: set[str] = set()
        for sign, kinds in self._signs.items():
            wanted = [kind for kind in kinds if kind.name not in found]
            for at in islice(_places(text, sign), _MOST_SIGNS):
                found |= {kind.name for kind in wanted if kind.in_place(text, max(0, at - _BEFORE), at + _BEHIND)}
                wanted = [kind for kind in wanted if kind.name not in found]
                if not wanted:
                    break
        return frozenset(found | self._numbers_in(text))

    def _numbers_in(self, text: str) -> set[str]:
        found: set[str] = set()
        left = _MOST_IN_ROWS if self._numbers else 0
        for row in _ROW_OF_DIGITS.finditer(text) if left else ():
            end = min(row.end(), row.start() + _LONGEST_ROW)
            left -= end - row.start()
            if left < 0:
                break
            for kind in self._numbers:
                if kind.name not in found and kind.in_place(text, row.start(), end):
                    found.add(kind.name)
        return found


def scanner_of(kinds: Iterable[Kind]) -> Scanner:
    """Return a scanner of some kinds."""
    rows = tuple(kinds)
    signs = {one.around: tuple(kind for kind in rows if kind.around == one.around) for one in rows if one.around}
    return Scanner(rows, signs, tuple(kind for kind in rows if not kind.around))


def read_kinds(table: Mapping[str, object]) -> Scanner:
    """Compile personal.toml.

    Raises: ConfigError naming the file and row.
    """
    file = Reader(table, FILE)
    kinds = tuple(_kind(row) for row in file.rows("kind"))
    file.finish()
    return scanner_of(kinds)


def _kind(row: Reader) -> Kind:
    name = row.string("kind")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,40}", name):
        raise row.wrong("kind", "a short name of small letters, digits and dashes")
    check = row.string("check", "")
    if check not in CHECKS:
        raise row.wrong("check", f"one of {', '.join(filter(None, CHECKS))}")
    kind = Kind(
        name=name,
        shape=_shape(row),
        check=check,
        around=row.string("around", ""),
        near=tuple(word.lower() for word in row.strings("near")),
        harmless=row.strings("harmless"),
    )
    row.finish()
    return kind


def _shape(row: Reader) -> re.Pattern[str]:
    text = row.string("pattern")
    rest = _PATTERN.sub("", text)
    if rest or not text:
        raise row.wrong("pattern", f"signs and classes with a bounded count; `{rest[:20]}` is none")
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"{row.where}: `pattern` cannot be read: {error}") from error


def _places(text: str, sign: str) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + 1)


def _whole(text: str, begin: int, end: int) -> str:
    """Return what was found without space or half a word at its end; empty: it begins within a word."""
    if begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        return ""
    words = text[begin:end]
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        words = words[: max(0, words.rfind(" "))]
    return words.rstrip(" ")
