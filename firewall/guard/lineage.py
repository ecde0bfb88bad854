"""Where credentials that we did not issue were first met, whatever gate they came by.

What an agent is told (prompts, results of tools, answers of targets) is searched once; a find is an entry and is
remembered, so that the same value, used at another gate, can be followed back. Kept in memory, bounded, by owner.
INVARIANT: a value is kept as a hash under a key of this process alone, never in the clear.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.masking import masked
from firewall.classify.credentials.spelled import Plain, has_escapes
from firewall.core.fast_init import fast_init
from firewall.core.ports import Sequencer
from firewall.core.running import Digests
from firewall.core.work import Record, Unit
from firewall.guard.foreign import FirstSeen, Foreign, Known, foreign_in_history
from firewall.guard.requester import Requester
from firewall.guard.searched import Searched

MOST_SEEN = 8192
_MOST_BYTES = 4 << 20
"""Of one request; of a longer one the end is searched."""
_STEP = 128 << 10
"""Bytes that are searched before others get their turn."""
_OVERLAP = 2 << 10
_MOST_FOUND = 32
"""Entries of one request."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a value was first met."""

    gate: str
    words: str
    """E.g. `result of Bash: cat deploy/.env, message 17`; holds no credential."""
    owner: str


@fast_init
@dataclass(frozen=True, slots=True)
class Told:
    """A request to a model, as far as it is searched."""

    digests: Digests
    """Of its body."""
    first_seen: FirstSeen


class Lineage:
    """Follows credentials of others, and records where they are found."""

    def __init__(self, sequencer: Sequencer, known: Known) -> None:
        """`known`: the credentials of our own targets, which have no place in a conversation either."""
        self._sequencer = sequencer
        self._known = known
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, Seen] = OrderedDict()
        self._searched = Searched()

    def note(self, requester: Requester, value: str, words: str, detector: Detector) -> bool:
        """Remember where a value was met; tell whether it is new to its owner."""
        key = self._of(requester, value)
        is_new = key not in self._seen
        if is_new:
            shown = masked(words.encode("utf-8", "replace"), detector).decode("utf-8", "replace")
            self._seen[key] = Seen(requester.gate, shown.replace(value, "[redacted]"), requester.grant.owner)
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

    def forget(self, owner: str) -> None:
        """Drop what an owner's agents were told: he was erased. What comes again is found again."""
        for key in [key for key, seen in self._seen.items() if seen.owner == owner]:
            del self._seen[key]
        self._searched.forget(owner)

    async def read(self, requester: Requester, told: Told, detector: Detector) -> None:
        """Search what an agent sends to its model; what was searched before is skipped.

        Raises: StoreError when a find cannot be recorded.
        """
        owner = requester.grant.owner
        part = self._searched.new_part(owner, told.digests)
        if part.start == part.end:
            return
        found = await self._found(told.digests.data[max(part.start, part.end - _MOST_BYTES) : part.end], detector)
        new: list[Foreign] = []
        for value, one in found.items():
            if self._of(requester, value) not in self._seen:
                if len(new) == _MOST_FOUND:
                    break
                new.append(one)
        for one in new:
            value = one.value.reveal()
            self.note(requester, value, _place(value, told.first_seen), detector)
        try:
            await self.record(new, requester, name="", is_used=False)
        except BaseException:
            for one in new:  # what has no entry is found anew when the request comes again
                self._seen.pop(self._of(requester, one.value.reveal()), None)
            raise
        if len(new) < _MOST_FOUND:  # else the rest is found when the history comes again
            self._searched.keep(part)

    async def _found(self, data: bytes, detector: Detector) -> dict[str, Foreign]:
        own = [secret for _, secret in self._known()]
        found: dict[str, Foreign] = {}
        text = Plain(data).data if has_escapes(data) else data
        for at in range(0, len(text), _STEP):
            for one in foreign_in_history(text[at : at + _STEP + _OVERLAP], detector, own):
                found.setdefault(one.value.reveal(), one)
            if len(text) > _STEP:
                await asyncio.sleep(0)
        return found

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

    def _of(self, requester: Requester, value: str) -> bytes:
        return self._hash(requester.grant.owner.encode() + b"\0" + value.encode("utf-8", "surrogateescape"))

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=16, key=self._key).digest()


def _place(value: str, first_seen: FirstSeen) -> str:
    """Say where the history holds a value, which was found in JSON: a key's line ends are escaped there."""
    return first_seen(value) or first_seen(value.replace("\\n", "\n")) or "the request"
