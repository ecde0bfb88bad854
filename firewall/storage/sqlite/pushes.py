"""Browsers that want to be told, at rest: what is over is gone."""

import sqlite3
from dataclasses import dataclass

from firewall.core.work import EndPush, PutPush, Unmet

_ROW = "SELECT id, person, passkey, subject_key, sealed, created_at FROM pushes"


@dataclass(frozen=True, slots=True)
class StoredPush:
    """One subscription, its endpoint and keys sealed."""

    id: str
    person: str
    passkey: str
    subject_key: str
    sealed: bytes
    created_at: int


_STANDS = (
    "SELECT 1 FROM people WHERE name = :person AND removed_at = 0 AND max(created_at, passphrase_at) <= :since"
    " AND (:passkey = ''"
    " OR EXISTS (SELECT 1 FROM passkeys WHERE id = :passkey AND person = :person AND revoked_at = 0))"
)
"""Whether what a session stands on is still there: a new passphrase ends every session of a person."""


def refused(connection: sqlite3.Connection, step: PutPush, index: int) -> Unmet | None:
    """Tell why a browser cannot be stored, before anything is sealed for its person; None: it can."""
    new = step.browser
    found = {"person": new.person, "since": step.since, "passkey": new.passkey}
    if connection.execute(_STANDS, found).fetchone() is None:
        return Unmet(index, "ended", found=new.person)
    (count,) = connection.execute("SELECT count(*) FROM pushes WHERE person = ?", (new.person,)).fetchone()
    return Unmet(index, "full", found=new.person) if count >= step.most else None


def put_push(connection: sqlite3.Connection, step: PutPush, index: int, sealed: tuple[str, bytes]) -> Unmet | None:
    """Store a browser that is not `refused`; `sealed`: the id of the key, and what it sealed."""
    new = step.browser
    changed = connection.execute(
        "INSERT INTO pushes (id, person, fingerprint, passkey, subject_key, sealed, created_at)"
        " VALUES (?,?,?,?,?,?,?) ON CONFLICT (fingerprint) DO NOTHING",
        (new.id, new.person, new.fingerprint, new.passkey, *sealed, new.created_at),
    ).rowcount
    return None if changed == 1 else Unmet(index, "exists", found=new.id)


def end_push(connection: sqlite3.Connection, step: EndPush, index: int) -> Unmet | None:
    """Forget a browser."""
    changed = connection.execute("DELETE FROM pushes WHERE id = ?", (step.id,)).rowcount
    return None if changed == 1 else Unmet(index, "unknown", found=step.id)


def end_pushes_of(connection: sqlite3.Connection, person: str) -> None:
    """Forget every browser of somebody who is removed."""
    connection.execute("DELETE FROM pushes WHERE person = ?", (person,))


def end_pushes_without_passkey(connection: sqlite3.Connection, person: str) -> None:
    """Forget somebody's browsers, but for those that a passkey of his stands behind."""
    connection.execute("DELETE FROM pushes WHERE person = ? AND passkey = ''", (person,))


def end_pushes_by(connection: sqlite3.Connection, passkey: str) -> None:
    """Forget browsers that were added in a session which a passkey began."""
    connection.execute("DELETE FROM pushes WHERE passkey = ? AND passkey <> ''", (passkey,))


def listing(connection: sqlite3.Connection, person: str) -> list[StoredPush]:
    """Return them, oldest first: a person's, or everybody's where no person is named."""
    where, values = (" WHERE person = ?", (person,)) if person else ("", ())
    return [StoredPush(*row) for row in connection.execute(f"{_ROW}{where} ORDER BY created_at, id", values)]
