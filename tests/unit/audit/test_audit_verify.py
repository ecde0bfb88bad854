"""The verifier: what it finds, which entry it names, and what only a witness can tell."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from audit import AuditError, Checkpoint, Kind, SigningKey
from audit.report import MAX_FINDINGS
from audit.sqlite import open_log
from audit.verify import prove, verify
from audit.witness import append_head, read_heads
from tests.support.audit_logs import (
    KEY,
    ORIGIN,
    check,
    commit,
    connect,
    draft,
    forge,
    found,
    make,
    reopen,
    stories,
    tamper,
)

SIZES = [3, 1, 5, 300, 1, 1]
"""Batches of the log under test: 311 entries, one stored subtree hash."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good log."""
    file = tmp_path / "log.db"
    make(file, SIZES)
    return file


def test_a_good_log_verifies(path: Path) -> None:
    """Nothing is found; what nobody watches is said."""
    report = check(path)
    assert (report.ok, report.size, report.checkpoints) == (True, 311, 6)
    assert report.notes == ("unwitnessed since 0",)
    assert (report.unwitnessed_since, report.unsigned_since, report.first_bad) == (0, None, None)


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    """A log without entries is a good log."""
    make(tmp_path / "log.db", [])
    report = check(tmp_path / "log.db", strict=True)
    assert (report.ok, report.size, report.notes) == (True, 0, ())


def test_a_live_log_verifies(tmp_path: Path) -> None:
    """The file may be in use, its newest entries in the WAL only, a transaction half done."""
    path = tmp_path / "log.db"
    conn = connect(path)
    log = reopen(conn)
    commit(conn, log, [draft(n) for n in range(10)])
    conn.execute("BEGIN IMMEDIATE")
    log.append([draft(10)])
    assert (tmp_path / "log.db-wal").stat().st_size > 0
    report = check(path)
    assert (report.ok, report.size) == (True, 10)
    conn.execute("ROLLBACK")
    conn.close()


def test_a_copy_in_a_read_only_folder_verifies(path: Path, tmp_path: Path) -> None:
    """A copy without its WAL, where nothing can be written, is read as it is."""
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(path, folder / "log.db")
    folder.chmod(0o500)
    try:
        assert check(folder / "log.db").ok
    finally:
        folder.chmod(0o700)


def test_verifying_changes_nothing(path: Path) -> None:
    """The bytes of the file are the same afterwards."""
    before = path.read_bytes()
    check(path)
    prove(path, 5)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("SET body = CAST(replace(body, 'true', 'tRue') AS BLOB) WHERE seq = 4", [("body", 4)]),
        ("SET body = CAST(replace(body, 'true', 'false') AS BLOB) WHERE seq = 120", [("body", 120)]),
        ("SET leaf = zeroblob(32) WHERE seq = 5", [("leaf", 5)]),
        ("SET at = at + 1 WHERE seq = 6", [("column", 6)]),
        ("SET kind = 'tool.released' WHERE seq = 7", [("column", 7)]),
        ("SET principal = 'prn_abd' WHERE seq = 8", [("column", 8)]),
        ("SET principal = 'a\"b' WHERE seq = 8", [("column", 8)]),
        ("SET approval = 'apr_9' WHERE seq = 10", [("column", 10)]),
        ("SET approval = 'a\"b' WHERE seq = 10", [("column", 10)]),
        ("SET sealed = CAST(sealed || 'x' AS BLOB) WHERE seq = 9", [("column", 9)]),
        ("SET sealed = NULL WHERE seq = 9", [("column", 9)]),
        ("SET sealed = x'' WHERE seq = 10", [("column", 10)]),
        ("SET kind = CAST(x'ff' AS TEXT) WHERE seq = 11", [("column", 11)]),
        ("SET body = x'' WHERE seq = 12", [("body", 12), ("body", 12)]),
        ("SET at = at + 1, principal = 'x' WHERE seq IN (2, 50)", [("column", 2), ("column", 50)]),
    ],
)
def test_a_changed_entry_is_named(path: Path, change: str, expected: list[tuple[str, int]]) -> None:
    """74: Body, leaf, every index column and the ciphertext: the finding names the entry and the kind of fault."""
    tamper(path, f"UPDATE audit_entries {change}")
    report = check(path)
    assert found(report) == expected
    assert report.first_bad == expected[0][1]


