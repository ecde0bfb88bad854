"""Which entries of the log belong to which run of an agent, or tell of routes: a file made from the log alone.

A run is everything that was done with one token. The file holds numbers, times and ids that the log shows
unsealed; whoever removes it removes nothing, it is made again. Nothing is proven or decided with it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firewall.console.runs import fares
from firewall.console.runs.fares import Event
from firewall.core.errors import StoreError
from firewall.routing.reporting import Seen, Tried

VERSION = 4
_TABLES = (
    "CREATE TABLE about (one INTEGER PRIMARY KEY, upto INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT",
    """CREATE TABLE runs (
  no INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, began_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL, models INTEGER NOT NULL, tools INTEGER NOT NULL, asked INTEGER NOT NULL,
  denied INTEGER NOT NULL, cost_micros INTEGER NOT NULL
) STRICT""",
    "CREATE INDEX runs_lately ON runs (last_at DESC, no DESC) WHERE models + tools > 0",
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY, run INTEGER NOT NULL) STRICT",
    "CREATE INDEX entries_of ON entries (run, seq)",
    *fares.TABLES,
)
_NAMES = ("entries", "runs", "about", *fares.NAMES)
_RUN = "no, token, principal, began_at, last_at, models, tools, asked, denied, cost_micros"


@dataclass(frozen=True, slots=True)
class Run:
    """One run; times are unix microseconds."""

    no: int
    token: str
    principal: str
    began_at: int
    last_at: int
    models: int
    """Model calls."""
    tools: int
    """Tool calls that were judged."""
    asked: int
    """Of these, those that people were asked about."""
    denied: int
    cost_micros: int
    """What its model calls cost, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Noted:
    """One entry of a run, counted."""

    seq: int
    at: int
    token: str
    principal: str
    is_model: bool = False
    verdict: str = ""
    """Of a judged tool call; empty for all others."""
    is_asked: bool = False
    """It is about an approval: people had been asked before it."""
    is_again: bool = False
    """The call was judged, and counted, when people were asked about it."""
    cost_micros: int = 0


class RunIndex:
    """The file, opened by whoever writes it, or by those who read it."""

    def __init__(self, path: Path, *, is_writer: bool = False) -> None:
        """Open it; a writer makes what is missing, and anew what is broken. Raises: StoreError."""
        try:
            self._open(path, is_writer=is_writer)
        except sqlite3.Error as error:
            if not is_writer:
                raise _unreadable(error) from error
            self._connection.close()
            try:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                self._open(path, is_writer=True)
            except (sqlite3.Error, OSError) as worse:
                raise StoreError("the index of sessions cannot be made", detail=str(worse)) from worse

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def upto(self) -> tuple[int, bytes]:
        """Return how many entries of the log were read, and the leaf of the last. Raises: StoreError."""
        row = self._one("SELECT upto, leaf FROM about", ())
        return (row[0], row[1]) if row else (0, b"")

    def clear(self) -> None:
        """Forget everything: the log is another one. Raises: StoreError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in _NAMES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _unreadable(error) from error

    def keep(self, noted: Iterable[Noted], upto: int, leaf: bytes, events: Iterable[Event] = ()) -> None:
        """Take in entries of runs and of routes, all of those before `upto`, in one commit. Raises: StoreError."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for one in noted:
                self._keep(one)
            for event in events:
                fares.note(connection, event)
            connection.execute("INSERT OR REPLACE INTO about (one, upto, leaf) VALUES (1, ?, ?)", (upto, leaf))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise _unreadable(error) from error

    def token_of(self, seq: int) -> str:
        """Return the token of an entry's run; empty: it belongs to none. Raises: StoreError."""
        row = self._one("SELECT token FROM entries JOIN runs ON no = run WHERE seq = ?", (seq,))
        return str(row[0]) if row else ""

    def latest(self, limit: int, before: tuple[int, int] | None = None) -> Sequence[Run]:
        """Return runs, the one used last first; `before`: only those behind (last_at, no). Raises: StoreError."""
        behind = "" if before is None else " AND (last_at, no) < (?, ?)"
        rows = self._all(
            f"SELECT {_RUN} FROM runs WHERE models + tools > 0{behind}"  # noqa: S608 - constants
            " ORDER BY last_at DESC, no DESC LIMIT ?",
            (*(before or ()), limit),
        )
        return [Run(*row) for row in rows]

    def run(self, token: str) -> Run | None:
        """Return a token's run. Raises: StoreError."""
        row = self._one(f"SELECT {_RUN} FROM runs WHERE token = ?", (token,))  # noqa: S608 - constant
        return Run(*row) if row else None

    def entries(self, run: int, limit: int, before: int) -> Sequence[int]:
        """Return the last entries of a run before an entry, in the log's order. Raises: StoreError."""
        rows = self._all(
            "SELECT seq FROM entries WHERE run = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (run, before, limit)
        )
        return [int(row[0]) for row in reversed(rows)]

    def fared(self, since_us: int) -> tuple[list[Seen], list[Tried], int]:
        """Return what circuits did and what came of attempts since then, and since when that is all.

        Raises: StoreError.
        """
        try:
            seen, since_us = fares.moves(self._connection, since_us)
            return seen, fares.tried(self._connection, since_us), since_us
        except sqlite3.Error as error:
            raise _unreadable(error) from error

    def loads(self, before: int, limit: int) -> Sequence[int]:
        """Return entries about loads of routes before an entry, newest first. Raises: StoreError."""
        try:
            return fares.loads(self._connection, before, limit)
        except sqlite3.Error as error:
            raise _unreadable(error) from error

    def _keep(self, one: Noted) -> None:
        (run,) = self._connection.execute(
            "INSERT INTO runs (token, principal, began_at, last_at, models, tools, asked, denied, cost_micros)"
            " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (token) DO UPDATE SET"
            " principal = CASE principal WHEN '' THEN excluded.principal ELSE principal END,"
            " last_at = max(last_at, excluded.last_at), models = models + excluded.models,"
            " tools = tools + excluded.tools, asked = asked + excluded.asked, denied = denied + excluded.denied,"
            " cost_micros = cost_micros + excluded.cost_micros RETURNING no",
            (
                one.token, one.principal, one.at, one.at, one.is_model, bool(one.verdict) and not one.is_again,
                one.verdict == "ask" and not one.is_asked, one.verdict == "deny", one.cost_micros,
            ),
        ).fetchone()  # fmt: skip
        self._connection.execute("INSERT OR IGNORE INTO entries (seq, run) VALUES (?, ?)", (one.seq, run))

    def _open(self, path: Path, *, is_writer: bool) -> None:
        if is_writer:
            with suppress(OSError):  # SQLite says what is wrong
                path.touch(0o600)
                path.chmod(0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA busy_timeout=2000")
        if is_writer:
            self._prepare()
        else:
            self._connection.execute("PRAGMA query_only=ON")

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        if version == VERSION:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        for table in _NAMES:
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _TABLES:
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version={VERSION}")
        self._connection.execute("COMMIT")

    def _one(self, query: str, values: Sequence[object]) -> tuple[Any, ...] | None:
        found = self._all(query, values)
        return found[0] if found else None

    def _all(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(error) from error


def _unreadable(error: sqlite3.Error) -> StoreError:
    return StoreError("the index of sessions cannot be read", detail=str(error))
