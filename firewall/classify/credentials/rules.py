"""credentials.toml, compiled: the shapes of credentials, and what only looks like one.

INVARIANT: a shape is a row of literals, classes with a bounded count and flat groups; nothing repeats what
repeats, so matching one candidate takes time that is linear in the longest credential.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from firewall.classify.reader import Reader
from firewall.core.errors import ConfigError

FILE = "credentials.toml"
_ATOM = r"(?:[A-Za-z0-9_:~@%=+/,-]|\\[.+]|\[[A-Za-z0-9_.~+/=:,-]+\])(?:\{[0-9]{1,4}(?:,[0-9]{1,4})?\})?"
_GROUP = rf"\(\?:(?:{_ATOM})+(?:\|(?:{_ATOM})+)*\)\??"
_SHAPE = re.compile(rf"(?:{_ATOM}|{_GROUP})+")
_KINDS = ("key", "token", "secret", "password", "passwd", "auth", "credential")
_PLAIN = re.compile(r"[a-z0-9]*")
LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class TokenRule:
    """A credential that holds a mark which nothing else has."""

    name: str
    marks: tuple[bytes, ...]
    shape: re.Pattern[bytes]
    back: int
    """How many bytes of the shape stand before the mark."""
    entropy: float
    """Bits a byte that it must have at least."""


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A credential that is known by the name it is given."""

    name: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    shape: re.Pattern[bytes]
    entropy: float

    def fits(self, name: str) -> bool:
        """Tell whether a name, lower case and without - _ and dots, speaks of such a credential."""
        return any(word in name for word in self.names) and any(kind in name for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Harmless:
    """What documentation and templates use in place of a credential."""

    parts: tuple[bytes, ...] = ()
    values: frozenset[bytes] = frozenset()
    passwords: frozenset[bytes] = frozenset()

    def covers(self, value: bytes) -> bool:
        """Tell whether a value is a placeholder."""
        low = value.lower()
        return value in self.values or len(set(value)) < 4 or any(part in low for part in self.parts)


@dataclass(frozen=True, slots=True)
class CredentialRules:
    """All rules of credentials.toml."""

    tokens: tuple[TokenRule, ...] = ()
    named: tuple[NamedRule, ...] = ()
    answers: frozenset[str] = frozenset()
    headers: frozenset[bytes] = frozenset()
    harmless: Harmless = field(default_factory=Harmless)


def read_rules(table: Mapping[str, object]) -> CredentialRules:
    """Read the parsed file.

    Raises: ConfigError naming the row.
    """
    reader = Reader(table, FILE)
    harmless = reader.inner("harmless")
    found = CredentialRules(
        tokens=tuple(_token(row) for row in reader.rows("tokens")),
        named=tuple(_named(row) for row in reader.rows("named")),
        answers=frozenset(_compact(reader, "answers")),
        headers=frozenset(name.lower().encode() for name in reader.strings("headers")),
        harmless=Harmless(
            parts=tuple(part.lower().encode() for part in harmless.strings("parts")),
            values=frozenset(value.encode() for value in harmless.strings("values")),
            passwords=frozenset(value.encode() for value in harmless.strings("passwords")),
        ),
    )
    harmless.finish()
    reader.finish()
    return found


def _token(row: Reader) -> TokenRule:
    row.string("from")
    rule = TokenRule(
        name=_name(row),
        marks=tuple(mark.encode() for mark in row.strings("marks")),
        shape=_shape(row),
        back=row.integer("back", 0),
        entropy=row.integer("entropy", 0) / 10,
    )
    row.finish()
    if not rule.marks or any(len(mark) < 2 for mark in rule.marks):
        raise row.wrong("marks", "words of two characters or more")
    return rule


def _named(row: Reader) -> NamedRule:
    row.string("from")
    rule = NamedRule(
        name=_name(row),
        names=_compact(row, "names"),
        kinds=_compact(row, "kinds") or _KINDS,
        shape=_shape(row),
        entropy=row.integer("entropy", 0) / 10,
    )
    row.finish()
    if not all(rule.names) or not rule.names:
        raise row.wrong("names", "a list of words")
    return rule


def _name(row: Reader) -> str:
    name = row.string("rule")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,40}", name):
        raise row.wrong("rule", "a short name of small letters, digits and dashes")
    return name


def _compact(row: Reader, key: str) -> tuple[str, ...]:
    words = row.strings(key)
    if not all(_PLAIN.fullmatch(word) for word in words):
        raise row.wrong(key, "words of small letters and digits")
    return words


def _shape(row: Reader) -> re.Pattern[bytes]:
    text = row.string("shape")
    if not _SHAPE.fullmatch(text):
        raise row.wrong("shape", "literals, classes with a bounded count and flat groups of them")
    try:
        return re.compile(text.encode("ascii"))
    except (re.error, UnicodeEncodeError) as error:
        raise ConfigError(f"{row.where}: `shape` cannot be read: {error}") from error


def any_mark(marks: Iterable[bytes]) -> re.Pattern[bytes]:
    """Compile marks into one pattern that looks at each character once; of two that fit the longer is found."""
    return re.compile(_branch(sorted(set(marks))))


def _branch(words: Sequence[bytes]) -> bytes:
    """Write sorted words as a tree: what they share stands once."""
    first: dict[int, list[bytes]] = {}
    for word in words:
        if word:
            first.setdefault(word[0], []).append(word[1:])
    options = [re.escape(bytes([char])) + _branch(rest) for char, rest in first.items()]
    if not options:
        return b""
    body = b"(?:" + b"|".join(options) + b")"
    return body + b"?" if b"" in words else body


@lru_cache(maxsize=4096)
def plain_name(name: bytes) -> str:
    """Return a name as rules compare it: lower case, without - _ and dots."""
    return name.translate(None, b"-_.").lower().decode("ascii", "replace")
