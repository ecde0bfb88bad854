"""What was approved for a token ends with it in the very rows: whoever asks with another token is asked anew."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.work import EndToken, HeedApproval, MoveApproval, OpenApproval, PutToken, Unmet, UseApproval
from firewall.storage.sqlite import approvals, tokens
from firewall.storage.sqlite.schema import create_tables, open_writer

PENDING = Approval("apr_1", ApprovalStatus.PENDING, "d", "prn", "child", "", "staging", ("write",), 1, 99)
SEALED = ("key", b"")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Tables with a token, one narrowed from it and one from that, and a stranger."""
    connection = open_writer(tmp_path / "stayhand.db")
    create_tables(connection)
    for number, (name, parent) in enumerate((("root", ""), ("mid", "root"), ("child", "mid"), ("other", ""))):
        mark = bytes([number]) * 32
        tokens.put_token(connection, PutToken(name, mark, "agent", "", parent, "{}", 1, 100))
    yield connection
    connection.close()


def _permitted(store: sqlite3.Connection, uses: int) -> None:
    approvals.open_approval(store, OpenApproval(PENDING, 5), 0, SEALED)
    move = MoveApproval(
        "apr_1", ApprovalStatus.PENDING, ApprovalStatus.APPROVED, 5, by="per_a", use_before=90, uses=uses
    )
    assert approvals.move_approval(store, move, 0, None) is None


@pytest.mark.parametrize("uses", [1, 3])
@pytest.mark.parametrize(
    ("ended", "is_left"), [("child", False), ("mid", False), ("root", False), ("other", True)]
)
def test_what_was_approved_ends_with_its_token(
    store: sqlite3.Connection, ended: str, uses: int, *, is_left: bool
) -> None:
    """Its own, or one above it, though nobody withdrew it: it is not found, not used, and not joined."""
    _permitted(store, uses)
    use = UseApproval("apr_1", "d", 6, 0)
    again = OpenApproval(replace(PENDING, id="apr_2", token="other", opened_at=7), 5)
    assert approvals.usable(store, "prn", "d", 6) is not None
    assert tokens.end_token(store, EndToken(ended, 6), 0) is None
    assert (approvals.usable(store, "prn", "d", 6) is not None) is is_left
    assert (approvals.use_approval(store, use, 0) is None) is (is_left and uses > 1)
    last = MoveApproval(
        "apr_1",
        ApprovalStatus.APPROVED,
        ApprovalStatus.CONSUMED,
        6,
        digest="d",
        used=1 if is_left and uses > 1 else 0,
    )
    for token in ("other", "nobody"):
        heed = approvals.heed_approval(store, HeedApproval("apr_1", token, -1), 0)
        assert (heed is None) is (is_left and token != ended)
    heed = approvals.heed_approval(store, HeedApproval("apr_1", "child", -1), 0)
    assert (heed is None) is is_left
    opened = approvals.open_approval(store, again, 0, SEALED)
    assert opened == (Unmet(0, "open_exists", found="apr_1") if is_left else None)
    consumed = approvals.move_approval(store, last, 0, None)
    assert consumed == (None if is_left else Unmet(0, "moved_on", found="apr_1"))


def test_finding_it_looks_things_up_by_index_alone(store: sqlite3.Connection) -> None:
    """Every judged ask does it: no table is read through."""
    plan = store.execute(f"EXPLAIN QUERY PLAN {approvals.USABLE}", ("prn", "d", 6)).fetchall()
    scanned = [str(row[3]) for row in plan if str(row[3]).startswith("SCAN")]
    assert [one for one in scanned if one not in ("SCAN line", "SCAN CONSTANT ROW")] == []