def test_columns_that_imitate_the_body_are_found(tmp_path: Path) -> None:
    """A column that quotes its way through the body's text does not pass for it."""
    path = tmp_path / "log.db"
    stories(path, [(Kind.TOOL_JUDGED, "apr_1")])
    tamper(
        path, """UPDATE audit_entries SET approval = 'apr_1","at":1760000000000000,"data":{"decision":"approve'"""
    )
    assert found(check(path)) == [("column", 0)]


def test_body_and_leaf_changed_together_are_found_by_the_root(path: Path) -> None:
    """The checkpoint after the entry refuses it; one entry per commit names it exactly."""
    forge(path, 3)
    report = check(path)
    assert found(report) == [("root", 3)]
    assert str(report.findings[0]) == "entry 3: the root that checkpoint 4 signed is another"


def test_body_and_leaf_changed_together_in_a_batch_give_the_range(path: Path) -> None:
    """Between two checkpoints the batch is named."""
    forge(path, 6)
    assert str(check(path).findings[0]).startswith("entry 4: one of entries 4 to 8 was changed")


def test_swapped_entries_are_found(path: Path) -> None:
    """Two entries that trade places are both named."""
    tamper(
        path,
        "UPDATE audit_entries SET seq = -1 WHERE seq = 5",
        "UPDATE audit_entries SET seq = 5 WHERE seq = 6",
        "UPDATE audit_entries SET seq = 6 WHERE seq = -1",
    )
    report = check(path)
    assert {("column", 5), ("column", 6)} <= set(found(report))


def test_a_deleted_entry_is_found(path: Path) -> None:
    """The gap is named."""
    tamper(path, "DELETE FROM audit_entries WHERE seq BETWEEN 5 AND 6")
    report = check(path)
    assert report.first_bad == 5
    assert str(report.findings[0]) == "entry 5: missing, and all up to entry 6"


def test_one_entry_that_is_gone_is_said_to_be(path: Path) -> None:
    """No range where there is none."""
    tamper(path, "DELETE FROM audit_entries WHERE seq = 5")
    assert str(check(path).findings[0]) == "entry 5: missing"


def test_an_inserted_entry_is_found(path: Path) -> None:
    """An entry before the first or after the signed end does not belong."""
    tamper(
        path,
        "INSERT INTO audit_entries SELECT -1, at, kind, principal, approval, leaf, body, sealed"
        " FROM audit_entries WHERE seq = 1",
    )
    assert ("missing", -1) in found(check(path))


def test_a_tail_without_checkpoint_is_said_and_strictly_refused(path: Path) -> None:
    """Anybody can add unsigned entries, and every commit of ours is signed: they are a finding."""
    tamper(path, "DELETE FROM audit_checkpoints WHERE size > 309")
    report = check(path)
    assert (report.ok, report.unsigned_since) == (False, 309)
    assert found(report) == [("unsigned", 309)]
    assert "unsigned since 309" in report.notes
    assert found(check(path, strict=True)) == [("unwitnessed", 0), ("unsigned", 309)]


def test_a_truncated_log_is_found_by_its_checkpoints(path: Path) -> None:
    """Entries cut off the end leave checkpoints that reach further."""
    tamper(path, "DELETE FROM audit_entries WHERE seq >= 309")
    report = check(path)
    assert report.first_bad == 309
    assert "its checkpoints reach to 311" in report.findings[0].text


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit_nodes SET hash = zeroblob(32)", ("node", 0)),
        ("DELETE FROM audit_nodes", ("node", 0)),
        ("INSERT INTO audit_nodes VALUES (1, 1, zeroblob(32))", ("node", None)),
        ("UPDATE audit_checkpoints SET size = 8 WHERE size = 9", ("checkpoint", 7)),
        ("UPDATE audit_checkpoints SET note = x'00' WHERE size = 9", ("checkpoint", 8)),
        ("UPDATE audit_checkpoints SET size = -9 WHERE size = 9", ("checkpoint", 0)),
        ("DROP TRIGGER audit_entries_no_delete", ("schema", None)),
    ],
)
def test_what_lies_beside_the_entries_is_checked_too(
    path: Path, change: str, fault: tuple[str, int | None]
) -> None:
    """Stored subtree hashes, checkpoints, and the tables' own definition."""
    if change.startswith("DROP"):
        conn = sqlite3.connect(path)
        conn.execute(change)
        conn.close()
    else:
        tamper(path, change)
    assert fault in found(check(path))


