"""Lists of approvals and tokens are read by an index, in its order, and no further than a page."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.work import OpenApproval
from firewall.storage.sqlite import approvals, tokens
from firewall.storage.sqlite.schema import create_tables, open_writer

ONE = Approval("apr_a", ApprovalStatus.PENDING, "d", "prn", "tok", "", "staging", ("write",), 1, 99)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Tables of a new installation."""
    connection = open_writer(tmp_path / "stayhand.db")
    create_tables(connection)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("query", "values", "index"),
    [
        (approvals.LATELY, (9,), "idx_approvals_opened_at"),
        (approvals.OF_STATUS, ("pending", 9), "idx_approvals_status_opened_at"),
        (approvals.LATELY_IDS, (9, 9, 9, 9), "idx_approvals_opened_at"),
        (approvals.IDS_OF_STATUS, ("pending", 9, 9, 9, 9), "idx_approvals_status_opened_at"),
        (approvals.WAITING, (1, 1, "", 9), "approvals_waiting"),
        (approvals.COUNTED, (1,), "approvals_waiting"),
        (approvals.SETTLED, (9,), "approvals_settled"),
        (approvals.NEWEST, (0, 1, 9), "idx_approvals_status_opened_at"),
        (approvals.OPEN_OF, ("tok",), "approvals_open"),
        (approvals.ALIKE, ("tok", 1, "staging", "write"), "approvals_open"),
        (tokens.NEWEST, (9, 9, "", 9), "tokens_newest"),
    ],
)
def test_lists_walk_an_index(
    store: sqlite3.Connection, query: str, values: tuple[object, ...], index: str
) -> None:
    """Ten thousand rows are neither read nor sorted for a page of them."""
    plan = [str(row[3]) for row in store.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    assert len(plan) == 1, plan
    assert f"INDEX {index}" in plan[0]


def test_a_page_ends_where_subjects_are_long(store: sqlite3.Connection) -> None:
    """No more than a page's bytes are read and opened; one that is longer by itself is a page of its own."""
    sizes = {"apr_a": 40, "apr_b": 70, "apr_c": 500, "apr_d": 10, "apr_e": 10}
    for at, (name, size) in enumerate(sizes.items()):
        one = replace(ONE, id=name, digest=name, expires_at=50 + at)
        approvals.open_approval(store, OpenApproval(one, 9), 0, ("key", b"x" * size))
    pages, after, is_more = [], "", True
    while is_more:
        found, is_more = approvals.waiting(store, 1, approvals.Most(3, 100), after)
        pages.append([one.approval.id for one in found])
        after = pages[-1][-1]
    assert pages == [["apr_a"], ["apr_b"], ["apr_c"], ["apr_d", "apr_e"]]
