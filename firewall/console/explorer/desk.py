"""The explorer's desk: searches, reads and exports for those permitted, and records who asked for what first.

INVARIANT: nothing of the log is shown before the entry that says so is durable; one entry for each question, not
one for each row that it found.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import orjson

from firewall.approvals.people import Approver
from firewall.console.explorer.search import PAGE, Found, Searcher
from firewall.console.explorer.seen import Seen
from firewall.console.explorer.sentences import sentence, who
from firewall.console.explorer.wish import Wish
from firewall.core.errors import LimitError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit

Json = Mapping[str, object]
AT_ONCE = 2
"""Searches that run beside each other."""
WAITING = 8
"""Searches that wait for these; more are refused."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Most:
    """How much is taken away at once."""

    entries: int
    weight: int
    """Stored bytes of all of them; one alone may have more."""
    limit_s: float
    """How long they are looked for."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of entries, and what was asked."""

    wish: Wish
    found: Found

    def rendered(self) -> bytes:
        """Return it as JSON; in a thread, one entry at a time, so that others come in between."""
        entries = b",".join(orjson.dumps(shown(one, self.found.names)) for one in self.found.entries)
        return b'{"entries":[' + entries + b"]," + orjson.dumps(self._told())[1:]

    def _told(self) -> dict[str, object]:
        return {
            "next": self.found.next,
            "complete": self.found.is_full or not self.found.next,
            "ended": self.found.ended,
            "size": self.found.size,
            "indexed": self.found.indexed,
            "cut": self.found.cut,
        }


class Explorer:
    """Searches the log for those permitted."""

    def __init__(
        self, searcher: Searcher, sequencer: Sequencer, clock: Clock, looked: Callable[[], None] = lambda: None
    ) -> None:
        """`looked` is told that somebody searches."""
        self._searcher = searcher
        self._sequencer = sequencer
        self._clock = clock
        self._looked = looked
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    def now_us(self) -> int:
        """Return the time that a time ago counts from."""
        return self._clock.now_us()

    async def search(self, wish: Wish, by: Approver, *, first: int = 0, before: int = 0, most: int = PAGE) -> Page:
        """Return a page of what is looked for, from number `first` on and below `before` (0: the newest).

        Raises: StoreError when the log cannot be read or the question not be recorded; LimitError when too many
        ask.
        """
        entry = await self.record("search", by, wish, first=first, before=before)
        search = partial(self._searcher.search, wish, first=first, most=most)
        return Page(wish, await self._in_turn(partial(search, before=before or entry)))  # not the question itself

    async def begin(self, wish: Wish, by: Approver, *, last: int) -> tuple[Page, int]:
        """Begin to look on: return the `last` entries of what is looked for, and the number where news begin.

        Raises: as `search`.
        """
        entry = await self.record("tail", by, wish, last=last)
        found = await self._in_turn(partial(self._searcher.search, wish, before=entry, most=max(last, 1)))
        return Page(wish, found if last else replace(found, entries=())), entry + 1

    async def after(self, wish: Wish, first: int) -> tuple[Page, int]:
        """Return what is looked for among the next entries from a number on, and where to go on; records nothing.

        Raises: StoreError when the log cannot be read; LimitError when too many ask.
        """
        found, upto = await self._in_turn(partial(self._searcher.after, wish, first))
        return Page(wish, found), upto

    async def collect(
        self,
        wish: Wish,
        by: Approver,
        *,
        before: int,
        most: Most,
        opened: bool,
        written: Callable[[Page], bytes],
        first: int = 0,
    ) -> tuple[Page, bytes]:
        """Return what is looked for to be taken away, and how it is `written`; `opened`: with what was sealed.

        Raises: as `search`.
        """
        kind = "audit.exported"
        entry = await self.record("entries", by, wish, kind=kind, first=first, before=before, opened=opened)

        def taken() -> tuple[Page, bytes]:
            search = self._searcher.search
            page = Page(
                wish,
                search(
                    wish,
                    first=first,
                    before=before or entry,
                    most=most.entries,
                    most_bytes=most.weight,
                    limit_s=most.limit_s,
                ),
            )
            return page, written(page)

        return await self._in_turn(taken)

    async def record(self, what: str, by: Approver, wish: Wish, *, kind: str = "audit.read", **data: Plain) -> int:
        """Record who asks for what, and return the entry's number; what exactly is sealed. Raises: StoreError."""
        record = Record(
            kind=kind,
            data={"what": what, "asked": wish.asked, **data},
            person=by.name,
            principal=by.name,
            private={"name": by.name, "wish": {name: getattr(wish, name) for name in wish.asked}},
        )
        outcome = await self._sequencer.submit(Unit(records=(record,)))
        self._looked()
        return outcome.seqs[0] if outcome.seqs else 0

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= WAITING:
            raise LimitError("too many searches at once, try again", retry_after_s=1, code="search_busy")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def shown(seen: Seen, names: Mapping[str, str]) -> dict[str, object]:
    """Return one entry as JSON; `private`, its sealed part, is null where its key was erased or it has none."""
    return {
        "seq": seen.seq,
        "at": moment(seen.at),
        "kind": seen.kind,
        "principal": seen.principal,
        "who": who(seen, names),
        "what": sentence(seen),
        "approval": seen.approval,
        "leaf": seen.leaf,
        "data": dict(seen.data),
        "private": dict(seen.private) if seen.private is not None else None,
        "erased": seen.is_erased,
    }


def moment(at_us: int) -> str:
    """Return an instant as RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
