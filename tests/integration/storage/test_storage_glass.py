"""Uses of break-glass in SQLite: found by an index, and at hand in a database of an earlier version."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from firewall.storage.sqlite import glass
from firewall.storage.sqlite.schema import create_tables, open_writer


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with its tables."""
    made = open_writer(tmp_path / "stayhand.db")
    create_tables(made)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "index"), [(glass.OPEN, "glass_open"), (glass.NEWEST, "glass_reviewed")], ids=["open", "reviewed"]
)
def test_reviews_are_found_by_an_index(connection: sqlite3.Connection, query: str, index: str) -> None:
    """Neither a scan nor a sort, however many there were."""
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (5, 0)))
    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


def test_bounds_are_counted_by_indexes(connection: sqlite3.Connection) -> None:
    """However often the glass was broken."""
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {glass.COUNTED}", (0, "[]"))]
    assert not [line for line in plan if line.startswith(("SCAN glass", "SCAN glass_people"))]


def test_an_older_database_is_brought_up_to_date(connection: sqlite3.Connection) -> None:
    """Approvals of before have no use; running it again changes nothing."""
    for table in ("glass", "glass_people"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE approvals DROP COLUMN glass")
    for _ in range(2):
        create_tables(connection)
    assert glass.uses(connection, 5, is_open=True) == []
    assert "glass" in {row[1] for row in connection.execute("PRAGMA table_info(approvals)")}
