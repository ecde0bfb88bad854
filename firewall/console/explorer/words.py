"""The words of a text, of a resource and of an entry, as the index and a question both cut them. Pure.

INVARIANT: whoever asks and whoever indexed cut alike, so a change here needs a new `store.VERSION`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from firewall.core.folding import normal

LONGEST = 64
"""Characters of a word that count: as many as a SHA-256 has in hex."""
MOST_CHARS = 64 * 1024
"""Characters of a part of an entry that is cut into words; one with more is looked at by every question."""
MOST_LOOKED = 512 * 1024
"""Characters of such a part that are looked at; what is behind is not searched by words, and that is told."""
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
    yield from (word[:LONGEST] for word in set(_WORD.findall(plain.casefold())))
    yield from _parts(plain)


def _parts(plain: str) -> Iterator[str]:
    for word in set(_WORD.findall(plain)):
        if len(word) <= _HUMPED and _SEAM.search(word):
            for part in _SEAM.split(word):
                yield from (one[:LONGEST] for one in _WORD.findall(part.casefold()))


def lacking(sought: Iterable[str], texts: Iterable[str]) -> tuple[set[str], bool]:
    """Return what texts do not say of some words, and whether they were looked at to their ends.

    It is what `said` would leave, without cutting a text that does not hold the letters.
    """
    text = "\n".join(texts)
    plain = normal(text[:MOST_LOOKED], "NFKC")
    low = plain.casefold()
    absent = {word for word in sought if "\0" in word or word not in low}
    inside = {word for word in set(sought) - absent if not _stands(word, low)}
    if inside:
        inside -= set(_parts(plain))
    return absent | inside, len(text) <= MOST_LOOKED


def _stands(word: str, low: str) -> bool:
    """Tell whether a word stands alone in a folded text; of a cut one, whether a word begins so."""
    one = re.escape(word)
    end = "" if len(word) == LONGEST else r"(?!\w)"
    return re.search(rf"{one}{end}(?<!\w{one})", low) is not None


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
    """Return the words of texts, and whether they are all of them; of too many none is worth keeping."""
    text = "\n".join(texts)
    if len(text) > MOST_CHARS:
        return set(), False
    found: set[str] = set()
    for word in said(text):
        found.add(word)
        if len(found) > MOST_WORDS:
            return set(), False
    return found, True
