"""Rows of the one database file: tokens, people, issued ids, and the approval's state machine as SQL."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.demand import demand_of
from firewall.core.verdict import Obligations
from firewall.core.work import EndPerson, EndToken, MoveApproval, OpenApproval, PutIssued, PutPerson, PutToken
from firewall.storage.sqlite import approvals, erasures, people, tokens
from firewall.storage.sqlite.schema import create_tables, open_reader, open_writer

TOKEN = PutToken("tok_1", b"f" * 32, "agent", "", "", "{}", 1, 100)
OPENED = Approval(
    id="apr_1",
    status=ApprovalStatus.PENDING,
    digest="d",
    principal="prn_1",
    token="tok_1",
    session="s",
    environment="staging",
    effects=("destructive", "read"),
    obligations=Obligations(demands=(demand_of("oncall"),)),
    opened_at=10,
    expires_at=100,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A fresh file."""
    connection = open_writer(tmp_path / "log.db")
    create_tables(connection)
    yield connection
    connection.close()


def test_tables_are_made_once_and_readers_cannot_write(tmp_path: Path) -> None:
    """81: Making them again changes nothing; the reading connection refuses to write."""
    writer = open_writer(tmp_path / "log.db")
    create_tables(writer)
    tokens.put_token(writer, TOKEN)
    create_tables(writer)
    reader = open_reader(tmp_path / "log.db")
    assert tokens.by_id(reader, "tok_1") is not None
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM tokens")
    reader.close()
    writer.close()


def test_token_is_found_by_fingerprint_and_ends_once(store: sqlite3.Connection) -> None:
    """A second revocation finds nothing to end."""
    tokens.put_token(store, TOKEN)
    found = tokens.by_fingerprint(store, b"f" * 32)
    assert found is not None
    assert (found.id, found.revoked_at) == ("tok_1", 0)
    assert tokens.by_fingerprint(store, b"g" * 32) is None
    assert tokens.end_token(store, EndToken("tok_1", 5), 0) is None
    again = tokens.end_token(store, EndToken("tok_1", 6), 3)
    assert again is not None
    assert (again.step, again.why) == (3, "unknown")
    assert [row.revoked_at for row in tokens.listing(store, 10)] == [5]


def test_issued_ids_belong_to_their_principal(store: sqlite3.Connection) -> None:
    """Telling twice is one row, whose provider stays the first; another principal has none."""
    for provider in ("first", "second"):
        tokens.put_issued(store, PutIssued("prn_1", ("resp_1", "resp_2"), 1, provider))
    assert tokens.issuer_of(store, "prn_1", "resp_2") == "first"
    assert tokens.issuer_of(store, "prn_2", "resp_2") == ""


def test_issued_ids_of_an_earlier_version_are_nobodys(tmp_path: Path) -> None:
    """The table of before gets its column, once; what stood there names no provider and is no reference."""
    connection = open_writer(tmp_path / "old.db")
    connection.execute(
        "CREATE TABLE issued (principal TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, "
        "PRIMARY KEY (principal, id)) WITHOUT ROWID"
    )
    connection.execute("INSERT INTO issued VALUES ('prn_1', 'resp_1', 1)")
    for _ in range(2):
        create_tables(connection)
    assert tokens.issuer_of(connection, "prn_1", "resp_1") == ""
    tokens.put_issued(connection, PutIssued("prn_1", ("resp_2",), 1, "openai"))
    assert tokens.issuer_of(connection, "prn_1", "resp_2") == "openai"
    connection.close()


def test_subjects_of_an_earlier_version_are_their_owners(tmp_path: Path) -> None:
    """Whom they act for is read once from what they were called; an erasure finds them."""
    connection = open_writer(tmp_path / "old.db")
    create_tables(connection)
    connection.execute("ALTER TABLE tokens DROP COLUMN owner")
    who, held = "u1 of https://idp.example/a", "olga/coder in staging: u1 of https://idp.example/a"
    named = (("tok_1", who, ""), ("tok_2", held, "tok_1"), ("tok_3", f"row 0a1b2c3d of {held}", "tok_2"))
    for one, holder, parent in named:
        connection.execute(
            "INSERT INTO tokens VALUES (?, ?, 'oauth', ?, ?, '', 1, 100, 0)", (one, one.encode(), holder, parent)
        )
    for _ in range(2):
        create_tables(connection)
    owners = connection.execute("SELECT id, owner FROM tokens ORDER BY id").fetchall()
    assert owners == [("tok_1", ""), ("tok_2", "olga"), ("tok_3", "olga")]
    assert erasures.live_tokens(connection, "olga", 5) == erasures.live_tokens(connection, who, 5) == ["tok_1"]
    assert erasures.live_tokens(connection, "", 5) == []
    connection.close()