def test_a_forged_signature_is_found(path: Path) -> None:
    """75: A checkpoint signed by another key under our name is not ours."""
    note = SigningKey(ORIGIN, bytes(32)).sign(Checkpoint(ORIGIN, 9, bytes(32)))
    tamper(path, "UPDATE audit_checkpoints SET note = ? WHERE size = 9", values=(note,))
    faults = found(check(path))
    assert ("checkpoint", 8) in faults
    assert ("root", 4) in faults


def test_another_log_of_the_same_key_is_not_this_one(path: Path) -> None:
    """The origin is part of what is pinned."""
    assert not verify(path, [KEY.verifier], origin="another").ok


def test_a_rotated_key_verifies_with_both(tmp_path: Path) -> None:
    """75: After a rotation the old and the new key together prove the whole log, either alone does not."""
    path = tmp_path / "log.db"
    make(path, [2])
    newer = SigningKey(ORIGIN, bytes(32))
    conn = connect(path)
    commit(conn, open_log(conn, newer, origin=ORIGIN, former=[KEY.verifier]), [draft(2)])
    conn.close()
    assert verify(path, [newer.verifier, KEY.verifier]).ok
    assert not verify(path, [newer.verifier]).ok
    assert not verify(path, [KEY.verifier]).ok


class TestWitness:
    """What only somebody else's memory can show."""

    @pytest.fixture
    def witness(self, path: Path, tmp_path: Path) -> Path:
        """A witness that saw the log grow."""
        conn = sqlite3.connect(path)
        for (note,) in conn.execute("SELECT note FROM audit_checkpoints ORDER BY size"):
            append_head(tmp_path / "witness", note)
        conn.close()
        return tmp_path / "witness"

    def test_a_watched_log_is_ok_even_strictly(self, path: Path, witness: Path) -> None:
        """Nothing is left unproven."""
        report = check(path, witness, strict=True)
        assert (report.ok, report.notes, report.unwitnessed_since) == (True, (), None)

    def test_what_came_after_the_last_head_is_said(self, path: Path, witness: Path) -> None:
        """`unwitnessed since N` names the first entry that nobody has seen."""
        conn = connect(path)
        commit(conn, reopen(conn), [draft(0)])
        conn.close()
        report = check(path, witness)
        assert (report.ok, report.notes) == (True, ("unwitnessed since 311",))
        assert found(check(path, witness, strict=True)) == [("unwitnessed", 311)]

    def test_truncation_with_checkpoints_needs_the_witness(self, path: Path, witness: Path) -> None:
        """74: Cut cleanly, the log verifies alone and fails against its witness."""
        tamper(
            path,
            "DELETE FROM audit_entries WHERE seq >= 9",
            "DELETE FROM audit_checkpoints WHERE size > 9",
            "DELETE FROM audit_nodes",
        )
        assert check(path).ok
        report = check(path, witness)
        assert not report.ok
        assert "has seen 311 entries" in report.findings[-1].text

    def test_rolling_back_the_whole_file_needs_the_witness(self, path: Path, tmp_path: Path) -> None:
        """74: An older copy put in place is found, though it is a good log."""
        old = tmp_path / "old.db"
        shutil.copy(path, old)
        conn = connect(path)
        log = reopen(conn)
        commit(conn, log, [draft(0)])
        assert log.head is not None
        append_head(tmp_path / "witness", log.head)
        conn.close()
        assert check(path, tmp_path / "witness").ok
        assert check(old).ok
        assert found(check(old, tmp_path / "witness")) == [("witness", 311)]

    def test_a_fork_needs_the_witness(self, witness: Path, tmp_path: Path) -> None:
        """74: Two histories signed by the same key: each verifies alone, one contradicts the witness."""
        fork = tmp_path / "fork.db"
        make(fork, [3, 1])
        conn = connect(fork)
        log = reopen(conn)
        for count in SIZES[2:]:
            commit(conn, log, [draft(n + 1000) for n in range(count)])
        conn.close()
        assert check(fork).ok
        report = check(fork, witness)
        assert not report.ok
        assert "the log was rewritten or forked" in report.findings[0].text
        heads = read_heads(witness, [KEY.verifier]).checkpoints
        conn = connect(fork)
        with pytest.raises(AuditError, match="rewritten"):
            open_log(conn, KEY, origin=ORIGIN, heads=heads)
        conn.close()

    def test_a_witness_of_another_log_is_a_finding(self, path: Path, tmp_path: Path) -> None:
        """Pinned to the wrong witness, nothing is proven."""
        (tmp_path / "w").write_bytes(KEY.sign(Checkpoint("another", 3, bytes(32))))
        assert "watches `another`" in check(path, tmp_path / "w").findings[0].text

    def test_a_torn_head_is_said(self, path: Path, witness: Path) -> None:
        """A cut-off last head is left out, and the report says so."""
        witness.write_bytes(witness.read_bytes()[:-9])
        report = check(path, witness)
        assert report.ok
        assert any("torn head" in note for note in report.notes)


