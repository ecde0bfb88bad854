"""What led to held calls, at rest: one sealed text an approval, written once with it."""

import sqlite3


def put(connection: sqlite3.Connection, approval_id: str, sealed: tuple[str, bytes]) -> None:
    """Keep what led to an approval; `sealed`: the id of its key, and the ciphertext."""
    connection.execute(
        "INSERT INTO approval_conversations (approval, subject_key, sealed) VALUES (?, ?, ?)",
        (approval_id, *sealed),
    )


def has(connection: sqlite3.Connection, approval_id: str) -> bool:
    """Tell whether anything is kept of an approval."""
    found = connection.execute(
        "SELECT 1 FROM approval_conversations WHERE approval = ?", (approval_id,)
    ).fetchone()
    return found is not None


def get(connection: sqlite3.Connection, approval_id: str) -> tuple[str, bytes] | None:
    """Return the key's id and the ciphertext, or None."""
    row = connection.execute(
        "SELECT subject_key, sealed FROM approval_conversations WHERE approval = ?", (approval_id,)
    ).fetchone()
    return None if row is None else (str(row[0]), bytes(row[1]))