def test_removed_person_is_gone_and_can_come_back(store: sqlite3.Connection) -> None:
    """Removal drops the hash; adding again sets a new one."""
    person = PutPerson("alice", "approver", ("oncall", "db"), "hash", 1)
    people.put_person(store, person)
    assert people.end_person(store, EndPerson("alice", 2), 0) is None
    assert people.get(store, "alice") is None
    assert people.listing(store) == []
    assert people.end_person(store, EndPerson("alice", 3), 0) is not None
    people.put_person(store, replace(person, passphrase_hash="new"))
    found = people.get(store, "alice")
    assert found is not None
    assert (found.passphrase_hash, found.groups) == ("new", ("oncall", "db"))


def test_equal_call_is_opened_once_and_too_many_are_refused(store: sqlite3.Connection) -> None:
    """An equal pending one is named; the cap counts what is pending now."""
    sealed = ("key_1", b"sealed")
    assert approvals.open_approval(store, OpenApproval(OPENED, 2), 0, sealed) is None
    equal = approvals.open_approval(store, OpenApproval(replace(OPENED, id="apr_2"), 2), 0, sealed)
    assert equal is not None
    assert (equal.why, equal.found) == ("open_exists", "apr_1")
    other = replace(OPENED, id="apr_3", digest="e")
    assert approvals.open_approval(store, OpenApproval(other, 2), 0, sealed) is None
    full = approvals.open_approval(store, OpenApproval(replace(OPENED, id="apr_4", digest="f"), 2), 0, sealed)
    assert full is not None
    assert full.why == "too_many_pending"
    stored = approvals.get(store, "apr_1")
    assert stored is not None
    assert stored.approval == OPENED
    assert approvals.subject_key(store, "apr_1") == "key_1"


PENDING, APPROVED, CONSUMED = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED
MOVES = [
    ("decided in time", PENDING, APPROVED, 50, "", True),
    ("decided too late", PENDING, APPROVED, 100, "", False),
    ("expired in time", PENDING, ApprovalStatus.EXPIRED, 100, "", True),
    ("expired too early", PENDING, ApprovalStatus.EXPIRED, 99, "", False),
    ("seen elsewhere", APPROVED, CONSUMED, 50, "d", False),
    ("withdrawn", PENDING, ApprovalStatus.CANCELLED, 500, "", True),
    ("another call", PENDING, APPROVED, 50, "x", False),
]


@pytest.mark.parametrize(("name", "expect", "become", "at", "digest", "moves"), MOVES)
def test_moves_happen_only_from_where_and_when_they_may(
    store: sqlite3.Connection,
    name: str,
    expect: ApprovalStatus,
    become: ApprovalStatus,
    at: int,
    digest: str,
    *,
    moves: bool,
) -> None:
    """State, time and digest are conditions of the one statement."""
    approvals.open_approval(store, OpenApproval(OPENED, 9), 0, ("k", b""))
    unmet = approvals.move_approval(store, MoveApproval("apr_1", expect, become, at, digest=digest), 0, None)
    assert (unmet is None) is moves, name


def test_approved_call_is_used_once_within_its_time(store: sqlite3.Connection) -> None:
    """Usable until `use_before`, for its principal and digest alone; consumed, it is over."""
    approvals.open_approval(store, OpenApproval(OPENED, 9), 0, ("k", b""))
    vote = MoveApproval("apr_1", PENDING, APPROVED, 50, by="per_1", use_before=90)
    assert approvals.move_approval(store, vote, 0, b"why") is None
    assert approvals.usable(store, "prn_1", "d", 89) is not None
    assert approvals.usable(store, "prn_1", "d", 90) is None
    assert approvals.usable(store, "prn_2", "d", 60) is None
    assert approvals.usable(store, "prn_1", "e", 60) is None
    use = MoveApproval("apr_1", APPROVED, CONSUMED, 60, digest="d")
    assert approvals.move_approval(store, use, 0, None) is None
    assert approvals.move_approval(store, use, 0, None) is not None
    assert approvals.usable(store, "prn_1", "d", 61) is None
    assert approvals.due(store, 1000) == []
