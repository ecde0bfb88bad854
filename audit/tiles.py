"""Reading the tree of a stored log: subtree hashes, old roots and proofs, in a handful of small queries.

`audit_entries.leaf` is level 0; `audit_nodes` keeps every 8th level above it (C2SP tlog-tiles' heights), so any
perfect subtree is a fold over at most 128 stored hashes. Nothing here is trusted: a wrong stored hash leads to a
root that no signed checkpoint has.
"""

import sqlite3

from audit import tree
from audit.errors import AuditError


class Tiles:
    """The stored subtree hashes of one log, read through one connection."""

    __slots__ = ("_conn",)

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn

    def perfect(self, level: int, index: int) -> bytes:
        """Return the hash of the perfect subtree over leaves [index << level, (index + 1) << level).

        Raises: AuditError when a stored hash is missing.
        """
        stored, above = divmod(level, tree.TILE_HEIGHT)
        first, count = index << above, 1 << above
        if stored == 0:
            rows = self._conn.execute(
                "SELECT leaf FROM audit_entries WHERE seq >= ? AND seq < ? ORDER BY seq", (first, first + count)
            )
        else:
            rows = self._conn.execute(
                "SELECT hash FROM audit_nodes WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx",
                (stored, first, first + count),
            )
        hashes: list[bytes] = [row[0] for row in rows]
        if len(hashes) != count:
            raise AuditError(f"the log's tree has a hole at level {level}, index {index}")
        while len(hashes) > 1:
            pairs = zip(hashes[::2], hashes[1::2], strict=True)
            hashes = [tree.node_hash(left, right) for left, right in pairs]
        return hashes[0]

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries.

        Raises: AuditError when the log is shorter or has a hole.
        """
        return tree.root_at(size, self.perfect)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of entry `index` in the tree of `size`.

        Raises: AuditError when the log is shorter or has a hole.
        """
        return tree.inclusion_proof(index, size, self.perfect)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `old` is a prefix of the tree of `new`.

        Raises: AuditError when the log is shorter or has a hole.
        """
        return tree.consistency_proof(old, new, self.perfect)
