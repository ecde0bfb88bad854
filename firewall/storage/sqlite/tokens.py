"""Tokens at rest: a fingerprint and a grant, never the token."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.core.work import EndToken, NoteUses, PutIssued, PutToken, Sweep, Unmet


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One row; times are unix microseconds, `revoked_at` 0 while it is not."""

    id: str
    kind: str
    holder: str
    parent: str
    grant: str
    created_at: int
    expires_at: int
    revoked_at: int


_COLUMNS = "id, kind, holder, parent, grant_json, created_at, expires_at, revoked_at"
_LAST_AT = (1 << 63) - 1
NEWEST = (
    f"SELECT {_COLUMNS} FROM tokens WHERE created_at <= ? AND (created_at < ? OR id > ?)"  # noqa: S608 - constant
    " ORDER BY created_at DESC, id LIMIT ?"
)

_STANDS = (
    "WITH RECURSIVE above(id, parent, revoked_at) AS (SELECT id, parent, revoked_at FROM tokens WHERE id = ?"
    " UNION SELECT t.id, t.parent, t.revoked_at FROM tokens t JOIN above ON t.id = above.parent)"
    " SELECT total(parent = ''), total(revoked_at > 0) FROM above"
)
"""How many ends a line of tokens has, and how many of it were revoked."""


def put_token(connection: sqlite3.Connection, step: PutToken, index: int = 0) -> Unmet | None:
    """Insert a minted token, unless one above it is gone or revoked."""
    if step.parent and connection.execute(_STANDS, (step.parent,)).fetchone() != (1, 0):
        return Unmet(index, "unknown", found=step.parent)
    connection.execute(
        f"INSERT INTO tokens ({_COLUMNS}, fingerprint, owner) VALUES (?,?,?,?,?,?,?,0,?,?)",  # noqa: S608 - constant
        (
            step.id, step.kind, step.holder, step.parent, step.grant, step.created_at, step.expires_at,
            step.fingerprint, step.owner,
        ),
    )  # fmt: skip
    return None


def end_token(connection: sqlite3.Connection, step: EndToken, index: int) -> Unmet | None:
    """Revoke a token that is not yet revoked."""
    changed = connection.execute(
        "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0", (step.at, step.id)
    ).rowcount
    return None if changed == 1 else Unmet(index, "unknown", found=step.id)


def end_tokens_of(connection: sqlite3.Connection, holder: str, at: int) -> None:
    """Revoke every admin and approver token of somebody who is removed; what serves programs is nobody's right."""
    connection.execute(
        "UPDATE tokens SET revoked_at = ? WHERE holder = ? AND kind IN ('admin', 'approver') AND revoked_at = 0",
        (at, holder),
    )


def revoked_of(connection: sqlite3.Connection, holder: str) -> list[str]:
    """Return the ids of somebody's revoked tokens."""
    rows = connection.execute("SELECT id FROM tokens WHERE holder = ? AND revoked_at > 0", (holder,))
    return [str(row[0]) for row in rows]


def by_fingerprint(connection: sqlite3.Connection, fingerprint: bytes) -> StoredToken | None:
    """Look a token up by its SHA-256."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE fingerprint = ?",  # noqa: S608 - constant
        (fingerprint,),
    ).fetchone()
    return None if row is None else StoredToken(*row)


def by_id(connection: sqlite3.Connection, token_id: str) -> StoredToken | None:
    """Look a token up by its id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE id = ?",  # noqa: S608 - constant
        (token_id,),
    ).fetchone()
    return None if row is None else StoredToken(*row)


def listing(connection: sqlite3.Connection, limit: int, after: str = "") -> list[StoredToken]:
    """Return tokens, newest first; `after`: only those behind this one, none where there is no such token."""
    found = connection.execute("SELECT created_at FROM tokens WHERE id = ?", (after,)).fetchone()
    if after and found is None:
        return []
    at = found[0] if found else _LAST_AT
    rows = connection.execute(NEWEST, (at, at, after, limit)).fetchall()
    return [StoredToken(*row) for row in rows]


def family(connection: sqlite3.Connection, token_id: str) -> list[str]:
    """Return the ids of a token and of everything below it, itself first."""
    rows = connection.execute(
        "WITH RECURSIVE found(id) AS (VALUES (?)"
        " UNION SELECT tokens.id FROM tokens JOIN found ON tokens.parent = found.id) SELECT id FROM found",
        (token_id,),
    ).fetchall()
    return [str(row[0]) for row in rows]


def roots(connection: sqlite3.Connection, limit: int, after: str = "") -> list[StoredToken]:
    """Return tokens that were narrowed from none, newest first; `after`: only those behind this one."""
    found = connection.execute("SELECT created_at FROM tokens WHERE id = ?", (after,)).fetchone()
    behind = "" if found is None else " AND (created_at < :at OR (created_at = :at AND id > :after))"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE parent = ''{behind}"  # noqa: S608 - constants
        " ORDER BY created_at DESC, id LIMIT :limit",
        {"at": found[0] if found else 0, "after": after, "limit": limit},
    ).fetchall()
    return [StoredToken(*row) for row in rows]


def descendants(connection: sqlite3.Connection, token_id: str, limit: int) -> list[StoredToken]:
    """Return what was narrowed from a token and from those: each behind the one that it was narrowed from."""
    named = ", ".join(f"tokens.{name.strip()}" for name in _COLUMNS.split(","))
    rows = connection.execute(
        "WITH RECURSIVE found(depth, at, id) AS ("  # noqa: S608 - constants
        " SELECT 0, 0, :id UNION ALL"
        " SELECT depth + 1, tokens.created_at, tokens.id FROM found CROSS JOIN tokens"
        " ON tokens.parent = found.id AND tokens.parent <> '' ORDER BY 1 DESC, 2 DESC LIMIT :limit)"
        f" SELECT {named} FROM found CROSS JOIN tokens ON tokens.id = found.id WHERE depth > 0",
        {"id": token_id, "limit": limit + 1},
    ).fetchall()
    return [StoredToken(*row) for row in rows]


def note_uses(connection: sqlite3.Connection, step: NoteUses) -> None:
    """Remember when tokens were used last."""
    connection.executemany(
        "INSERT INTO token_uses (id, at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)",
        step.uses,
    )


def uses(connection: sqlite3.Connection, ids: Sequence[str]) -> Mapping[str, int]:
    """Return when tokens were used last, those that were."""
    found = (connection.execute("SELECT id, at FROM token_uses WHERE id = ?", (one,)).fetchone() for one in ids)
    return {str(row[0]): int(row[1]) for row in found if row}


def put_issued(connection: sqlite3.Connection, step: PutIssued) -> None:
    """Remember provider-side ids that a principal was given; whose an id is stays as it was said first."""
    connection.executemany(
        "INSERT OR IGNORE INTO issued (principal, id, at, provider) VALUES (?,?,?,?)",
        [(step.principal, issued, step.at, step.provider) for issued in step.ids],
    )


def sweep_issued(connection: sqlite3.Connection, step: Sweep) -> None:
    """Forget provider-side ids that the provider itself has forgotten."""
    connection.execute("DELETE FROM issued WHERE at < ?", (step.issued_before,))


def issuer_of(connection: sqlite3.Connection, principal: str, issued: str) -> str:
    """Return the name of the provider by which an id was given to this principal; empty: by none that is known."""
    row = connection.execute(
        "SELECT provider FROM issued WHERE principal = ? AND id = ?", (principal, issued)
    ).fetchone()
    return "" if row is None else str(row[0])
