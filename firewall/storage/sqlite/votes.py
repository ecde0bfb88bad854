"""Votes at rest, a row each; and the count of changes among those who may give them."""

import sqlite3
from collections.abc import Sequence

import orjson

from firewall.core.approval import Decision, Vote
from firewall.core.work import CastVote, Unmet
from firewall.storage.sqlite.forms import BEGUN

_COLUMNS = "approval, number, voter, decision, at, auth, groups"


def cast_vote(connection: sqlite3.Connection, step: CastVote, index: int) -> Unmet | None:
    """Note a vote, if its approval waits as it was read, and nothing that the vote was weighed by has changed.

    While a form is under way nobody votes for the call: what was to come first is not through.
    """
    vote = step.vote
    quiet = f" AND NOT EXISTS ({BEGUN})" if vote.decision is Decision.APPROVE else ""
    changed = connection.execute(
        f"INSERT INTO approval_votes ({_COLUMNS})"  # noqa: S608 - built from constants alone
        " SELECT :id, :number, :voter, :decision, :at, :auth, :groups FROM approvals"
        " WHERE id = :id AND status = 'pending' AND digest = :digest AND expires_at > :at"
        " AND :number = 1 + (SELECT count(*) FROM approval_votes WHERE approval = :id)"
        f" AND :roster IN (-1, (SELECT changes FROM roster)){quiet}",
        {
            "id": step.approval, "number": vote.number, "voter": vote.voter, "decision": vote.decision.value,
            "at": vote.at, "auth": vote.auth, "groups": " ".join(vote.groups), "digest": step.digest,
            "roster": step.roster,
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
    for approval, number, voter, decision, at, auth, groups in rows:
        vote = Vote(number, voter, Decision(decision), at, auth, tuple(groups.split()))
        found[approval] = (*found.get(approval, ()), vote)
    return found


def roster(connection: sqlite3.Connection) -> int:
    """Return the number of changes among those who may decide."""
    (changes,) = connection.execute("SELECT changes FROM roster").fetchone()
    return int(changes)
