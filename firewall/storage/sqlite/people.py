"""Approvers and admins at rest: a name, a role, an argon2 hash."""

import sqlite3
from dataclasses import dataclass

from firewall.core.work import EndPerson, PutPerson, Unmet
from firewall.storage.sqlite.absences import end_absences_of
from firewall.storage.sqlite.proofs import end_proofs_of
from firewall.storage.sqlite.pushes import end_pushes_of, end_pushes_without_passkey
from firewall.storage.sqlite.tokens import end_tokens_of

_PERSON = "SELECT name, role, groups, passphrase_hash, created_at, changed_at, passphrase_at FROM people"


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """Somebody who may sign in on the control side."""

    name: str
    role: str
    groups: tuple[str, ...]
    passphrase_hash: str
    created_at: int
    changed_at: int
    """When his role or his groups became what they are; 0: before this was noted."""
    passphrase_at: int
    """When his passphrase was set; 0: before this was noted."""


def put_person(connection: sqlite3.Connection, step: PutPerson) -> None:
    """Insert a person, or replace one of the same name; who was not removed is there since he was added."""
    connection.execute(
        "INSERT INTO people"
        " (name, role, groups, passphrase_hash, created_at, removed_at, changed_at, passphrase_at)"
        " VALUES (:name, :role, :groups, :hash, :at, 0, :at, :at)"
        " ON CONFLICT (name) DO UPDATE SET role = excluded.role, groups = excluded.groups,"
        " passphrase_hash = excluded.passphrase_hash, removed_at = 0, passphrase_at = excluded.passphrase_at,"
        " created_at = CASE people.removed_at WHEN 0 THEN people.created_at ELSE excluded.created_at END,"
        " changed_at = CASE WHEN people.removed_at = 0 AND people.role = excluded.role"
        " AND people.groups = excluded.groups THEN people.changed_at ELSE excluded.changed_at END",
        {
            "name": step.name, "role": step.role, "groups": " ".join(step.groups), "hash": step.passphrase_hash,
            "at": step.created_at,
        },
    )  # fmt: skip
    # Who knew the passphrase before may have made some of them.
    end_pushes_without_passkey(connection, step.name)


def end_person(connection: sqlite3.Connection, step: EndPerson, index: int) -> Unmet | None:
    """Remove a person; the row stays so that old entries can be read."""
    changed = connection.execute(
        "UPDATE people SET removed_at = ?, passphrase_hash = '' WHERE name = ? AND removed_at = 0",
        (step.at, step.name),
    ).rowcount
    if changed != 1:
        return Unmet(index, "unknown", found=step.name)
    # Somebody who comes back under the same name, or another with it, starts without any of these.
    end_proofs_of(connection, step.name, step.at)
    end_pushes_of(connection, step.name)
    end_tokens_of(connection, step.name, step.at)
    end_absences_of(connection, step.name)
    return None


def get(connection: sqlite3.Connection, name: str) -> StoredPerson | None:
    """Return a person who has not been removed."""
    row = connection.execute(
        f"{_PERSON} WHERE name = ? AND removed_at = 0",
        (name,),
    ).fetchone()
    return None if row is None else _read(row)


def listing(connection: sqlite3.Connection) -> list[StoredPerson]:
    """Return everybody who has not been removed, by name."""
    rows = connection.execute(f"{_PERSON} WHERE removed_at = 0 ORDER BY name").fetchall()
    return [_read(row) for row in rows]


def roll(connection: sqlite3.Connection) -> list[StoredPerson]:
    """Return everybody who has not been removed, of a file that an older version may have made: without times."""
    rows = connection.execute(
        "SELECT name, role, groups, '', 0, 0, 0 FROM people WHERE removed_at = 0 ORDER BY name"
    )
    return [_read(row) for row in rows]


def _read(row: tuple[str, str, str, str, int, int, int]) -> StoredPerson:
    return StoredPerson(
        row[0], row[1], tuple(row[2].split()), row[3], created_at=row[4], changed_at=row[5], passphrase_at=row[6]
    )
