"""Passkeys and personal links at rest; what was revoked or spent stays as a row and never comes back."""

import sqlite3
from typing import assert_never

from firewall.core.proofs import Link, LinkUse, Passkey
from firewall.core.work import EndLink, EndPasskey, Proving, PutLink, PutPasskey, Unmet, UseLink, UsePasskey
from firewall.storage.sqlite.pushes import end_pushes_by

_PASSKEY = (
    "SELECT id, person, credential, public_key, sign_count, label, backed_up, created_at, used_at"
    " FROM passkeys WHERE revoked_at = 0"
)
_LINK = (
    "SELECT id, fingerprint, use, person, approval, digest, created_at, expires_at"
    " FROM links WHERE used_at = 0 AND revoked_at = 0"
)


def prove(connection: sqlite3.Connection, step: Proving, index: int) -> Unmet | None:
    """Apply a step about passkeys and links."""
    match step:
        case PutPasskey():
            return _put_passkey(connection, step, index)
        case UsePasskey():
            return _changed(
                connection,
                "UPDATE passkeys SET sign_count = ?, used_at = ?"
                " WHERE id = ? AND sign_count = ? AND revoked_at = 0",
                (step.count, step.at, step.id, step.expect),
                unmet=Unmet(index, "moved_on", found=step.id),
            )
        case EndPasskey():
            end_pushes_by(connection, step.id)
            return _changed(
                connection,
                "UPDATE passkeys SET revoked_at = ? WHERE id = ? AND revoked_at = 0",
                (step.at, step.id),
                unmet=Unmet(index, "unknown", found=step.id),
            )
        case PutLink():
            _put_link(connection, step.link)
            return None
        case UseLink():
            return _changed(
                connection,
                "UPDATE links SET used_at = ? WHERE id = ? AND used_at = 0 AND revoked_at = 0 AND expires_at > ?",
                (step.at, step.id, step.at),
                unmet=Unmet(index, "moved_on", found=step.id),
            )
        case EndLink():
            return _changed(
                connection,
                "UPDATE links SET revoked_at = ? WHERE id = ? AND used_at = 0 AND revoked_at = 0",
                (step.at, step.id),
                unmet=Unmet(index, "unknown", found=step.id),
            )
        case _:
            assert_never(step)


def end_proofs_of(connection: sqlite3.Connection, person: str, at: int) -> None:
    """Revoke every passkey and every unused link of somebody who is removed."""
    connection.execute("UPDATE passkeys SET revoked_at = ? WHERE person = ? AND revoked_at = 0", (at, person))
    connection.execute(
        "UPDATE links SET revoked_at = ? WHERE person = ? AND used_at = 0 AND revoked_at = 0", (at, person)
    )


def passkey(connection: sqlite3.Connection, credential: bytes) -> Passkey | None:
    """Return the live passkey with this credential id."""
    row = connection.execute(f"{_PASSKEY} AND credential = ?", (credential,)).fetchone()
    return None if row is None else _read_passkey(row)


def passkeys(connection: sqlite3.Connection, person: str) -> list[Passkey]:
    """Return live passkeys, oldest first: a person's, or everybody's where no person is named."""
    rows = connection.execute(f"{_PASSKEY} AND (? = '' OR person = ?) ORDER BY created_at, id", (person, person))
    return [_read_passkey(row) for row in rows.fetchall()]


def link(connection: sqlite3.Connection, fingerprint: bytes) -> Link | None:
    """Return the unused and unrevoked link whose secret has this SHA-256, also when its time is over."""
    row = connection.execute(f"{_LINK} AND fingerprint = ?", (fingerprint,)).fetchone()
    return None if row is None else _read_link(row)


def links(connection: sqlite3.Connection, now_us: int) -> list[Link]:
    """Return links that could still be used, newest first."""
    rows = connection.execute(f"{_LINK} AND expires_at > ? ORDER BY created_at DESC, id", (now_us,))
    return [_read_link(row) for row in rows.fetchall()]


def _put_passkey(connection: sqlite3.Connection, step: PutPasskey, index: int) -> Unmet | None:
    new = step.passkey
    if len(passkeys(connection, new.person)) >= step.most:
        return Unmet(index, "full", found=new.person)
    changed = connection.execute(
        "INSERT INTO passkeys (id, person, credential, public_key, sign_count, label, backed_up, created_at,"
        " used_at) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (credential) DO NOTHING",
        (
            new.id, new.person, new.credential, new.public_key, new.sign_count, new.label, int(new.backed_up),
            new.created_at, new.used_at,
        ),
    ).rowcount  # fmt: skip
    return None if changed == 1 else Unmet(index, "exists", found=new.id)


def _put_link(connection: sqlite3.Connection, new: Link) -> None:
    connection.execute(
        "INSERT INTO links (id, fingerprint, use, person, approval, digest, created_at, expires_at)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (
            new.id, new.fingerprint, new.use.value, new.person, new.approval, new.digest, new.created_at,
            new.expires_at,
        ),
    )  # fmt: skip


def _changed(
    connection: sqlite3.Connection, statement: str, values: tuple[str | int, ...], *, unmet: Unmet
) -> Unmet | None:
    return None if connection.execute(statement, values).rowcount == 1 else unmet


def _read_passkey(row: tuple[str, str, bytes, bytes, int, str, int, int, int]) -> Passkey:
    return Passkey(
        id=row[0],
        person=row[1],
        credential=row[2],
        public_key=row[3],
        sign_count=row[4],
        label=row[5],
        backed_up=bool(row[6]),
        created_at=row[7],
        used_at=row[8],
    )


def _read_link(row: tuple[str, bytes, str, str, str, str, int, int]) -> Link:
    return Link(
        id=row[0],
        fingerprint=row[1],
        use=LinkUse(row[2]),
        person=row[3],
        approval=row[4],
        digest=row[5],
        created_at=row[6],
        expires_at=row[7],
    )
