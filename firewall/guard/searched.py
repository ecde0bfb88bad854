"""What of a request was searched before: histories come again with every request, a little longer.

A request is known from its start as far as a running digest of it was kept, and from its end likewise (tools and
instructions stand behind the history in some clients' requests); what lies between is new.
INVARIANT: a part counts as known only together with everything before it, or everything behind it, so that nothing
can hide where two known parts meet.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from firewall.core.fast_init import fast_init
from firewall.core.running import BLOCK, Digests

MOST_MARKS = 65_536
"""Digests that are kept: of about 128 MiB of requests."""
MOST_OWNERS = 4096
OVERLAP = 1 << 10
"""Bytes of what is known that are searched again on both sides: a value may cross from one to the other."""


@fast_init
@dataclass(frozen=True, slots=True)
class Unsearched:
    """The part of a request that is new to its owner."""

    start: int
    end: int
    marks: tuple[bytes, ...] = ()
    """What to keep once it has been searched."""


class Searched:
    """Digests of what was searched, by owner."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, None] = OrderedDict()
        self._prefixes: dict[str, bytes] = {}

    def new_part(self, owner: str, digests: Digests) -> Unsearched:
        """Return what of a body has not been searched for this owner."""
        body, forward, prefix = digests.data, digests.forward, self._prefix(owner)
        if prefix + forward[-1] in self._kept:  # all of it, as it is
            self._kept.move_to_end(prefix + forward[-1])
            return Unsearched(len(body), len(body))
        marks = [prefix + digest for digest in forward]
        known = next((at for at in range(len(marks), 0, -1) if marks[at - 1] in self._kept), 0)
        if known:
            self._kept.move_to_end(marks[known - 1])
        start = min(known * BLOCK, len(body))
        if start == len(body):
            return Unsearched(start, start)
        from_end = [b"<" + prefix + digest for digest in digests.from_end(start)]
        back = next((at for at in range(len(from_end), 0, -1) if from_end[at - 1] in self._kept), 0)
        if back:
            self._kept.move_to_end(from_end[back - 1])
        end = max(start, len(body) - back * BLOCK)
        return Unsearched(
            max(0, start - OVERLAP), min(len(body), end + OVERLAP), (*marks[known:], *from_end[back:])
        )

    def _prefix(self, owner: str) -> bytes:
        found = self._prefixes.get(owner)
        if found is None:
            if len(self._prefixes) >= MOST_OWNERS:
                self._prefixes.clear()
            found = hashlib.blake2b(owner.encode("utf-8", "surrogateescape"), digest_size=8).digest()
            self._prefixes[owner] = found
        return found

    def forget(self, owner: str) -> None:
        """Drop what was searched for an owner."""
        prefix = self._prefix(owner)
        for mark in [mark for mark in self._kept if mark.startswith((prefix, b"<" + prefix))]:
            del self._kept[mark]
        del self._prefixes[owner]

    def keep(self, part: Unsearched) -> None:
        """Remember that a part was searched, and what stands around it."""
        for mark in part.marks:
            self._kept[mark] = None
        while len(self._kept) > MOST_MARKS:
            self._kept.popitem(last=False)
