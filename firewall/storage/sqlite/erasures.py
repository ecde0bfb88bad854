"""Which keys were erased, for good; and forgetting what the other tables hold of a person in clear.

A row stays for ever: a key that comes back with an older keystore is destroyed again at the next start.
"""

import sqlite3

from firewall.core.erasure import EraseSubject
from firewall.core.work import Unmet
from firewall.storage.sqlite import votes

ERASURES = "CREATE TABLE IF NOT EXISTS erasures (key TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID"
_OWNED = "(holder = :name OR CASE grant_json WHEN '' THEN '' ELSE json_extract(grant_json, '$.owner') END = :name)"
_SUBJECTS = (
    "WITH RECURSIVE above(id, parent) AS (SELECT id, parent FROM tokens WHERE kind = 'oauth'"
    " AND :name <> '' AND (owner = :name OR holder = :name)"
    " UNION SELECT t.id, t.parent FROM tokens t JOIN above ON t.id = above.parent),"
    " subjects(id) AS (SELECT id FROM above WHERE parent = '')"
)
"""Subjects of issuers that act for a person, or are called so; for whomever else they act."""
_BELOW = (
    ", theirs(id) AS (SELECT id FROM subjects"
    " UNION SELECT t.id FROM tokens t JOIN theirs ON t.parent = theirs.id AND t.parent <> '')"
)
LIVE = (
    f"{_SUBJECTS} SELECT id FROM tokens WHERE :name <> '' AND revoked_at = 0 AND expires_at > :at"  # noqa: S608 - constants
    f" AND CASE kind WHEN 'oauth' THEN id IN subjects ELSE {_OWNED} END ORDER BY created_at, id"
)
"""Tokens that a person owns or holds and that could be used, unless one above is revoked; parents first.

Of a subject of an issuer its own id alone: what is below it ends with it.
"""
WAITING = "SELECT id FROM approvals WHERE status IN ('pending', 'approved') AND subject_key = :key ORDER BY id"
"""What is asked about calls of a person's agents, or was approved and not used up."""
UNREVIEWED = (
    "SELECT count(*) FROM glass g JOIN approvals a ON a.id = g.approval WHERE g.reviewed_at = 0 AND ("
    "a.subject_key = :key OR g.person = :pseudonym"
    " OR EXISTS (SELECT 1 FROM glass_people n WHERE n.approval = g.approval AND n.person = :pseudonym))"
)
"""Uses of break-glass that nobody reviewed, by a person or for an agent of his."""
NAMES = (
    "SELECT name FROM people UNION SELECT holder FROM tokens WHERE holder <> ''"
    " UNION SELECT json_extract(grant_json, '$.owner') FROM tokens WHERE grant_json <> ''"
    " UNION SELECT owner FROM tokens WHERE owner <> ''"
)
"""Everybody whom the tables name."""
_FORGOTTEN = (
    f"DELETE FROM token_uses WHERE id IN (SELECT id FROM tokens WHERE kind <> 'oauth' AND {_OWNED})",  # noqa: S608 - constants
    f"DELETE FROM tokens WHERE kind <> 'oauth' AND {_OWNED}",  # noqa: S608 - constants
    # The id of a subject comes again with its next access token: only the row knows that it was revoked.
    f"{_SUBJECTS}{_BELOW} UPDATE tokens SET holder = '' WHERE id IN theirs",  # noqa: S608 - constants
    "UPDATE tokens SET owner = '' WHERE owner = :name",
    "DELETE FROM passkeys WHERE person = :name",
    "DELETE FROM links WHERE person = :name",
    "DELETE FROM pushes WHERE person = :name",
    "UPDATE absences SET delegate = '' WHERE delegate = :name AND is_away = 1",
    "DELETE FROM absences WHERE person = :name OR delegate = :name",
    "DELETE FROM people WHERE name = :name",
    "DELETE FROM buckets WHERE substr(key, -length(:owner)) = :owner",
)


def live_tokens(connection: sqlite3.Connection, name: str, at: int) -> list[str]:
    """Return the ids of tokens that somebody owns or holds and that are neither revoked nor expired."""
    return [str(row[0]) for row in connection.execute(LIVE, {"name": name, "at": at})]


def waiting(connection: sqlite3.Connection, key: str) -> list[str]:
    """Return the ids of approvals under a key that are pending, or approved and not used up."""
    return [str(row[0]) for row in connection.execute(WAITING, {"key": key})]


def unreviewed(connection: sqlite3.Connection, key: str, pseudonym: str) -> int:
    """Return how many uses of break-glass of a person, or for his agents, wait for a review."""
    (count,) = connection.execute(UNREVIEWED, {"key": key, "pseudonym": pseudonym}).fetchone()
    return int(count)


def names(connection: sqlite3.Connection) -> list[str]:
    """Return everybody whom the tables name, removed or not."""
    return [str(row[0]) for row in connection.execute(NAMES)]


def erase(connection: sqlite3.Connection, step: EraseSubject, index: int) -> Unmet | None:
    """Forget a person and note the key as erased, unless something of him lives or waits, or people changed."""
    if step.roster not in (-1, votes.roster(connection)):
        return Unmet(index, "roster")
    if unreviewed(connection, step.key, step.pseudonym):
        return Unmet(index, "review_open")
    if waiting(connection, step.key) or live_tokens(connection, step.name, step.at) or _signs_in(connection, step):
        return Unmet(index, "living")
    noted = connection.execute(
        "INSERT INTO erasures (key, at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", (step.key, step.at)
    ).rowcount
    if noted != 1:
        return Unmet(index, "unknown")
    if step.name:
        for statement in _FORGOTTEN:
            connection.execute(statement, {"name": step.name, "owner": f":owner:{step.name}"})
    return None


def keys(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of all keys that were erased."""
    return [str(row[0]) for row in connection.execute("SELECT key FROM erasures")]


def count(connection: sqlite3.Connection) -> int:
    """Return how many keys were erased."""
    (found,) = connection.execute("SELECT count(*) FROM erasures").fetchone()
    return int(found)


def _signs_in(connection: sqlite3.Connection, step: EraseSubject) -> bool:
    found = connection.execute("SELECT 1 FROM people WHERE name = ? AND removed_at = 0", (step.name,)).fetchone()
    return found is not None
