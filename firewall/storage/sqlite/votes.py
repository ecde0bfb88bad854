"""Votes at rest, a row each; and the count of changes among those who may give them."""

import sqlite3
from collections.abc import Sequence

import orjson

from firewall.core.approval import Decision, Vote
from firewall.core.work import CastVote, SeeApproval, Unmet
from firewall.storage.sqlite.forms import BEGUN

_COLUMNS = "approval, number, voter, decision, at, auth, groups, together"


def cast_vote(connection: sqlite3.Connection, step: CastVote, index: int) -> Unmet | None:
    """Note a vote, if its approval waits as it was read, and nothing that the vote was weighed by has changed.

    While a form is under way nobody votes for the call: what was to come first is not through.
    """
    vote = step.vote
    quiet = f" AND NOT EXISTS ({BEGUN})" if vote.decision is Decision.APPROVE else ""
    changed = connection.execute(
        f"INSERT INTO approval_votes ({_COLUMNS})"  # noqa: S608 - built from constants alone
        " SELECT :id, :number, :voter, :decision, :at, :auth, :groups, :together FROM approvals"
        " WHERE id = :id AND status = 'pending' AND digest = :digest AND expires_at > :at"
        " AND :number = 1 + (SELECT count(*) FROM approval_votes WHERE approval = :id)"
        f" AND :roster IN (-1, (SELECT changes FROM roster)){quiet}",
        {
            "id": step.approval, "number": vote.number, "voter": vote.voter, "decision": vote.decision.value,
            "at": vote.at, "auth": vote.auth, "groups": " ".join(vote.groups), "digest": step.digest,
            "roster": step.roster, "together": vote.together,
        },
    ).rowcount  # fmt: skip
    return None if changed == 1 else Unmet(index, "moved_on", found=step.approval)


def votes(connection: sqlite3.Connection, approval_ids: Sequence[str]) -> dict[str, tuple[Vote, ...]]:
    """Return what people said of approvals, oldest first; those of whom nobody spoke are left out."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM approval_votes WHERE approval IN (SELECT value FROM json_each(?))"  # noqa: S608 - constant
        " ORDER BY approval, number",
        (orjson.dumps(list(approval_ids)).decode(),),
    ).fetchall()
    found: dict[str, tuple[Vote, ...]] = {}
    for approval, number, voter, decision, at, auth, groups, together in rows:
        vote = Vote(number, voter, Decision(decision), at, auth, tuple(groups.split()), together)
        found[approval] = (*found.get(approval, ()), vote)
    return found


def see(connection: sqlite3.Connection, step: SeeApproval) -> None:
    """Note when somebody was first shown an approval."""
    connection.execute(
        "INSERT OR IGNORE INTO approval_views (approval, viewer, at) VALUES (?,?,?)",
        (step.approval, step.viewer, step.at),
    )


ANSWERS = (
    "SELECT v.voter, v.decision, v.at, coalesce(w.at, 0), v.together FROM approval_votes v"
    " LEFT JOIN approval_views w ON w.approval = v.approval AND w.viewer = v.voter AND w.at <= v.at"
    " WHERE v.at > ? ORDER BY v.at DESC LIMIT ?"
)


def answers(connection: sqlite3.Connection, since_us: int, limit: int) -> list[tuple[str, str, int, int, int]]:
    """Return votes after an instant, newest first.

    Each: voter, decision, when, when he first saw it (0: never), and how many he gave at once.
    """
    return connection.execute(ANSWERS, (since_us, limit)).fetchall()


def roster(connection: sqlite3.Connection) -> int:
    """Return the number of changes among those who may decide."""
    (changes,) = connection.execute("SELECT changes FROM roster").fetchone()
    return int(changes)
