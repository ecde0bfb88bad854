"""The words of a text, of a resource and of an entry, as the index and a question both cut them. Pure.

INVARIANT: whoever asks and whoever indexed cut alike, so a change here needs a new `store.VERSION`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from firewall.core.folding import normal

LONGEST = 64
"""Characters of a word that count: as many as a SHA-256 has in hex."""
MOST_CHARS = 512 * 1024
"""Characters of one entry that are cut into words."""
MOST_WORDS = 2_000
"""Different words of one entry that are kept; an entry with more is looked at by every question."""
_HUMPED = 32
"""Longer words are ids and digests: their humps mean nothing."""
_MOST_PARTS = 16
_WORD = re.compile(r"\w+")
_SEAM = re.compile(r"_+|(?<=[a-z])(?=[A-Z])")
_BORDER = re.compile(r"[:/]")


def folded(text: str) -> str:
    """Return a text as it is compared: compatibility forms and capitals are one."""
    return text.lower() if text.isascii() else normal(text, "NFKC").casefold()


def asked(text: str) -> tuple[str, ...]:
    """Return the words of a question, each once."""
    return tuple(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(folded(text))))


def said(text: str) -> Iterator[str]:
    """Yield the words of a text that is searched: whole ones, and the parts of `snake_case` and `camelCase`."""
    plain = normal(text, "NFKC")
    for word in set(_WORD.findall(plain)):
        yield (word.lower() if word.isascii() else folded(word))[:LONGEST]
        if len(word) <= _HUMPED and _SEAM.search(word):
            yield from (folded(part) for part in _SEAM.split(word) if part)


def named(resource: str) -> Iterator[str]:
    """Yield the names that a resource is found by: itself, what it lies in, and its last part alone.

    `volume:railway/vol_1` is found by `volume`, `volume:railway`, `volume:railway/vol_1` and `vol_1`.
    """
    whole = folded(resource).strip()
    if not whole:
        return
    yield whole
    borders = [found.start() for found in _BORDER.finditer(whole)][:_MOST_PARTS]
    yield from (whole[:at] for at in borders if at)
    last = _BORDER.split(whole.rstrip("/"))[-1]
    if last:
        yield last


def wanted(resource: str) -> str:
    """Return the one name that a question about a resource asks for; a `*`, `/` or `:` at its end says nothing."""
    return folded(resource).strip().rstrip("*").rstrip("/:")


def strings(value: object) -> Iterator[str]:
    """Yield every text and number below a JSON value, keys left out."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, Sequence):
            waiting.extend(one)
        elif isinstance(one, int) and not isinstance(one, bool):
            yield str(one)


def gathered(texts: Iterable[str]) -> tuple[set[str], bool]:
    """Return the words of texts, and whether they are all of them."""
    text = "\n".join(texts)
    found = set(said(text[:MOST_CHARS]))
    return found, len(text) <= MOST_CHARS and len(found) <= MOST_WORDS
