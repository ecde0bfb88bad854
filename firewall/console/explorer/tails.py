"""Looking on while the log grows: entries as JSON lines, for as long as whoever asked may read them.

The beginning is recorded once, as a search is. What is new is read from the log itself, so nobody who reads slowly
misses an entry. A blank line says that nothing came; the last line is `{"ended": true}`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

import orjson

from firewall.approvals.people import Approver
from firewall.console.explorer.desk import Explorer, Page, shown
from firewall.console.explorer.wish import Wish
from firewall.core.errors import LimitError

MOST = 32
"""Who looks on at once."""
MOST_OF_ONE = 4
"""Of them, one person."""
LOOK_S = 0.5
"""Between looks whether the log has grown."""
BEAT_S = 10.0
"""A blank line is sent after this time without entries."""
_END = b'{"ended":true}\n'


@dataclass(eq=False, slots=True)
class Seat:
    """One of those who look on; each is only itself."""

    person: str


class Tails:
    """Everybody who looks on."""

    def __init__(self, explorer: Explorer, *, size: Callable[[], int], is_closed: Callable[[], bool]) -> None:
        """`size`: entries of the log; `is_closed`: the server stops."""
        self._explorer = explorer
        self._size = size
        self._is_closed = is_closed
        self._seats: list[Seat] = []

    async def lines(
        self, wish: Wish, by: Approver, *, last: int, lasts: Callable[[], bool]
    ) -> tuple[AsyncIterator[bytes], Callable[[], None]]:
        """Record who looks on and return lines: the `last` entries of what is looked for, then what comes.

        The second gives the seat back: whoever is given both calls it, also when nobody reads a line. `lasts`:
        whoever asked may still read them.

        Raises: LimitError `tail_full` when too many look on; StoreError.
        """
        own = sum(one.person == by.name for one in self._seats)
        if own >= MOST_OF_ONE or len(self._seats) >= MOST:
            raise LimitError("too many look on already", retry_after_s=30, code="tail_full")
        seat = Seat(by.name)
        self._seats.append(seat)  # before anything is waited for: of many who ask at once, a few are served
        try:
            page, at = await self._explorer.begin(wish, by, last=last)
        except BaseException:
            self._leave(seat)
            raise
        return self._body(wish, page, at, lasts), partial(self._leave, seat)

    def _leave(self, seat: Seat) -> None:
        if seat in self._seats:
            self._seats.remove(seat)

    async def _body(self, wish: Wish, page: Page, at: int, lasts: Callable[[], bool]) -> AsyncIterator[bytes]:
        quiet_s = 0.0
        yield _written(page, newest_first=True) or b"\n"
        while not self._is_closed() and lasts():
            before = at
            if self._size() > at:
                page, at = await self._explorer.after(wish, at)
                found = _written(page)
                if found and lasts():
                    quiet_s = 0.0
                    yield found
            if at == before:
                await asyncio.sleep(LOOK_S)
                quiet_s += LOOK_S
            if quiet_s >= BEAT_S:
                quiet_s = 0.0
                yield b"\n"
        yield _END


def _written(page: Page, *, newest_first: bool = False) -> bytes:
    """Return a page's entries, the oldest first, an entry a line."""
    entries = page.found.entries
    ordered = reversed(entries) if newest_first else entries
    return b"".join(orjson.dumps(shown(one, page.found.names)) + b"\n" for one in ordered)
