"""What the log says of circuits, attempts and loads of routes, kept in the index of runs to be found at once.

A part of the same file: numbers, times, and pseudonyms that the log shows unsealed. Attempts are counted by the
hour as they are taken in; what a drill did counts for nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from firewall.routing.reporting import CLOSED, LOADED, OPENED, Seen, Tried

ATTEMPTED = "model.attempted"
KINDS = frozenset({OPENED, CLOSED, LOADED, ATTEMPTED, "config.refused"})
TABLES = (
    """CREATE TABLE circuits (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, provider TEXT NOT NULL, candidate TEXT NOT NULL
) STRICT""",
    "CREATE INDEX circuits_at ON circuits (at, seq)",
    """CREATE TABLE attempts (
  request INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, provider TEXT NOT NULL,
  answered INTEGER NOT NULL, saved INTEGER NOT NULL, PRIMARY KEY (request, seq)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX attempts_at ON attempts (at, provider, answered, saved)",
    """CREATE TABLE attempt_hours (
  hour INTEGER NOT NULL, provider TEXT NOT NULL, failed INTEGER NOT NULL, answered INTEGER NOT NULL,
  saved INTEGER NOT NULL, PRIMARY KEY (hour, provider)
) STRICT, WITHOUT ROWID""",
    "CREATE TABLE loads (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT",
)
NAMES = ("circuits", "attempts", "attempt_hours", "loads")
MOST_MOVES = 10_000
"""Openings and closings of circuits that one report reads: the newest."""
MOST_BEFORE = 2_000
"""Of those before its time, to learn which circuits were open when it began."""
HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of KINDS."""

    seq: int
    at: int
    kind: str
    data: Mapping[str, object]


def note(connection: sqlite3.Connection, one: Event) -> None:
    """Take in an entry, within the caller's transaction; again changes nothing."""
    if one.kind == ATTEMPTED:
        _attempted(connection, one)
        return
    is_move = one.kind in (OPENED, CLOSED) or (one.kind == LOADED and "pid" in one.data)
    if is_move and not one.data.get("drilled"):
        connection.execute(
            "INSERT OR IGNORE INTO circuits VALUES (?, ?, ?, ?, ?)",
            (one.seq, one.at, one.kind, _text(one, "provider"), _text(one, "candidate")),
        )
    if one.kind not in (OPENED, CLOSED) and ("routes" in one.data or one.kind != LOADED):
        connection.execute("INSERT OR IGNORE INTO loads VALUES (?, ?)", (one.seq, one.at))


def _attempted(connection: sqlite3.Connection, one: Event) -> None:
    request = one.data.get("request")
    if one.data.get("drilled") or not isinstance(request, int):
        return
    answered = one.data.get("outcome") == "ok"
    done = connection.execute("SELECT 1 FROM attempts WHERE request = ? AND answered = 1", (request,)).fetchone()
    saved = answered and done is None
    provider = _text(one, "provider")
    new = connection.execute(
        "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?, ?)",
        (request, one.seq, one.at, provider, answered, saved),
    ).rowcount
    if new:
        connection.execute(
            "INSERT INTO attempt_hours VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " failed = failed + excluded.failed, answered = answered + excluded.answered,"
            " saved = saved + excluded.saved",
            (one.at // HOUR_US, provider, not answered, answered, saved),
        )


TRIED = (
    "SELECT provider, sum(failed), sum(answered), sum(saved) FROM ("
    "SELECT provider, failed, answered, saved FROM attempt_hours WHERE hour >= ?"
    " UNION ALL SELECT provider, 1 - answered, answered, saved FROM attempts WHERE at >= ? AND at < ?"
    ") GROUP BY provider"
)
MOVES = "SELECT at, kind, provider, candidate, seq FROM circuits WHERE at >= ? ORDER BY at DESC, seq DESC LIMIT ?"
BEFORE = "SELECT at, kind, provider, candidate FROM circuits WHERE at < ? ORDER BY at DESC, seq DESC LIMIT ?"
PAGE = "SELECT seq FROM loads WHERE seq < ? ORDER BY seq DESC LIMIT ?"


def tried(connection: sqlite3.Connection, since_us: int) -> list[Tried]:
    """Return what came of attempts since then, by provider: whole hours by their sums, the first by its rows."""
    whole = -(-since_us // HOUR_US)
    rows = connection.execute(TRIED, (whole, since_us, whole * HOUR_US)).fetchall()
    return [Tried(*row) for row in rows]


def moves(connection: sqlite3.Connection, since_us: int) -> tuple[list[Seen], int]:
    """Return what circuits did since then, oldest first, and since when that is all of it.

    What was open at the beginning stands first, as if it had opened then.
    """
    rows = connection.execute(MOVES, (since_us, MOST_MOVES)).fetchall()
    if len(rows) == MOST_MOVES:
        since_us = rows[-1][0]
    seen = [_seen(at, kind, provider, candidate) for at, kind, provider, candidate, _ in reversed(rows)]
    return [*_open(connection.execute(BEFORE, (since_us, MOST_BEFORE)), since_us), *seen], since_us


def _open(before: Iterable[Sequence[object]], since_us: int) -> list[Seen]:
    """Return the circuits that were open at a time, by what they did before it, the newest first."""
    last: dict[tuple[str, str], str] = {}
    for _, kind, provider, candidate in before:
        if kind == LOADED:  # a process began, and with it every circuit
            break
        last.setdefault((str(provider), str(candidate)), str(kind))
    return [_seen(since_us, kind, *names) for names, kind in last.items() if kind == OPENED]


def loads(connection: sqlite3.Connection, before: int, limit: int) -> list[int]:
    """Return the numbers of entries about loads of routes before an entry, newest first."""
    return [int(seq) for (seq,) in connection.execute(PAGE, (before, limit))]


def _seen(at: int, kind: str, provider: str, candidate: str) -> Seen:
    data: dict[str, object] = {"pid": 1} if kind == LOADED else {"provider": provider, "candidate": candidate}
    return Seen(at, kind, data)


def _text(one: Event, name: str) -> str:
    return str(one.data.get(name, ""))
