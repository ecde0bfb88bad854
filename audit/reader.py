"""Opening a log to read it and nothing else: `mode=ro`, on a live WAL file as on a copy."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from audit.errors import READ_ERRORS, AuditError


def open_readonly(path: Path, *, text: type[bytes] | type[str] = str) -> sqlite3.Connection:
    """Open a log read-only inside one read transaction, so that all reads see one moment.

    Raises: AuditError when there is no such file or it is no SQLite database.
    """
    if not path.is_file():
        raise AuditError(f"there is no log at `{path}`")
    try:
        return _connect(path, "mode=ro", text)
    except READ_ERRORS as error:
        # A copy in WAL mode in a folder that we cannot write: without a WAL beside it, it cannot change either.
        wal = path.with_name(path.name + "-wal")
        if not wal.exists() or wal.stat().st_size == 0:
            with suppress(*READ_ERRORS):
                return _connect(path, "mode=ro&immutable=1", text)
        raise AuditError(f"cannot read `{path}`: {error}") from error


def _connect(path: Path, mode: str, text: type[bytes] | type[str]) -> sqlite3.Connection:
    conn = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, timeout=5)
    try:
        conn.text_factory = text
        conn.execute("BEGIN")
        conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except READ_ERRORS:
        conn.close()
        raise
    return conn
