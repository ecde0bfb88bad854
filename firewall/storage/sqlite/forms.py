"""What approvers had run in place of calls, or before them: a row a try, at most one under way for an approval."""

import sqlite3

from firewall.core.approval import FormRun, FormState
from firewall.core.work import BeginForm, EndForm, Unmet

BEGUN = "SELECT 1 FROM approval_forms WHERE approval = :id AND state = 'begun'"
"""Whether a form is under way for an approval."""


def begin_form(connection: sqlite3.Connection, step: BeginForm, index: int) -> Unmet | None:
    """Note that a form is about to be sent, if its approval waits as it was read and has none under way."""
    changed = connection.execute(
        "INSERT INTO approval_forms (approval, number, form, state, status, note, by, begun_at, ended_at)"  # noqa: S608 - built from constants alone
        " SELECT :id, (SELECT count(*) + 1 FROM approval_forms WHERE approval = :id), :form, 'begun', 0, '', :by,"
        " :at, 0 FROM approvals WHERE id = :id AND status = 'pending' AND digest = :digest AND expires_at > :at"
        " AND :votes = (SELECT count(*) FROM approval_votes WHERE approval = :id)"
        f" AND :roster IN (-1, (SELECT changes FROM roster)) AND NOT EXISTS ({BEGUN})",
        {
            "id": step.approval, "form": step.form, "by": step.by, "at": step.at, "digest": step.digest,
            "votes": step.votes, "roster": step.roster,
        },
    ).rowcount  # fmt: skip
    return None if changed == 1 else Unmet(index, "moved_on", found=step.approval)


def end_form(connection: sqlite3.Connection, step: EndForm, index: int) -> Unmet | None:
    """Note what became of the form that is under way."""
    changed = connection.execute(
        "UPDATE approval_forms SET state = ?, status = ?, note = ?, ended_at = ?"
        " WHERE approval = ? AND state = 'begun'",
        (step.state.value, step.status, step.note, step.at, step.approval),
    ).rowcount
    return None if changed == 1 else Unmet(index, "moved_on", found=step.approval)


def runs(connection: sqlite3.Connection, approval_id: str) -> tuple[FormRun, ...]:
    """Return what was run for an approval, oldest first."""
    rows = connection.execute(
        "SELECT number, form, state, status, note, by, begun_at, ended_at FROM approval_forms WHERE approval = ?"
        " ORDER BY number",
        (approval_id,),
    ).fetchall()
    return tuple(
        FormRun(row[0], row[1], FormState(row[2]), row[3], row[4], by=row[5], begun_at=row[6], ended_at=row[7])
        for row in rows
    )


def begun(connection: sqlite3.Connection) -> list[str]:
    """Return the approvals whose form is under way."""
    rows = connection.execute("SELECT approval FROM approval_forms WHERE state = 'begun'").fetchall()
    return [str(row[0]) for row in rows]
