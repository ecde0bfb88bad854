"""The index's own file: what is unsealed in the log anyway as columns, words as sealed blocks.

It lies beside the log and is made from it. Whatever does not fit the log (another log, an older one put back,
another key, another version) is thrown away and made again; nothing is ever believed that the log does not say.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firewall.console.explorer.blocks import WIDTH
from firewall.console.explorer.seen import Seen
from firewall.core.effect import Effect
from firewall.core.errors import StoreError

VERSION = 2
BUSY_MS = 2_000
EFFECTS = {effect.value: 1 << at for at, effect in enumerate(Effect)}
COLUMNS = ("kind", "actor", "subject", "approval", "environment", "verdict")
"""Columns that hold the number of a name."""
_TABLES = (
    """CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, log TEXT NOT NULL, key TEXT NOT NULL
) STRICT""",
    """CREATE TABLE names (
  id INTEGER PRIMARY KEY, what TEXT NOT NULL, name TEXT NOT NULL, entries INTEGER NOT NULL, UNIQUE (what, name)
) STRICT""",
    """CREATE TABLE facts (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL, actor INTEGER NOT NULL,
  subject INTEGER NOT NULL, approval INTEGER NOT NULL, environment INTEGER NOT NULL, verdict INTEGER NOT NULL,
  effects INTEGER NOT NULL
) STRICT""",
    """CREATE TABLE blocks (
  number INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL, leaf TEXT NOT NULL,
  marks BLOB NOT NULL, entries BLOB NOT NULL
) STRICT""",
    *(f"CREATE INDEX facts_{column} ON facts ({column})" for column in COLUMNS),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block, ready to be kept."""

    number: int
    seen: Sequence[Seen]
    marks: bytes
    """Sealed."""
    entries: bytes
    """Sealed."""


class Index:
    """The file, open for one reader or for the one who writes it; `close` it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @classmethod
    def reading(cls, path: Path) -> "Index | None":
        """Open it to read; None where there is none, or it is of another version. Raises: StoreError."""
        if not path.is_file():
            return None
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            found = connection.execute("SELECT version FROM meta").fetchone()
        except sqlite3.OperationalError:  # being made just now
            return None
        except sqlite3.Error as error:
            raise StoreError("the index of the log cannot be read", detail=str(error)) from error
        if found is None or found[0] != VERSION:
            connection.close()
            return None
        return cls(connection)

    @classmethod
    def writing(cls, path: Path, *, log: str, key: str) -> "Index":
        """Open it to write, made anew where what is there is of another log, key or version.

        `log`: hex of the leaf of the log's first entry; `key`: the id of the key that seals blocks.
        Raises: sqlite3.Error.
        """
        index = cls._opened(path)
        try:
            found = index.connection.execute("SELECT version, log, key FROM meta").fetchone()
        except sqlite3.Error:
            found = None
        if found == (VERSION, log, key):
            return index
        index.close()
        remove(path)
        index = cls._opened(path)
        index.connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            index.connection.execute(statement)
        index.connection.execute("INSERT INTO meta VALUES (1, ?, ?, ?)", (VERSION, log, key))
        index.connection.execute("COMMIT")
        return index

    @classmethod
    def _opened(cls, path: Path) -> "Index":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        with suppress(sqlite3.DatabaseError):  # no database: the caller makes it anew
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        return cls(connection)

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @property
    def size(self) -> int:
        """How many entries are in it: all of the log below that number."""
        (found,) = self.connection.execute("SELECT coalesce(max(number), -1) + 1 FROM blocks").fetchone()
        return int(found) * WIDTH

    def last_leaf(self) -> str:
        """Return hex of the leaf of the last entry in it, empty for none."""
        found = self.connection.execute("SELECT leaf FROM blocks ORDER BY number DESC LIMIT 1").fetchone()
        return str(found[0]) if found else ""

    def keep(self, block: Block) -> None:
        """Keep the next block in one commit. Raises: sqlite3.Error, also where somebody else kept it."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            at = [seen.at for seen in block.seen]
            connection.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)",
                (block.number, min(at), max(at), block.seen[-1].leaf, block.marks, block.entries),
            )
            ids = {column: self._ids(column, names) for column, names in _names(block.seen).items()}
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [_row(seen, ids) for seen in block.seen]
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def named(self, what: str, names: Iterable[str]) -> tuple[list[int], int]:
        """Return the numbers of names of one column that occur, and how many entries have one of them."""
        ids, entries = [], 0
        for name in names:
            found = self.connection.execute(
                "SELECT id, entries FROM names WHERE what = ? AND name = ?", (what, name)
            ).fetchone()
            if found is not None:
                ids.append(int(found[0]))
                entries += int(found[1])
        return ids, entries

    def listed(self, what: str) -> list[str]:
        """Return every name of one column, the most frequent first."""
        query = "SELECT name FROM names WHERE what = ? ORDER BY entries DESC, name"
        return [str(name) for (name,) in self.connection.execute(query, (what,))]

    def span(self, since: int, until: int) -> tuple[int, int]:
        """Return the numbers of the first block and of the one behind the last with entries of a time.

        Clocks go back, so a block in between may have none; 0: no border.
        """
        query = "SELECT min(number), max(number) FROM blocks WHERE latest >= ? AND earliest < ?"
        first, last = self.connection.execute(query, (since, until or 1 << 62)).fetchone()
        return (0, 0) if first is None else (int(first), int(last) + 1)

    def marks(self, number: int) -> bytes:
        """Return the sealed first part of a block."""
        found = self.connection.execute("SELECT marks FROM blocks WHERE number = ?", (number,)).fetchone()
        return bytes(found[0]) if found else b""

    def entries(self, number: int) -> bytes:
        """Return the sealed second part of a block."""
        found = self.connection.execute("SELECT entries FROM blocks WHERE number = ?", (number,)).fetchone()
        return bytes(found[0]) if found else b""

    def _ids(self, what: str, counts: dict[str, int]) -> dict[str, int]:
        found = {"": 0}
        for name, count in counts.items():
            (found[name],) = self.connection.execute(
                "INSERT INTO names (what, name, entries) VALUES (?, ?, ?)"
                " ON CONFLICT (what, name) DO UPDATE SET entries = entries + excluded.entries RETURNING id",
                (what, name, count),
            ).fetchone()
        return found


def remove(path: Path) -> None:
    """Remove the file with what SQLite keeps beside it: a journal that stayed would be played into the next."""
    for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            name.unlink()


def _cells(seen: Seen) -> tuple[str, ...]:
    return seen.kind, seen.principal, seen.subject, seen.approval, seen.environment, seen.verdict


def _names(entries: Sequence[Seen]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {column: {} for column in COLUMNS}
    for seen in entries:
        for column, name in zip(COLUMNS, _cells(seen), strict=True):
            if name:
                found[column][name] = found[column].get(name, 0) + 1
    return found


def _row(seen: Seen, ids: dict[str, dict[str, int]]) -> tuple[int, ...]:
    numbers = (ids[column][name] for column, name in zip(COLUMNS, _cells(seen), strict=True))
    return seen.seq, seen.at, *numbers, sum(EFFECTS.get(effect, 0) for effect in set(seen.effects))
