"""Approvers and admins at rest: a name, a role, an argon2 hash."""

import sqlite3
from dataclasses import dataclass

from firewall.core.work import EndPerson, PutPerson, Unmet
from firewall.storage.sqlite.absences import end_absences_of
from firewall.storage.sqlite.proofs import end_proofs_of
from firewall.storage.sqlite.tokens import end_tokens_of


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """Somebody who may sign in on the control side."""

    name: str
    role: str
    groups: tuple[str, ...]
    passphrase_hash: str
    created_at: int


def put_person(connection: sqlite3.Connection, step: PutPerson) -> None:
    """Insert a person, or replace one of the same name; who was not removed is there since he was added."""
    connection.execute(
        "INSERT INTO people (name, role, groups, passphrase_hash, created_at, removed_at) VALUES (?,?,?,?,?,0)"
        " ON CONFLICT (name) DO UPDATE SET role = excluded.role, groups = excluded.groups,"
        " passphrase_hash = excluded.passphrase_hash, removed_at = 0,"
        " created_at = CASE people.removed_at WHEN 0 THEN people.created_at ELSE excluded.created_at END",
        (step.name, step.role, " ".join(step.groups), step.passphrase_hash, step.created_at),
    )


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
    end_tokens_of(connection, step.name, step.at)
    end_absences_of(connection, step.name)
    return None


def get(connection: sqlite3.Connection, name: str) -> StoredPerson | None:
    """Return a person who has not been removed."""
    row = connection.execute(
        "SELECT name, role, groups, passphrase_hash, created_at FROM people WHERE name = ? AND removed_at = 0",
        (name,),
    ).fetchone()
    return None if row is None else _read(row)


def listing(connection: sqlite3.Connection) -> list[StoredPerson]:
    """Return everybody who has not been removed, by name."""
    rows = connection.execute(
        "SELECT name, role, groups, passphrase_hash, created_at FROM people WHERE removed_at = 0 ORDER BY name"
    ).fetchall()
    return [_read(row) for row in rows]


def _read(row: tuple[str, str, str, str, int]) -> StoredPerson:
    return StoredPerson(row[0], row[1], tuple(row[2].split()), row[3], row[4])
