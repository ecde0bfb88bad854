"""Appending to a log in SQLite, inside the caller's transaction.

Nothing here begins, commits or rolls back: the sequencer's unit of work does, so that an effect's record and the
effect's own rows are one commit. The caller tells us how it went with `committed` or `rolled_back`.

INVARIANT: the frontier in memory is the frontier of what is committed plus what this transaction appended.
INVARIANT: a note leaves this module only for entries inserted before it in the same transaction or an earlier one.
FAIL-CLOSED: after any error in `append` or `checkpoint` the log refuses everything until `rolled_back`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from audit import entry, schema, tree
from audit.checkpoint import Checkpoint, SigningKey, VerifierKey, verify_note
from audit.entry import Draft
from audit.errors import READ_ERRORS, WRONG_TYPES, AuditError
from audit.rows import Row, check_row
from audit.tiles import Tiles

TAIL = 1024
"""How many of the last entries `open_log` hashes again."""
_LAST_OF_TILE = tree.TILE_WIDTH - 1

_Stored: TypeAlias = tuple[int, int, str, str, str, bytearray, bytearray, bytearray | int]
_Node: TypeAlias = tuple[int, int, bytes]
_INSERT = (
    "INSERT INTO audit_entries (seq, at, kind, principal, approval, leaf, body, sealed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0))"
)
"""sqlite3 looks for adapters of None and of bytes, and writes an error for each that it does not find: what is not
sealed is given as a number, which no blob is equal to."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """What appended drafts became; worth nothing before the commit."""

    first_seq: int
    leaves: tuple[bytes, ...]

    @property
    def seqs(self) -> range:
        """The entry numbers, in the order of the drafts."""
        return range(self.first_seq, self.first_seq + len(self.leaves))


class Log:
    """The growing end of one log, bound to one connection. Made by `open_log`."""

    __slots__ = (
        "_committed",
        "_conn",
        "_cursor",
        "_failed",
        "_frontier",
        "_head",
        "_key",
        "_origin",
        "_pending_head",
    )

    def __init__(
        self, conn: sqlite3.Connection, key: SigningKey, *, origin: str, mark: tree.Mark, head: bytes | None
    ) -> None:
        self._conn = conn
        self._cursor = conn.cursor()
        self._key = key
        self._origin = origin
        self._frontier = tree.Frontier(mark)
        self._committed = mark
        self._head = head
        self._pending_head = head
        self._failed = False

    @property
    def size(self) -> int:
        """How many entries there are, those of the running transaction included."""
        return self._frontier.size

    @property
    def head(self) -> bytes | None:
        """The newest committed checkpoint note: what a witness may be given. None for a log without one."""
        return self._head

    def append(self, drafts: Sequence[Draft]) -> Receipts:
        """Number, encode, hash and insert the drafts inside the caller's transaction.

        Raises: AuditError when a draft leaves the model, no transaction is open, the store refuses, or an earlier
        error has not been rolled back.
        """
        self._ready()
        frontier = self._frontier
        first = frontier.size
        start = frontier.mark()
        try:
            rows, nodes, leaves = self._build(drafts)
            self._cursor.executemany(_INSERT, rows)
            if nodes:
                self._conn.executemany("INSERT INTO audit_nodes (level, idx, hash) VALUES (?, ?, ?)", nodes)
        except AuditError:  # a draft was refused before anything was inserted: the transaction is untouched
            frontier.restore(start)
            raise
        except sqlite3.Error as error:
            self._failed = True
            raise AuditError(f"the log cannot take entries: {error}") from error
        return Receipts(first, leaves)

    def checkpoint(self) -> bytes:
        """Sign the tree as it is now and insert the note; call it once, last in each commit.

        A head that is signed already is returned again and nothing is inserted.

        Raises: AuditError as `append`.
        """
        self._ready()
        size = self._frontier.size
        if self._pending_head is not None and _size_of(self._pending_head) == size:
            return self._pending_head
        note = self._key.sign(Checkpoint(self._origin, size, self._frontier.root()))
        try:
            self._cursor.execute(
                "INSERT INTO audit_checkpoints (size, note) VALUES (?, ?)", (size, bytearray(note))
            )
        except sqlite3.Error as error:
            self._failed = True
            raise AuditError(f"the log cannot take a checkpoint: {error}") from error
        self._pending_head = note
        return note

    def mark(self) -> tree.Mark:
        """Return the present state, to go back to when the caller rolls back to a SAVEPOINT taken now."""
        return self._frontier.mark()

    def back_to(self, mark: tree.Mark) -> None:
        """Forget what was appended since `mark`; the caller has rolled back to the SAVEPOINT taken with it.

        Raises: AuditError when a checkpoint was written since, or rows of the undone part are still there.
        """
        if self._pending_head is not None and _size_of(self._pending_head) > mark.size:
            raise AuditError("a checkpoint was written since that mark: roll back the whole transaction")
        self._frontier.restore(mark)
        self._failed = self._stored_size() != mark.size
        if self._failed:
            raise AuditError("the savepoint was not rolled back: roll back the whole transaction")

    def committed(self) -> None:
        """Say that COMMIT succeeded: what was appended is now the past."""
        self._ready(inside=False)
        self._committed = self._frontier.mark()
        self._head = self._pending_head

    def rolled_back(self) -> None:
        """Say that the transaction ended without effect (ROLLBACK, or a COMMIT that failed and was rolled back).

        Raises: AuditError when the stored log is not the one that was last committed; it must then be reopened.
        """
        self._frontier.restore(self._committed)
        self._pending_head = self._head
        self._failed = True
        if self._conn.in_transaction:
            raise AuditError("the transaction is still open: roll it back first")
        if self._stored_size() != self._committed.size:
            raise AuditError("the stored log is not the one last committed: reopen it")
        self._failed = False

    def _ready(self, *, inside: bool = True) -> None:
        if self._failed:
            raise AuditError("an earlier write failed and was not rolled back")
        if inside and not self._conn.in_transaction:
            raise AuditError("the log is appended to inside a transaction only")

    def _stored_size(self) -> int:
        return stored_size(self._conn)

    def _build(self, drafts: Sequence[Draft]) -> tuple[list[_Stored], list[_Node], tuple[bytes, ...]]:
        """Return the rows of entries, those of subtrees that they complete, and the leaves."""
        frontier = self._frontier
        seq, encode, leaf_hash = frontier.size, entry.encode, tree.leaf_hash
        rows: list[_Stored] = []  # a generic alias that is called writes an error that nobody reads
        nodes: list[_Node] = []
        leaves: list[bytes] = []
        for draft in drafts:
            body = encode(draft, seq)
            leaf = leaf_hash(body)
            if seq & _LAST_OF_TILE == _LAST_OF_TILE:
                nodes += frontier.closing(leaf)
            frontier.append(leaf)
            leaves.append(leaf)
            sealed = 0 if draft.sealed is None else bytearray(draft.sealed)
            kind, blob = draft.kind._value_, bytearray(leaf)
            rows.append((seq, draft.at, kind, draft.principal, draft.approval, blob, bytearray(body), sealed))
            seq += 1
        return rows, nodes, tuple(leaves)


def stored_size(conn: sqlite3.Connection) -> int:
    """Return how many entries the file has (0 for none).

    Raises: AuditError when it cannot be read.
    """
    try:
        row = conn.execute("SELECT coalesce(max(seq), -1) + 1 FROM audit_entries").fetchone()
    except READ_ERRORS as error:
        raise AuditError(f"cannot read the log: {error}") from error
    return int(row[0])


def open_log(
    conn: sqlite3.Connection,
    key: SigningKey,
    *,
    origin: str,
    heads: Sequence[Checkpoint] = (),
    former: Sequence[VerifierKey] = (),
) -> Log:
    """Take up the log at its end; the tables must exist (`schema.create`).

    The frontier is rebuilt from stored subtree hashes and must have the root that the newest checkpoint signed;
    the last TAIL entries are hashed again and compared with their columns; every witnessed head must be ours.

    `heads`: what witnesses have seen (verified already, `witness.read_heads`); `former`: older keys of this log.

    Raises: AuditError when the log must not be extended: a changed or missing tail, entries after the newest
    checkpoint, a foreign signature, a log shorter than a witnessed head or with another root there.
    """
    try:
        with _snapshot(conn):
            return _open(conn, key, origin=origin, heads=heads, keys=(key.verifier, *former))
    except (*READ_ERRORS, *WRONG_TYPES) as error:
        raise AuditError(f"cannot read the log: {error}") from error


@contextmanager
def _snapshot(conn: sqlite3.Connection) -> Iterator[None]:
    """Read one state of the log, whoever appends meanwhile."""
    if conn.in_transaction:
        yield
        return
    conn.execute("BEGIN")
    try:
        yield
    finally:
        conn.execute("ROLLBACK")


def _open(
    conn: sqlite3.Connection,
    key: SigningKey,
    *,
    origin: str,
    heads: Sequence[Checkpoint],
    keys: Sequence[VerifierKey],
) -> Log:
    wrong = schema.drift(conn)
    if wrong:
        raise AuditError(f"the log's schema is not ours: {wrong[0]}")
    size = stored_size(conn)
    note = _newest_note(conn, size)
    tiles = Tiles(conn)
    mark = tree.peaks(size, tiles.perfect)
    if note is not None:
        signed = verify_note(note, keys, alone=True)
        if (signed.origin, signed.size, signed.root) != (origin, size, tree.Frontier(mark).root()):
            raise AuditError(f"the newest checkpoint does not fit the {size} entries that are stored")
    _check_tail(conn, size, tiles)
    for head in heads:
        _check_head(head, origin, size=size, tiles=tiles)
    return Log(conn, key, origin=origin, mark=mark, head=note)


def _newest_note(conn: sqlite3.Connection, size: int) -> bytes | None:
    row = conn.execute("SELECT size, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if row is None:
        if size:
            raise AuditError(f"the log has {size} entries and no checkpoint")
        return None
    if row[0] != size:
        raise AuditError(f"the log has {size} entries and its newest checkpoint covers {row[0]}")
    return bytes(row[1])


def _check_tail(conn: sqlite3.Connection, size: int, tiles: Tiles) -> None:
    """Hash the last entries again, whole stored subtrees of them, and compare everything that is derived."""
    start = max(0, size - TAIL) // tree.TILE_WIDTH * tree.TILE_WIDTH
    leaves: list[bytes] = []
    for row in conn.execute(
        "SELECT seq, at, kind, principal, approval, leaf, body, sealed FROM audit_entries"
        " WHERE seq >= ? ORDER BY seq",
        (start,),
    ):
        found = check_row(Row(*row), start + len(leaves))
        if found:
            raise AuditError(f"entry {start + len(leaves)}: {found}")
        leaves.append(row[5])
    for offset in range(0, len(leaves) - tree.TILE_WIDTH + 1, tree.TILE_WIDTH):
        stored = tiles.perfect(tree.TILE_HEIGHT, (start + offset) // tree.TILE_WIDTH)
        if tree.root_of(leaves[offset : offset + tree.TILE_WIDTH]) != stored:
            raise AuditError(
                f"entries {start + offset} to {start + offset + _LAST_OF_TILE}: the stored subtree hash is wrong"
            )


def _check_head(head: Checkpoint, origin: str, *, size: int, tiles: Tiles) -> None:
    if head.origin != origin:
        raise AuditError(f"a witness watches `{head.origin}`, and this log is `{origin}`")
    if head.size > size:
        raise AuditError(
            f"a witness has seen {head.size} entries, and the log has only {size}: it was cut or replaced"
        )
    if tiles.root_at(head.size) != head.root:
        raise AuditError(f"a witness has seen other entries below {head.size}: the log was rewritten")


def _size_of(note: bytes) -> int:
    return int(note.split(b"\n", 2)[1])
