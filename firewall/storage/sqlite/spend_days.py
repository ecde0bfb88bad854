"""What calls cost by day: sums that the ledger's own table keeps, so that nobody adds up a million lines to look.

INVARIANT: a row is the sum of the lines of `spend_calls` that it stands for, those of calls that asked a
provider. Triggers keep it so within the commit that writes a line, whoever writes it; what they
cannot follow, an update of a line in place, they refuse.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

DAY_US = 86_400_000_000
ANY_DAY = -1
"""Stands for every day."""
_WORDS = ("feature", "user_tier", "team", "provider", "model")
_SUMS = {
    "calls": "1",
    "cost": "coalesce({of}cost, 0)",
    "guessed": "CASE WHEN {of}state IN ('estimated', 'leaked') THEN coalesce({of}cost, 0) ELSE 0 END",
    "unpriced": "({of}state = 'unknown')",
    "input": "{of}input",
    "cached": "{of}cache_read",
    "output": "{of}output",
}
"""What one line adds to each sum; `of`: `new.`, `old.` or nothing."""
_COUNTED = "state NOT IN ('open', 'unasked')"
DAYS, RUNS = "spend_days", "spend_runs"
_TABLES = {DAYS: _WORDS, RUNS: ("owner", "principal", "token", "session", "provider", "model")}
"""Sums by what calls were for, and by whose they were."""
_READ = ", ".join(
    ("at", "state", "cost", "input", "cache_read", "output", *dict.fromkeys(sum(_TABLES.values(), ())))
)
"""Columns of a line that its sums are made of."""


def words_of(table: str) -> tuple[str, ...]:
    """Return the words by which a table of sums keeps them, besides the day."""
    return _TABLES[table]


def _table(table: str) -> str:
    """A row for each day (since 1970, UTC) and combination of words; amounts in micro-USD."""
    words = _TABLES[table]
    return f"""CREATE TABLE IF NOT EXISTS {table} (
  day INTEGER NOT NULL, {", ".join(f"{word} TEXT NOT NULL" for word in words)},
  {", ".join(f"{name} INTEGER NOT NULL" for name in _SUMS)},
  PRIMARY KEY (day, {", ".join(words)})
) STRICT, WITHOUT ROWID"""


def _more(table: str) -> str:
    words = ", ".join(f"new.{word}" for word in _TABLES[table])
    adds = ", ".join(add.format(of="new.") for add in _SUMS.values())
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
    return (
        f"INSERT INTO {table} VALUES (new.at / {DAY_US}, {words}, {adds}) "  # noqa: S608 - constants
        f"ON CONFLICT DO UPDATE SET {sums};"
    )


def _less(table: str) -> str:
    where = " AND ".join([f"day = old.at / {DAY_US}", *(f"{word} = old.{word}" for word in _TABLES[table])])
    sums = ", ".join(f"{name} = {name} - {add.format(of='old.')}" for name, add in _SUMS.items())
    return (
        f"UPDATE {table} SET {sums} WHERE {where}; "  # noqa: S608 - constants
        f"DELETE FROM {table} WHERE {where} AND calls = 0;"
    )


def _fill(table: str) -> str:
    sums = ", ".join(f"sum({add.format(of='')})" for add in _SUMS.values())
    keys = ", ".join((f"at / {DAY_US}", *_TABLES[table]))
    return f"INSERT INTO {table} SELECT {keys}, {sums} FROM spend_calls WHERE {_COUNTED} GROUP BY {keys}"  # noqa: S608 - constants


def lines_as_sums(table: str, more: str) -> str:
    """Return the query that makes a row of a table of each line, in the order of its columns; to be narrowed.

    `more`: columns of a line that stand behind those, separated by commas.
    """
    adds = ", ".join(f"{add.format(of='')} AS {name}" for name, add in _SUMS.items())
    keys = ", ".join((f"at / {DAY_US} AS day", *_TABLES[table]))
    return f"SELECT {keys}, {adds}{f', {more}' if more else ''} FROM spend_calls WHERE {_COUNTED}"  # noqa: S608 - constants


_ON = "CREATE TRIGGER IF NOT EXISTS {name} AFTER {verb} ON spend_calls WHEN {of}.{when} BEGIN {do} END"
_SAME = (
    f"CREATE TRIGGER IF NOT EXISTS spend_days_same BEFORE UPDATE OF {_READ} ON spend_calls"
    " BEGIN SELECT RAISE(ABORT, 'a line is replaced, never updated: spend_days counts it'); END"
)
_NOT_SAME = "DROP TRIGGER IF EXISTS spend_days_same"
"""Before sums of a new table are kept: the trigger of an earlier version knows fewer columns."""


def _following(table: str) -> tuple[str, str]:
    """Return what makes the triggers that keep a table."""
    return (
        _ON.format(name=f"{table}_more", verb="INSERT", of="new", when=_COUNTED, do=_more(table)),
        _ON.format(name=f"{table}_less", verb="DELETE", of="old", when=_COUNTED, do=_less(table)),
    )


_MARKS = """CREATE TABLE IF NOT EXISTS spend_day_changes (
  day INTEGER PRIMARY KEY, changes INTEGER NOT NULL
) STRICT"""
"""How often sums of a day were changed once a newer day had some: whoever keeps them in mind looks here first."""
_NEWER = "(SELECT max(day) FROM spend_days)"
_MARK = "INSERT INTO spend_day_changes VALUES ({day}, 1) ON CONFLICT DO UPDATE SET changes = changes + 1;"
_MARKING = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS spend_day_changed_{verb.lower()} AFTER {verb} ON spend_days"
        f" WHEN new.day < {_NEWER} BEGIN {_MARK.format(day='new.day')} END"
        for verb in ("INSERT", "UPDATE")
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS spend_day_changed_delete AFTER DELETE ON spend_days"
        f" WHEN old.day IS NOT {_NEWER} BEGIN"
        f" {_MARK.format(day=f'CASE WHEN old.day < {_NEWER} THEN old.day ELSE {ANY_DAY} END')} END"
    ),
)
"""The newest day, which every call changes, has no marks; where it goes away, every day may have changed."""
_WINDOWED = "CREATE INDEX IF NOT EXISTS spend_accounts_window ON spend_accounts (substr(key, -10))"
"""Accounts by the end of their key, which names the window; bookings do not touch it, as a key never changes."""


def create(connection: sqlite3.Connection) -> None:
    """Create what is missing, within the caller's transaction; sums of an older ledger are made from its lines."""
    for table in _TABLES:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        for statement in (_table(table), *_following(table)):
            connection.execute(statement)
        if known is None:
            connection.execute(_NOT_SAME)
            connection.execute(_fill(table))
    for statement in (_SAME, _MARKS, *_MARKING, _WINDOWED):
        connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Sum:
    """What some calls cost together."""

    calls: int = 0
    cost_micros: int = 0
    """Of those whose price is known."""
    guessed_micros: int = 0
    """The part of it that nobody counted: upper estimates and what was leaked."""
    unpriced_calls: int = 0


