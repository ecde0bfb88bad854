"""Uses of break-glass and their reviews, a row each: ids, words and numbers; what people wrote is sealed."""

import sqlite3
from dataclasses import dataclass

import orjson

from firewall.core.glass import BreakGlass, Finding, GlassUse, ReviewGlass
from firewall.core.work import Unmet


@dataclass(frozen=True, slots=True)
class StoredUse:
    """A use with its sealed parts still closed."""

    use: GlassUse
    subject_key: str
    reason: bytes
    note: bytes


COUNTED = (
    "WITH his(name) AS (SELECT value FROM json_each(?2)), used(id) AS ("
    "SELECT approval FROM his, glass WHERE person = name"
    " UNION SELECT approval FROM his, glass_people WHERE person = name)"
    " SELECT count(*) FILTER (WHERE at > ?1), coalesce(max(at), 0) FROM used CROSS JOIN glass ON approval = id"
)
"""What somebody used, however he was called then or is called now."""


def break_glass(connection: sqlite3.Connection, step: BreakGlass, index: int, reason: bytes) -> Unmet | None:
    """Note a use within its person's bounds, and mark its approval."""
    of_day, newest = connection.execute(COUNTED, (step.day_from, orjson.dumps(step.people).decode())).fetchone()
    if of_day >= step.most:
        return Unmet(index, "full", found=step.approval)
    if newest > step.quiet_from:
        return Unmet(index, "too_soon", retry_after_us=newest - step.quiet_from, found=step.approval)
    changed = connection.execute(
        "INSERT INTO glass (approval, person, at, reason) VALUES (?,?,?,?) ON CONFLICT (approval) DO NOTHING",
        (step.approval, step.by, step.at, reason),
    ).rowcount
    if changed != 1:
        return Unmet(index, "moved_on", found=step.approval)
    connection.executemany(
        "INSERT INTO glass_people (person, approval) VALUES (?,?)", [(one, step.approval) for one in step.people]
    )
    connection.execute("UPDATE approvals SET glass = 1 WHERE id = ?", (step.approval,))
    return None


def review_glass(connection: sqlite3.Connection, step: ReviewGlass, index: int, note: bytes) -> Unmet | None:
    """Note a review of an open use by somebody else."""
    changed = connection.execute(
        "UPDATE glass SET reviewed_at = :at, reviewer = :by, finding = :finding, note = :note"
        " WHERE approval = :id AND reviewed_at = 0 AND person <> :by"
        " AND NOT EXISTS (SELECT 1 FROM json_each(:people) j, glass_people n"
        " WHERE n.approval = :id AND n.person = j.value)"
        " AND :roster IN (-1, (SELECT changes FROM roster))",
        {
            "at": step.at, "by": step.by, "finding": step.finding.value, "note": note, "id": step.approval,
            "roster": step.roster, "people": orjson.dumps([step.by, *step.people]).decode(),
        },
    ).rowcount  # fmt: skip
    return None if changed == 1 else Unmet(index, "moved_on", found=step.approval)


_USE = (
    "SELECT g.approval, g.person, g.at, g.reviewed_at, g.reviewer, g.finding, a.subject_key, g.reason, g.note,"
    " (SELECT group_concat(n.person, ' ') FROM glass_people n WHERE n.approval = g.approval)"
    " FROM glass g JOIN approvals a ON a.id = g.approval"
)
OPEN = f"{_USE} WHERE g.reviewed_at = 0 ORDER BY g.at LIMIT ? OFFSET ?"
NEWEST = f"{_USE} WHERE g.reviewed_at > 0 ORDER BY g.reviewed_at DESC LIMIT ? OFFSET ?"


COUNT_OPEN = "SELECT count(*) FROM glass WHERE reviewed_at = 0"


def count_open(connection: sqlite3.Connection) -> int:
    """Return how many uses wait for a review."""
    (count,) = connection.execute(COUNT_OPEN).fetchone()
    return int(count)


def use(connection: sqlite3.Connection, approval_id: str) -> StoredUse | None:
    """Return the use that approved an approval, or None."""
    row = connection.execute(f"{_USE} WHERE g.approval = ?", (approval_id,)).fetchone()
    return None if row is None else _read(row)


def uses(connection: sqlite3.Connection, limit: int, *, is_open: bool, skip: int = 0) -> list[StoredUse]:
    """Return uses that wait for a review, oldest first; or those reviewed, newest review first; without `skip`."""
    return [_read(row) for row in connection.execute(OPEN if is_open else NEWEST, (limit, skip)).fetchall()]


def _read(row: tuple[str, str, int, int, str, str, str, bytes, bytes, str | None]) -> StoredUse:
    found = GlassUse(
        approval=row[0],
        by=row[1],
        at=row[2],
        reviewed_at=row[3],
        reviewer=row[4],
        finding=Finding(row[5]) if row[5] else None,
        people=tuple((row[9] or "").split()),
    )
    return StoredUse(found, row[6], row[7], row[8])
