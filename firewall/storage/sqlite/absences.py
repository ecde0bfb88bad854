"""Who is away, and who may speak for whom, until when."""

import sqlite3

from firewall.core.absence import Absence
from firewall.core.work import EndAbsence, PutAbsence, Unmet


def put_absence(connection: sqlite3.Connection, step: PutAbsence) -> None:
    """Note an absence in place of what was noted of the same person."""
    connection.execute(
        "INSERT INTO absences (person, delegate, is_away, since, until) VALUES (?,?,?,?,?)"
        " ON CONFLICT (person) DO UPDATE SET delegate = excluded.delegate, is_away = excluded.is_away,"
        " since = excluded.since, until = excluded.until",
        (step.person, step.delegate, int(step.is_away), step.since, step.until),
    )


def end_absence(connection: sqlite3.Connection, step: EndAbsence, index: int) -> Unmet | None:
    """Forget what was noted of somebody."""
    changed = connection.execute("DELETE FROM absences WHERE person = ?", (step.person,)).rowcount
    return None if changed == 1 else Unmet(index, "unknown", found=step.person)


def end_absences_of(connection: sqlite3.Connection, person: str) -> None:
    """Forget what somebody who is removed lent, and what was lent to him."""
    connection.execute("DELETE FROM absences WHERE person = ?", (person,))
    connection.execute("UPDATE absences SET delegate = '' WHERE delegate = ? AND is_away = 1", (person,))
    connection.execute("DELETE FROM absences WHERE delegate = ?", (person,))


def listing(connection: sqlite3.Connection) -> list[Absence]:
    """Return everything that is noted, over or not, by name."""
    rows = connection.execute("SELECT person, delegate, is_away, since, until FROM absences ORDER BY person")
    return [Absence(row[0], row[1], bool(row[2]), since=row[3], until=row[4]) for row in rows.fetchall()]
