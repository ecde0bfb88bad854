r"""What the bytes of a request may hold at all: most hold neither a picture nor thinking of other providers.

Whoever must know whether a request has such a thing asks here first, and looks into the parsed request only where
it may. The bytes are searched once for all who ask; and since histories come again with every request, a little
longer, what of them was searched before is known by its running digest.
INVARIANT: what is kept for a digest holds for every text with that digest: it can be too much, never too little.
"""

import base64
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from firewall.codecs.neutral.marks import MARK
from firewall.core import spellings
from firewall.core.fast_init import fast_init
from firewall.core.running import BLOCK, Digests


class Trait(IntEnum):
    """What a request may hold; one bit each."""

    MEDIA = 1
    """Pictures, documents, files: what is no text."""
    FOREIGN_THINKING = 2
    """Thinking that came from a provider of another dialect, with our mark on it."""


PACKED_MARK = base64.b64encode(MARK.encode()).decode()
"""How every mark begins where a signature has to be base64."""
WORDS: Mapping[Trait, tuple[bytes, ...]] = {
    Trait.MEDIA: (
        b"image", b"inlineData", b"fileData", b"inline_data", b"file_data", b"input_file", b'"file"', b"document",
        b"\\u00",
    ),
    Trait.FOREIGN_THINKING: (MARK.encode(), PACKED_MARK.encode()),
}  # fmt: skip
"""A body without any of them has no such thing; the last of MEDIA is how JSON may spell a letter of the others."""
_OVERLAP = max(len(word) for words in WORDS.values() for word in words)
MOST_KEPT = 32_768
"""Digests that are kept: of about 64 MiB of requests."""


@fast_init
@dataclass(frozen=True, slots=True)
class Traits:
    """What one body may hold."""

    body: bytes
    bits: int

    def may_hold(self, trait: Trait, body: bytes) -> bool:
        """Tell whether `body` may hold it; one that was changed on its way is not this one, and is searched."""
        return bool(self.bits & trait) if body is self.body else holds(body, trait)


def holds(body: bytes, trait: Trait) -> bool:
    """Tell by a search of all of it whether a body may hold it."""
    return spellings.holds(body, WORDS[trait])


class Histories:
    """What was found in the starts and ends of requests."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, int] = OrderedDict()

    def traits(self, digests: Digests) -> Traits:
        """Return what a body may hold; only what is new of it is searched."""
        data, forward = digests.data, digests.forward
        bits = self._kept.get(forward[-1])
        if bits is None:
            bits = self._searched(digests)
        else:
            self._kept.move_to_end(forward[-1])
        return Traits(data, bits)

    def _searched(self, digests: Digests) -> int:
        data, forward = digests.data, digests.forward
        known, before = self._longest(forward)
        start = min(known * BLOCK, len(data))
        backward = tuple(b"<" + digest for digest in digests.from_end(start))
        back, behind = self._longest(backward)
        end = max(start, len(data) - back * BLOCK)
        first, last = _places(data, max(0, start - _OVERLAP), min(len(data), end + _OVERLAP))
        found = before | behind | _sum(first)
        for at in range(known + 1, len(forward) + 1):
            held = before | _sum(trait for trait in first if first[trait] < at * BLOCK)
            self._kept[forward[at - 1]] = held if at * BLOCK <= end else found
        for at in range(back + 1, len(backward) + 1):
            begin = max(start, len(data) - at * BLOCK)
            self._kept[backward[at - 1]] = behind | _sum(trait for trait in last if last[trait] > begin)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    def _longest(self, digests: tuple[bytes, ...]) -> tuple[int, int]:
        """Return how many blocks of a body are known, and what they hold."""
        for at in range(len(digests), 0, -1):
            bits = self._kept.get(digests[at - 1])
            if bits is not None:
                self._kept.move_to_end(digests[at - 1])
                return at, bits
        return 0, 0


def _places(data: bytes, start: int, end: int) -> tuple[dict[Trait, int], dict[Trait, int]]:
    """Return where each trait's words begin first and end last in a part, as far as they stand there."""
    first: dict[Trait, int] = {}
    last: dict[Trait, int] = {}
    for trait, words in WORDS.items():
        begins = [at for word in words if (at := data.find(word, start, end)) >= 0]
        if begins:
            first[trait] = min(begins)
            last[trait] = max(data.rfind(word, start, end) + len(word) for word in words)
    return first, last


def _sum(traits: Iterable[Trait]) -> int:
    bits = 0
    for trait in traits:
        bits |= trait
    return bits
