"""Votes, absences and the count of changes among people, as rows of a real file."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.absence import Absence
from firewall.core.approval import Approval, ApprovalStatus, Decision, Vote
from firewall.core.work import (
    CastVote,
    EndAbsence,
    EndPerson,
    OpenApproval,
    PutAbsence,
    PutPerson,
    SeeApproval,
    Unmet,
)
from firewall.sequencer.looking import added
from firewall.storage.sqlite import absences, approvals, people, votes
from firewall.storage.sqlite.schema import create_tables, open_writer

ALICE = PutPerson("alice", "approver", ("oncall", "dba"), "argon2", 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file lies."""
    return tmp_path / "stayhand.db"


@pytest.fixture
def store(path: Path) -> Iterator[sqlite3.Connection]:
    """Tables of a new installation."""
    connection = open_writer(path)
    create_tables(connection)
    yield connection
    connection.close()


def test_every_change_among_people_is_counted(store: sqlite3.Connection) -> None:
    """Adding, changing, removing, leaving and coming back: a vote weighed before any of them is not kept."""
    seen = [votes.roster(store)]
    for change in (
        lambda: people.put_person(store, ALICE),
        lambda: people.put_person(store, replace(ALICE, groups=())),
        lambda: absences.put_absence(store, PutAbsence("alice", "bob", is_away=True, since=1, until=9)),
        lambda: absences.put_absence(store, PutAbsence("alice", "", is_away=True, since=1, until=8)),
        lambda: absences.end_absence(store, EndAbsence("alice"), 0),
        lambda: people.end_person(store, EndPerson("alice", 7), 0),
    ):
        change()
        seen.append(votes.roster(store))
    assert seen == sorted(set(seen))
    assert absences.end_absence(store, EndAbsence("alice"), 3) == Unmet(3, "unknown", found="alice")
    create_tables(store)
    assert votes.roster(store) == seen[-1]


def test_absences_are_read_back(store: sqlite3.Connection) -> None:
    """As they were noted, one of a person, and only while they hold."""
    absences.put_absence(store, PutAbsence("alice", "bob", is_away=False, since=3, until=9))
    (found,) = absences.listing(store)
    assert found == Absence("alice", "bob", is_away=False, since=3, until=9)
    assert [found.holds(at) for at in (2, 3, 8, 9)] == [False, True, True, False]


def test_votes_are_kept_under_the_count_they_were_weighed_by(store: sqlite3.Connection) -> None:
    """A change of rights in between voids it; votes of several approvals are read at once."""
    pending = Approval("apr_1", ApprovalStatus.PENDING, "d", "prn", "tok", "", "staging", ("write",), 1, 99)
    approvals.open_approval(store, OpenApproval(pending, 5), 0, ("key", b""))
    vote = Vote(1, "per_a", Decision.APPROVE, 5, "passkey", ("dba", "oncall"))
    cast = CastVote("apr_1", "d", vote, votes.roster(store))
    people.put_person(store, ALICE)
    assert votes.cast_vote(store, cast, 2) == Unmet(2, "moved_on", found="apr_1")
    assert votes.cast_vote(store, replace(cast, roster=votes.roster(store)), 2) is None
    assert votes.votes(store, ["apr_1", "apr_2"]) == {"apr_1": (vote,)}


def test_when_somebody_became_who_he_is(store: sqlite3.Connection) -> None:
    """Role and groups have a time of their own, and so has the passphrase; who comes back starts anew."""
    times = []
    for at, step in enumerate(
        (
            ALICE,
            ALICE,
            replace(ALICE, groups=("oncall",)),
            replace(ALICE, groups=("oncall",), role="admin"),
            None,
            replace(ALICE, groups=("oncall",), role="admin"),
        ),
        start=10,
    ):
        if step is None:
            people.end_person(store, EndPerson("alice", at), 0)
            continue
        people.put_person(store, replace(step, created_at=at))
        found = people.get(store, "alice")
        assert found is not None
        times.append((found.created_at, found.changed_at, found.passphrase_at))
    assert times == [(10, 10, 10), (10, 10, 11), (10, 12, 12), (10, 13, 13), (15, 15, 15)]


def test_a_file_of_an_older_version_gets_what_is_missing(path: Path) -> None:
    """People of before are there, also for whoever looks before it was opened, and as old as they were."""
    connection = open_writer(path)
    connection.execute(
        "CREATE TABLE people (name TEXT PRIMARY KEY, role TEXT NOT NULL, groups TEXT NOT NULL,"
        " passphrase_hash TEXT NOT NULL, created_at INTEGER NOT NULL, removed_at INTEGER NOT NULL)"
    )
    connection.execute("INSERT INTO people VALUES ('alice', 'approver', 'oncall', 'argon2', 5, 0)")
    assert [one.name for one in added(path)] == ["alice"]
    create_tables(connection)
    (found,) = people.listing(connection)
    assert (found.created_at, found.changed_at, found.passphrase_at) == (5, 0, 0)
    connection.close()


def test_who_was_added_is_seen_without_opening_the_log(store: sqlite3.Connection, path: Path) -> None:
    """A policy is checked against them before anything is served; what cannot be read adds nobody."""
    people.put_person(store, ALICE)
    assert [(one.name, one.groups) for one in added(path)] == [("alice", ("oncall", "dba"))]
    assert added(path.with_name("nothing.db")) == ()
    broken = path.with_name("broken.db")
    broken.write_bytes(b"no database")
    assert added(broken) == ()


def test_what_was_asked_before_is_found_by_an_index(store: sqlite3.Connection) -> None:
    """In the order of the index: nothing is sorted, and no more rows are read than are returned."""
    plan = store.execute(f"EXPLAIN QUERY PLAN {approvals.EARLIER}", ("prn", 1, "apr_1", 9, 20)).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH approvals USING INDEX idx_approvals_principal_opened_at (principal=? AND opened_at<?)"
    ]


def test_votes_are_read_with_the_first_view_by_an_index(store: sqlite3.Connection) -> None:
    """The first look counts, also after a second one; newest first, no more than asked for, nothing is sorted."""
    for number in (1, 2):
        pending = Approval(f"apr_{number}", ApprovalStatus.PENDING, f"d{number}", "prn", "tok", "", "x", (), 1, 99)
        approvals.open_approval(store, OpenApproval(pending, 5), 0, ("key", b""))
        vote = Vote(1, "per_a", Decision.APPROVE, 10 * number, "passphrase")
        assert votes.cast_vote(store, CastVote(pending.id, pending.digest, vote, -1), 0) is None
    for viewer, at in (("per_a", 4), ("per_a", 6), ("per_b", 3)):
        votes.see(store, SeeApproval("apr_1", viewer, at))
    votes.see(store, SeeApproval("apr_2", "per_a", 50))
    assert votes.answers(store, 0, 9) == [("per_a", "approve", 20, 0, 1), ("per_a", "approve", 10, 4, 1)]
    assert votes.answers(store, 10, 9) == [("per_a", "approve", 20, 0, 1)]
    assert votes.answers(store, 0, 1) == [("per_a", "approve", 20, 0, 1)]
    plan = [row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {votes.ANSWERS}", (0, 9)).fetchall()]
    assert plan[0] == "SEARCH v USING INDEX votes_at (at>?)"
    assert all("SEARCH" in step for step in plan)
