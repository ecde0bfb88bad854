"""What days cost, by group: each day that is over is added up once and kept in mind while its sums stand.

INVARIANT: what is returned is what adding up would say now: a day is taken from memory only where it is older than
the newest day, and the ledger says that nothing of it has changed.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from firewall.storage.sqlite import spend_days
from firewall.storage.sqlite.spend_days import ANY_DAY, GROUPS, Days, Sum

MOST_KEPT = 1_000
"""Groups of one day that are kept in mind; a day with more is added up at each look."""
MOST_DAYS = 100
Groups = Mapping[tuple[str, ...], Sum]
"""What each group of one kind cost, by the words that name it."""
Kinds = Mapping[str, Groups]


@dataclass(slots=True)
class DaySums:
    """Sums of one ledger; used from threads."""

    _kept: dict[int, tuple[int, Kinds]] = field(default_factory=dict)
    """Day to how often it had changed by then, and its sums."""
    _all: int = 0
    """How often every day may have changed."""
    _lock: Lock = field(default_factory=Lock)

    def of(self, connection: sqlite3.Connection, days: Days) -> dict[int, Kinds]:
        """Return the sums of each day that has a call; `connection` reads one state of the ledger."""
        newest, changes = spend_days.newest(connection), spend_days.changes(connection)
        with self._lock:
            if changes.get(ANY_DAY, 0) != self._all:
                self._kept.clear()
                self._all = changes.get(ANY_DAY, 0)
            for day in [day for day in self._kept if day >= newest]:
                del self._kept[day]
            found = {
                day: self._day(connection, day, changes.get(day, 0), is_over=day < newest)
                for day in range(days[0], min(days[1], newest) + 1)
            }
        return {day: kinds for day, kinds in found.items() if any(kinds.values())}

    def _day(self, connection: sqlite3.Connection, day: int, changed: int, *, is_over: bool) -> Kinds:
        at, kinds = self._kept.get(day, (-1, {}))
        if at == changed:
            return kinds
        kinds = {kind: spend_days.of_day(connection, kind, day) for kind in GROUPS}
        self._kept.pop(day, None)
        if is_over and sum(map(len, kinds.values())) <= MOST_KEPT:
            self._kept[day] = (changed, kinds)
            while len(self._kept) > MOST_DAYS:
                del self._kept[min(self._kept)]
        return kinds


def together(found: Iterable[Sum]) -> Sum:
    """Add sums up."""
    calls = cost = guessed = unpriced = 0
    for one in found:
        calls += one.calls
        cost += one.cost_micros
        guessed += one.guessed_micros
        unpriced += one.unpriced_calls
    return Sum(calls, cost, guessed, unpriced)


def dearest(days: Mapping[int, Kinds], kind: str) -> list[tuple[tuple[str, ...], Sum]]:
    """Return the groups of a kind, those that cost most first, each with the words that name it."""
    found: dict[tuple[str, ...], list[Sum]] = {}
    for kinds in days.values():
        for words, cost in kinds[kind].items():
            found.setdefault(words, []).append(cost)
    sums = [(words, together(each)) for words, each in found.items()]
    return sorted(sums, key=lambda one: (-one[1].cost_micros, -one[1].calls, one[0]))


def course(days: Mapping[int, Kinds], kind: str, words: tuple[str, ...]) -> dict[int, int]:
    """Return what a group cost day by day, in micro-USD; days without a call are missing."""
    return {day: kinds[kind][words].cost_micros for day, kinds in days.items() if words in kinds[kind]}
