"""Letting time pass for those who are there already: who erases is not new."""

import sqlite3
from contextlib import closing
from pathlib import Path

TWO_DAYS_US = 2 * 24 * 3_600_000_000
_AGED = (
    "UPDATE people SET created_at = created_at - :by, changed_at = changed_at - :by",
    "UPDATE people SET passphrase_at = passphrase_at - :by",
    "UPDATE tokens SET created_at = created_at - :by WHERE kind <> 'agent'",
)


def aged(database: Path) -> None:
    """Make everybody who may sign in, and every control token, two days older; a seen token stays as it was."""
    with closing(sqlite3.connect(database, timeout=30)) as raw, raw:
        for statement in _AGED:
            raw.execute(statement, {"by": TWO_DAYS_US})
