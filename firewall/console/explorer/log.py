"""Reading entries of the log for searching: columns, body, and what is sealed opened as far as keys are there."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from audit import AuditError
from audit.rows import Row
from audit.seal import Keystore, identity
from firewall.console.explorer.seen import Seen
from firewall.core.errors import StoreError
from firewall.storage.sqlite.schema import open_reader

_ROW = "SELECT seq, at, kind, principal, approval, leaf, body, sealed FROM audit_entries"


class Log:
    """The log, open to read; `close` it. Its rows are believed: whoever doubts them runs the verifier."""

    def __init__(self, path: Path, keystore: Keystore) -> None:
        """Open it. Raises: StoreError."""
        self._connection = open_reader(path)
        self._keystore = keystore

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @property
    def size(self) -> int:
        """How many entries there are."""
        (found,) = self._connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM audit_entries").fetchone()
        return int(found)

    def leaf(self, seq: int) -> str:
        """Return hex of the leaf of an entry, empty for none."""
        found = self._connection.execute("SELECT leaf FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
        return found[0].hex() if found else ""

    def between(self, first: int, end: int, *, newest_first: bool = False) -> Iterator[Seen]:
        """Yield the entries of a range. Raises: StoreError for one that cannot be read; sqlite3.Error."""
        order = "DESC" if newest_first else "ASC"
        query = f"{_ROW} WHERE seq >= ? AND seq < ? ORDER BY seq {order}"
        for row in self._connection.execute(query, (first, end)):
            yield self._seen(Row(*row))

    def one(self, seq: int) -> Seen | None:
        """Return one entry. Raises: StoreError for one that cannot be read; sqlite3.Error."""
        row = self._connection.execute(f"{_ROW} WHERE seq = ?", (seq,)).fetchone()
        return self._seen(Row(*row)) if row else None

    def _seen(self, row: Row) -> Seen:
        try:
            body = orjson.loads(row.body)
            subject = str(body["sealed"]["key"]) if "sealed" in body else ""
            private = self._opened(row, subject) if row.sealed is not None else None
            data = body["data"]
        except (orjson.JSONDecodeError, KeyError, TypeError, AuditError) as error:
            raise StoreError(f"entry {row.seq} cannot be read", detail=str(error)) from error
        return Seen(
            seq=row.seq,
            at=row.at,
            kind=row.kind,
            principal=row.principal,
            approval=row.approval,
            subject=subject,
            data=data,
            private=private,
            leaf=row.leaf.hex(),
            body=row.body,
            weight=len(row.body) + len(row.sealed or b""),
        )

    def _opened(self, row: Row, subject: str) -> Mapping[str, object] | None:
        key = self._keystore.find(subject)
        if key is None or row.sealed is None:
            return None
        bound = identity(row.kind, row.at, principal=row.principal, approval=row.approval, subject=subject)
        found = orjson.loads(key.open(bound, row.sealed))
        return found if isinstance(found, dict) else {"value": found}


def unreadable(error: sqlite3.Error) -> StoreError:
    """Return the error of a log or index that cannot be read."""
    return StoreError("the log cannot be read", detail=str(error))