Days = tuple[int, int]
"""First and last day of a question, both of them in it, as days since 1970."""
GROUPS = {
    "feature": ("feature",),
    "user_tier": ("user_tier",),
    "team": ("team",),
    "model": ("provider", "model"),
}
"""What sums are grouped by, and the columns that name a group."""
_AMOUNTS = "sum(calls), sum(cost), sum(guessed), sum(unpriced)"


def newest(connection: sqlite3.Connection) -> int:
    """Return the last day with a call; -1: there is none."""
    (found,) = connection.execute("SELECT coalesce(max(day), -1) FROM spend_days").fetchone()
    return int(found)


def changes(connection: sqlite3.Connection) -> dict[int, int]:
    """Return how often days before the newest were changed; ANY_DAY: how often every day may have been."""
    return dict(connection.execute("SELECT day, changes FROM spend_day_changes").fetchall())


OF_DAY = {
    kind: f"SELECT {', '.join(words)}, {_AMOUNTS} FROM spend_days WHERE day = ? GROUP BY {', '.join(words)}"  # noqa: S608 - constants
    for kind, words in GROUPS.items()
}


def of_day(connection: sqlite3.Connection, kind: str, day: int) -> dict[tuple[str, ...], Sum]:
    """Return what each group of a kind cost on one day, by the words that name it."""
    size = len(GROUPS[kind])
    return {tuple(row[:size]): Sum(*row[size:]) for row in connection.execute(OF_DAY[kind], (day,))}


@dataclass(frozen=True, slots=True)
class Account:
    """What one account has spent and holds in its present window."""

    key: str
    spent_micros: int
    held_micros: int
    cap_micros: int
    """The cap of a token's own account; 0: it has none, or is no token's."""


def present(connection: sqlite3.Connection, windows: Sequence[str], most: int) -> list[Account]:
    """Return accounts whose key ends in one of `windows` (such as `day:2026-11-21`), those that moved last."""
    rows: list[Account] = []
    for ending in [f":{window}" for window in windows]:
        found = connection.execute(
            "SELECT a.key, a.spent, a.held, coalesce(CASE WHEN t.grant_json <> '' "
            "THEN json_extract(t.grant_json, '$.money_cap_micros') END, 0) FROM ("
            "SELECT key, spent, held, moved_at FROM spend_accounts "
            "WHERE substr(key, -10) = ? AND substr(key, ?) = ? ORDER BY moved_at DESC LIMIT ?) a "
            "LEFT JOIN tokens t ON a.key GLOB 'token:*:life:life' AND t.id = substr(a.key, 7, length(a.key) - 16) "
            "ORDER BY a.moved_at DESC",
            (ending[-10:], -len(ending), ending, most),
        )
        rows += [Account(*row) for row in found]
    return rows
