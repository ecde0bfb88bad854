"""One entry as it is searched and shown: its unsealed fields, and what was opened of its sealed part. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from firewall.console.explorer import words

SESSION = "s\0"
RESOURCE = "r\0"
"""What stands before a session and before a resource's name among words: no word of a text has a NUL."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry."""

    seq: int
    at: int
    """Unix microseconds."""
    kind: str
    principal: str
    approval: str
    subject: str
    """The id of the key of its sealed part; empty: nothing is sealed."""
    data: Mapping[str, object]
    private: Mapping[str, object] | None = None
    """What was sealed; None where nothing was, or its key was erased."""
    leaf: str = ""
    """Hex of its leaf hash."""
    body: bytes = b""
    """The exact bytes that are hashed."""
    weight: int = 0
    """Bytes of its body and of its sealed part, as they are stored."""

    @property
    def is_erased(self) -> bool:
        """Nobody can read its sealed part any more."""
        return bool(self.subject) and self.private is None

    @property
    def environment(self) -> str:
        """Where it lands; empty: it says nothing of that."""
        return _text(self.data.get("environment"))

    @property
    def verdict(self) -> str:
        """How it was judged or voted."""
        return _text(self.data.get("verdict")) or _text(self.data.get("decision"))

    @property
    def effects(self) -> tuple[str, ...]:
        """What it would do."""
        found = self.data.get("effects")
        return tuple(str(one) for one in found) if isinstance(found, list | tuple) else ()

    @property
    def session(self) -> str:
        """The session that it belongs to."""
        return _text((self.private or {}).get("session")) or _text(self.data.get("session"))

    @property
    def resources(self) -> tuple[str, ...]:
        """What it is about."""
        return tuple(dict.fromkeys(one for one in _resources(self.private or {}) if one))

    def open_words(self) -> tuple[set[str], bool]:
        """Return the words of what was never sealed, and whether they are all."""
        texts = (self.kind, self.principal, self.approval)
        found, is_all = words.gathered(chain(texts, words.strings(self.data)))
        session = _text(self.data.get("session"))
        return (found | {SESSION + words.folded(session)} if session else found), is_all

    def sealed_words(self) -> tuple[set[str], bool]:
        """Return the words of what was sealed, with session and resources, and whether they are all."""
        if self.private is None:
            return set(), True
        found, is_all = words.gathered(words.strings(self.private))
        session = _text(self.private.get("session"))
        if session:
            found.add(SESSION + words.folded(session))
        resources = self.resources
        for resource in resources[: words.MOST_WORDS]:
            found.update(RESOURCE + name for name in words.named(resource))
        return found, is_all and len(resources) <= words.MOST_WORDS

    def lacking(self, sought: Iterable[str]) -> tuple[set[str], bool]:
        """Return which of the words that are sought it does not say, and whether all of it was looked at."""
        texts = chain((self.kind, self.principal, self.approval), words.strings(self.data))
        rest, is_all = words.lacking(sought, texts)
        rest = _less(rest, SESSION, (_text(self.data.get("session")),))
        if not rest or self.private is None:
            return rest, is_all
        rest, is_whole = words.lacking(rest, words.strings(self.private))
        rest = _less(rest, SESSION, (_text(self.private.get("session")),))
        if any(word.startswith(RESOURCE) for word in rest):
            rest = _less(rest, RESOURCE, chain.from_iterable(map(words.named, self.resources)))
        return rest, is_all and is_whole


def _less(sought: set[str], what: str, names: Iterable[str]) -> set[str]:
    return sought - {what + words.folded(name) for name in names if name}


def _resources(private: Mapping[str, object]) -> Iterator[str]:
    for name in ("actions", "found"):
        listed = private.get(name)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, Mapping):
                yield _text(one.get("resource"))
    yield _text(private.get("resource"))
    listed = private.get("resources")
    yield from (str(one) for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
