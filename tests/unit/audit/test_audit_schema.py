"""The tables refuse what is not an append, by trigger and by authorizer."""

import sqlite3
from pathlib import Path

import pytest

from audit import AuditError, schema
from tests.support.audit_logs import connect, make

CHANGES = [
    "UPDATE audit_entries SET body = x'00' WHERE seq = 2",
    "DELETE FROM audit_entries WHERE seq = 4",
    "DELETE FROM audit_entries",
    "UPDATE audit_checkpoints SET note = x'00'",
    "DELETE FROM audit_checkpoints",
    "UPDATE audit_nodes SET hash = x'00'",
    "DELETE FROM audit_nodes",
]
INSERTS = [
    "INSERT OR REPLACE INTO audit_entries VALUES (2, 1, 'k', '', '', x'00', x'00', NULL)",
    "REPLACE INTO audit_entries VALUES (2, 1, 'k', '', '', x'00', x'00', NULL)",
    "INSERT INTO audit_entries VALUES (2, 1, 'k', '', '', x'', x'', NULL) ON CONFLICT DO UPDATE SET body = x''",
    "INSERT INTO audit_entries VALUES (999999, 1, 'k', '', '', x'00', x'00', NULL)",
    "INSERT INTO audit_entries VALUES (-1, 1, 'k', '', '', x'00', x'00', NULL)",
    "INSERT INTO audit_entries VALUES (NULL, 1, 'k', '', '', x'00', x'00', NULL)",
    "REPLACE INTO audit_checkpoints VALUES (5, x'00')",
    "INSERT INTO audit_checkpoints VALUES (3, x'00')",
    "INSERT INTO audit_checkpoints VALUES (9, x'00')",
    "REPLACE INTO audit_nodes VALUES (1, 0, x'00')",
    "INSERT INTO audit_nodes VALUES (1, 7, x'00')",
]
DEFINITIONS = [
    "DROP TABLE audit_entries",
    "DROP TRIGGER audit_entries_no_update",
    "DROP INDEX audit_entries_approval",
    "ALTER TABLE audit_entries RENAME TO gone",
    "ALTER TABLE audit_entries ADD COLUMN more TEXT",
    "CREATE TRIGGER sneaky AFTER INSERT ON audit_entries BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER sneaky AFTER INSERT ON main.audit_entries BEGIN SELECT 1; END",
    "CREATE TEMP TABLE audit_entries (seq INTEGER)",
    "CREATE TEMP VIEW audit_entries AS SELECT 1",
    "CREATE VIEW audit_view AS SELECT 1",
    "CREATE INDEX more ON audit_entries (at)",
    "ATTACH ':memory:' AS elsewhere",
    "VACUUM",
    "PRAGMA writable_schema = ON",
    "PRAGMA writable_schema",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA journal_mode = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = OFF",
    "PRAGMA synchronous = NORMAL",
    "SELECT load_extension('nothing')",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of five entries, and another table in the same file."""
    file = tmp_path / "log.db"
    make(file, [2, 3])
    conn = sqlite3.connect(file)
    conn.execute("CREATE TABLE other (x INTEGER)")
    conn.close()
    return file


@pytest.mark.parametrize("statement", CHANGES + INSERTS)
def test_triggers_alone_refuse_changes_gaps_and_replacement(path: Path, statement: str) -> None:
    """Without any authorizer, UPDATE, DELETE, REPLACE, upsert and a number out of order are refused."""
    conn = sqlite3.connect(path, isolation_level=None)
    before = conn.execute("SELECT * FROM audit_entries").fetchall()
    if (
        "audit_nodes SET" in statement
        or "FROM audit_nodes" in statement
        or "audit_nodes VALUES (1, 0" in statement
    ):
        conn.execute("INSERT INTO audit_nodes VALUES (1, 0, x'aa')")
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only"):
        conn.execute(statement)
    assert conn.execute("SELECT * FROM audit_entries").fetchall() == before
    conn.close()


@pytest.mark.parametrize("statement", [s for s in CHANGES if "DELETE FROM audit_nodes" not in s] + DEFINITIONS)
def test_a_guarded_connection_refuses_to_compile_it(path: Path, statement: str) -> None:
    """What triggers cannot stop is refused when it is compiled: definitions, ATTACH, pragmas, extensions."""
    conn = connect(path)
    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited|denied"):
        conn.execute(statement)
    conn.close()


@pytest.mark.parametrize("statement", INSERTS)
def test_a_guarded_connection_refuses_bad_inserts(path: Path, statement: str) -> None:
    """REPLACE and gaps are refused on the guarded connection too."""
    conn = connect(path)
    if "audit_nodes VALUES (1, 0" in statement:
        conn.execute("INSERT INTO audit_nodes VALUES (1, 0, x'aa')")
    with pytest.raises(sqlite3.DatabaseError, match=r"append-only|not authorized|prohibited"):
        conn.execute(statement)
    conn.close()


def test_other_tables_of_the_file_stay_writable(path: Path) -> None:
    """The guard is about the log: the rest of the file is written, changed and defined as ever."""
    conn = connect(path)
    conn.execute("CREATE TABLE mine (x INTEGER PRIMARY KEY, y TEXT)")
    conn.execute("CREATE INDEX mine_y ON mine (y)")
    conn.execute("INSERT INTO mine VALUES (1, 'a')")
    conn.execute("REPLACE INTO mine VALUES (1, 'b')")
    conn.execute("UPDATE mine SET y = 'c'")
    assert conn.execute("DELETE FROM mine RETURNING y").fetchall() == [("c",)]
    conn.execute("ALTER TABLE mine ADD COLUMN z TEXT")
    conn.execute("DROP TABLE mine")
    conn.execute("PRAGMA user_version = 3")
    conn.execute("PRAGMA synchronous = FULL")
    assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    conn.execute("SAVEPOINT s")
    conn.execute("RELEASE s")
    conn.close()


def test_create_does_nothing_on_a_complete_log(path: Path) -> None:
    """It can be called on every start."""
    conn = sqlite3.connect(path)
    before = schema.stored(conn)
    schema.create(conn)
    assert schema.stored(conn) == before == schema.OBJECTS
    assert schema.drift(conn) == []
    conn.close()


def test_create_refuses_a_foreign_schema(tmp_path: Path) -> None:
    """A table of our name in another form is not taken for ours."""
    conn = sqlite3.connect(tmp_path / "log.db")
    conn.execute("CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, note BLOB, more TEXT)")
    with pytest.raises(AuditError, match="`audit_checkpoints` is changed"):
        schema.create(conn)
    conn.close()


def test_create_says_when_the_file_cannot_be_written(tmp_path: Path) -> None:
    """A read-only file is an AuditError, not an sqlite one."""
    file = tmp_path / "log.db"
    sqlite3.connect(file).execute("CREATE TABLE x (y)").connection.close()
    conn = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    with pytest.raises(AuditError, match="cannot create"):
        schema.create(conn)
    conn.close()


def test_drift_names_what_is_missing_changed_or_added(path: Path) -> None:
    """The verifier can say which part of the schema is not the format's."""
    conn = sqlite3.connect(path)
    conn.execute("DROP TRIGGER audit_nodes_no_delete")
    conn.execute("CREATE TRIGGER extra AFTER INSERT ON audit_entries BEGIN SELECT 1; END")
    conn.execute("ALTER TABLE audit_nodes ADD COLUMN more TEXT")
    assert schema.drift(conn) == [
        "`audit_nodes_no_delete` is missing",
        "`audit_nodes` is changed",
        "`extra` does not belong here",
    ]
    conn.close()
