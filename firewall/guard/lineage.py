"""Where credentials that we did not issue were first met, whatever gate they came by.

What an agent is told (prompts, results of tools, answers of targets) is searched once; a find is an entry and is
remembered, so that the same value, used at another gate, can be followed back. Kept in memory, bounded, by owner.
INVARIANT: a value is kept as a hash under a key of this process alone, never in the clear.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.masking import masked
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.guard.foreign import FirstSeen, Foreign, Known, told
from firewall.guard.requester import Requester

MOST_SEEN = 8192
MOST_READ = 65_536
"""Pieces of requests that are known to have been searched: histories come again with every request."""
_MOST_BYTES = 4 << 20
"""Of one request; of a longer one the newest pieces are searched."""
_STEP = 128 << 10
"""Bytes that are searched before others get their turn."""
_OVERLAP = 2 << 10
_MOST_FOUND = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a value was first met."""

    gate: str
    words: str
    """E.g. `result of Bash: cat deploy/.env, message 17`; holds no credential."""


class Lineage:
    """Follows credentials of others, and records where they are found."""

    def __init__(self, sequencer: Sequencer, known: Known) -> None:
        """`known`: the credentials of our own targets, which have no place in a conversation either."""
        self._sequencer = sequencer
        self._known = known
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, Seen] = OrderedDict()
        self._read: OrderedDict[bytes, None] = OrderedDict()

    def note(self, requester: Requester, value: str, words: str, detector: Detector) -> bool:
        """Remember where a value was met; tell whether it is new to its owner."""
        key = self._of(requester, value)
        is_new = key not in self._seen
        if is_new:
            shown = masked(words.encode("utf-8", "replace"), detector).decode("utf-8", "replace")
            self._seen[key] = Seen(requester.gate, shown.replace(value, "[redacted]"))
        self._seen.move_to_end(key)
        while len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return is_new

    def first(self, requester: Requester, value: str) -> str:
        """Say where a value was first met by anybody who works for the same owner; empty: nowhere."""
        key = self._of(requester, value)
        seen = self._seen.get(key)
        if seen is None:
            return ""
        return seen.words if seen.gate == requester.gate else f"{seen.words} (at the {seen.gate} gate)"

    async def read(
        self, requester: Requester, pieces: Iterable[bytes], first_seen: FirstSeen, detector: Detector
    ) -> None:
        """Search what an agent sends to its model, the newest piece first; what was searched before is skipped.

        Raises: StoreError when a find cannot be recorded.
        """
        found: dict[str, Foreign] = {}
        own = [secret for _, secret in self._known()]
        left, searched = _MOST_BYTES, []
        owner = requester.grant.owner.encode() + b"\0"
        for piece in pieces:
            key = self._hash(owner + piece)
            if key in self._read:
                self._read.move_to_end(key)
                continue
            if left < len(piece) or len(found) >= _MOST_FOUND:
                continue
            left -= len(piece)
            for at in range(0, len(piece), _STEP):
                for one in told(piece[at : at + _STEP + _OVERLAP], detector, own):
                    found.setdefault(one.value.reveal(), one)
                if len(piece) > _STEP:
                    await asyncio.sleep(0)
            searched.append(key)
        new = [
            one for value, one in found.items() if self.note(requester, value, _place(value, first_seen), detector)
        ]
        try:
            await self.record(new[:_MOST_FOUND], requester, name="", is_used=False)
        except BaseException:
            for one in new:  # what has no entry is found anew when the request comes again
                self._seen.pop(self._of(requester, one.value.reveal()), None)
            raise
        for key in searched:
            self._keep(key)

    async def record(
        self,
        foreign: Sequence[Foreign],
        requester: Requester,
        *,
        name: str,
        is_used: bool,
        first_seen: FirstSeen | None = None,
    ) -> None:
        """Write an entry for each: a keyed hash, where it stood, where it came from.

        `name`: the tool or target; empty: it was only told.
        Raises: StoreError.
        """
        if not foreign:
            return
        owner = requester.grant.owner
        records = tuple(
            Record(
                kind="credential.foreign",
                data={
                    "gate": requester.gate,
                    "token": requester.token_id,
                    "rule": one.rule,
                    "credential": self._sequencer.pseudonym(f"{owner}/credential {one.digest}"),
                    "used": is_used,
                },
                person=owner,
                principal=requester.principal,
                private={
                    "tool": name,
                    "where": one.where,
                    "first_seen": self.origin(one.value.reveal(), requester, first_seen),
                },
            )
            for one in foreign
        )
        await self._sequencer.submit(Unit(records=records))

    def origin(self, value: str, requester: Requester, first_seen: FirstSeen | None) -> str:
        """Say where a value comes from: its own conversation knows best."""
        return (first_seen(value) if first_seen else "") or self.first(requester, value)

    def _keep(self, key: bytes) -> None:
        self._read[key] = None
        while len(self._read) > MOST_READ:
            self._read.popitem(last=False)

    def _of(self, requester: Requester, value: str) -> bytes:
        return self._hash(requester.grant.owner.encode() + b"\0" + value.encode("utf-8", "surrogateescape"))

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=16, key=self._key).digest()


def _place(value: str, first_seen: FirstSeen) -> str:
    """Say where the history holds a value, which was found in JSON: a key's line ends are escaped there."""
    return first_seen(value) or first_seen(value.replace("\\n", "\n")) or "the request"
