"""How often each row decided, counted behind the log: each stretch of it is read once, newest first, then kept.

The log is the truth and this is a memory of it, made anew after each start. A stretch is one query over a bounded
number of entries, most of whose work SQLite does outside of Python's lock; no body is opened.
"""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from firewall.core.errors import StoreError
from firewall.storage.sqlite.schema import open_reader

STRETCH = 2_000
"""Entries that one query reads."""
AT_ONCE = 2
"""Stretches that one look reads; what is missing then, the next look goes on with."""
DAY_US = 86_400_000_000
_COUNT = """SELECT at / 86400000000, json_extract(d, '$.policy'), json_extract(d, '$.row'),
  json_extract(d, '$.verdict'), count(*)
FROM (SELECT at, approval, json_extract(CAST(body AS TEXT), '$.data') AS d FROM audit_entries
  WHERE seq BETWEEN ? AND ? AND kind = 'tool.judged')
WHERE approval = '' OR json_extract(d, '$.own')
GROUP BY 1, 2, 3, 4"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of some days."""

    by_row: dict[str, int]
    """Row (`policy.csv:12`; empty: none) to calls that it decided, under the policy that was asked about."""
    calls: int
    """Calls under that policy."""
    earlier: int
    """Calls of these days under other policies, whose rows stood elsewhere."""
    back_to_us: int
    """How far back the log was read; 0: to the first of these days, or to its beginning."""


@dataclass(slots=True)
class RowTally:
    """Counts of one log; used from threads, one look at a time."""

    path: Path
    days: int = 90
    """How far back it ever counts."""
    _counts: Counter[tuple[int, str, str, str]] = field(default_factory=Counter)
    """(day, policy, row, verdict) to calls."""
    _low: int = -1
    """The first entry that was counted; -1: none was."""
    _high: int = -1
    """The last one."""
    _low_us: int = 0
    _lock: Lock = field(default_factory=Lock)

    def look(self, policy: str, first_day: int, now_us: int) -> Counted:
        """Read on, a bounded stretch, and return the counts since a day.

        Raises: StoreError when the log cannot be read.
        """
        with self._lock:
            try:
                connection = open_reader(self.path)
                try:
                    is_up_to_date = self._read_on(connection, now_us)
                finally:
                    connection.close()
            except sqlite3.Error as error:
                raise StoreError("the log cannot be read", detail=str(error)) from error
            is_enough = is_up_to_date and (self._low <= 0 or self._low_us < first_day * DAY_US)
            return self._counted(policy, first_day, is_enough=is_enough)

    def _read_on(self, connection: sqlite3.Connection, now_us: int) -> bool:
        """Read what is new, then further back; returns whether nothing newer is left."""
        last = connection.execute("SELECT coalesce(max(seq), -1) FROM audit_entries").fetchone()[0]
        since_us = (now_us // DAY_US - self.days + 1) * DAY_US
        if self._low < 0:
            self._low, self._high = last + 1, last
            self._low_us = now_us
        left = AT_ONCE
        while self._high < last and left:
            until = min(last, self._high + STRETCH)
            self._add(connection, self._high + 1, until)
            self._high, left = until, left - 1
        while self._low > 0 and self._low_us >= since_us and left:
            start = max(0, self._low - STRETCH)
            self._add(connection, start, self._low - 1)
            self._low, left = start, left - 1
            self._low_us = connection.execute("SELECT at FROM audit_entries WHERE seq = ?", (start,)).fetchone()[0]
        self._forget(since_us // DAY_US)
        return bool(self._high == last)

    def _add(self, connection: sqlite3.Connection, start: int, until: int) -> None:
        for day, policy, row, verdict, count in connection.execute(_COUNT, (start, until)):
            self._counts[day, str(policy or ""), str(row or ""), str(verdict or "")] += count

    def _forget(self, before: int) -> None:
        for key in [key for key in self._counts if key[0] < before]:
            del self._counts[key]

    def _counted(self, policy: str, first_day: int, *, is_enough: bool) -> Counted:
        by_row: Counter[str] = Counter()
        earlier = 0
        for (day, of, row, _), count in self._counts.items():
            if day >= first_day:
                if of == policy:
                    by_row[row] += count
                else:
                    earlier += count
        return Counted(dict(by_row), sum(by_row.values()), earlier, 0 if is_enough else self._low_us)
