"""Looking into a log that nobody has opened: who was added to decide."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from firewall.core.errors import StoreError
from firewall.storage.sqlite import people
from firewall.storage.sqlite.people import StoredPerson
from firewall.storage.sqlite.schema import open_reader


def added(database: Path) -> Sequence[StoredPerson]:
    """Return the approvers and admins of a log; nobody where it is not there, or cannot be read."""
    if not database.is_file():
        return ()
    try:
        connection = open_reader(database)
    except StoreError:
        return ()
    try:
        return people.roll(connection)
    except sqlite3.Error:
        return ()
    finally:
        connection.close()