def test_a_torn_page_is_a_finding(path: Path) -> None:
    """A file whose pages are overwritten is unreadable from some entry on, and does not crash the verifier."""
    raw = bytearray(path.read_bytes())
    for start in range(8192, len(raw), 4096):
        raw[start : start + 200] = bytes(200)
    path.write_bytes(raw)
    assert not check(path).ok


@pytest.mark.parametrize(
    "change", ["body = 5", "body = NULL", "at = NULL", "leaf = NULL", "seq = NULL", "sealed = 7"]
)
def test_a_value_of_another_type_is_a_finding(path: Path, change: str) -> None:
    """A table that no longer keeps its types, as a damaged page can make it, does not crash the verifier."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("CREATE TABLE copy AS SELECT * FROM audit_entries")
    conn.execute("DROP TABLE audit_entries")
    conn.execute("CREATE TABLE audit_entries AS SELECT * FROM copy")
    conn.execute(f"UPDATE audit_entries SET {change} WHERE seq = 3")  # noqa: S608 -- our own text
    conn.close()
    faults = [fault for fault, _ in found(check(path))]
    assert "schema" in faults
    assert set(faults) - {"schema"}
    conn = sqlite3.connect(path)
    with pytest.raises(AuditError):
        reopen(conn)
    conn.close()


def test_a_checkpoint_of_another_type_is_a_finding(path: Path) -> None:
    """So too for notes: the signature check refuses what is no bytes."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("CREATE TABLE copy AS SELECT * FROM audit_checkpoints")
    conn.execute("DROP TABLE audit_checkpoints")
    conn.execute("ALTER TABLE copy RENAME TO audit_checkpoints")
    conn.execute("UPDATE audit_checkpoints SET note = 5 WHERE size = 9")
    conn.close()
    assert {"checkpoint", "unreadable"} <= {fault for fault, _ in found(check(path))}


def test_entries_changed_before_a_gap_are_still_named(path: Path) -> None:
    """A hole does not hide what was changed before it, nor what was changed after it."""
    tamper(
        path,
        "UPDATE audit_entries SET leaf = zeroblob(32) WHERE seq IN (5, 100)",
        "DELETE FROM audit_entries WHERE seq = 7",
    )
    assert [finding for finding in found(check(path)) if finding[0] != "node"] == [
        ("body", 5),
        ("missing", 7),
        ("body", 100),
    ]


def test_many_checkpoints_are_all_checked(tmp_path: Path) -> None:
    """More notes than one chunk of signatures: the forged one among them is named."""
    path = tmp_path / "log.db"
    make(path, [1] * 150)
    note = SigningKey(ORIGIN, bytes(32)).sign(Checkpoint(ORIGIN, 140, bytes(32)))
    tamper(path, "UPDATE audit_checkpoints SET note = ? WHERE size = 140", values=(note,))
    report = check(path)
    assert ("checkpoint", 139) in found(report)
    assert report.checkpoints == 150


def test_a_hopeless_log_ends_the_scan(path: Path) -> None:
    """After enough findings the scan stops; the first is still the first."""
    tamper(path, "UPDATE audit_entries SET principal = 'x'")
    report = check(path)
    assert MAX_FINDINGS <= len(report.findings) <= MAX_FINDINGS + 5
    assert report.first_bad == 0


def test_what_is_no_log_is_an_error(tmp_path: Path, path: Path) -> None:
    """No file, no database, no key: an AuditError; a database without a log: findings."""
    with pytest.raises(AuditError, match="there is no log"):
        check(tmp_path / "none")
    (tmp_path / "text").write_bytes(b"hello" * 1000)
    with pytest.raises(AuditError, match="cannot read"):
        check(tmp_path / "text")
    with pytest.raises(AuditError, match="no key"):
        verify(path, [])
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE x (y)").connection.close()
    assert not check(tmp_path / "other").ok
