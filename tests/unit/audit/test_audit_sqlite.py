"""Appending inside the caller's transaction, and taking a log up again."""

import sqlite3
from pathlib import Path

import pytest

from audit import AuditError, Checkpoint, Draft, Kind, SigningKey, decode, leaf_hash, root_of, verify_note
from audit.sqlite import TAIL, open_log, stored_size
from tests.support.audit_logs import KEY, ORIGIN, check, commit, connect, draft, forge, make, reopen, tamper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a log will be."""
    return tmp_path / "log.db"


def test_receipts_name_what_was_stored(path: Path) -> None:
    """Numbers are contiguous from zero, leaves are the hashes of the stored bodies, columns repeat the body."""
    conn = connect(path)
    log = reopen(conn)
    conn.execute("BEGIN")
    receipts = log.append([draft(0), draft(1, sealed=b"secret", approval="apr_1"), draft(2, sealed=b"")])
    more = log.append([draft(3)])
    conn.execute("COMMIT")
    assert (list(receipts.seqs), list(more.seqs), log.size) == ([0, 1, 2], [3], 4)
    rows = conn.execute("SELECT seq, kind, approval, leaf, body, sealed FROM audit_entries").fetchall()
    assert [row[3] for row in rows] == [*receipts.leaves, *more.leaves] == [leaf_hash(row[4]) for row in rows]
    assert rows[1][:3] == (1, "tool.judged", "apr_1")
    assert [row[5] for row in rows] == [None, b"secret", b"", None], "nothing sealed is not the same as empty"
    assert decode(rows[1][4]).seq == 1
    conn.close()


def test_each_commit_ends_in_a_signed_checkpoint(path: Path) -> None:
    """The note covers everything appended so far, and is stored in the same transaction."""
    conn = connect(path)
    log = reopen(conn)
    commit(conn, log, [draft(0), draft(1)])
    commit(conn, log, [draft(2)])
    notes = [row[0] for row in conn.execute("SELECT note FROM audit_checkpoints ORDER BY size")]
    heads = [verify_note(note, [KEY.verifier]) for note in notes]
    leaves = [row[0] for row in conn.execute("SELECT leaf FROM audit_entries ORDER BY seq")]
    assert heads == [Checkpoint(ORIGIN, size, root_of(leaves[:size])) for size in (2, 3)]
    assert log.head == notes[-1]
    conn.close()


def test_a_head_is_signed_once(path: Path) -> None:
    """A second checkpoint of the same size is the first one, and no row."""
    conn = connect(path)
    log = reopen(conn)
    commit(conn, log, [draft(0)])
    conn.execute("BEGIN")
    assert log.checkpoint() == log.head
    conn.execute("COMMIT")
    log.committed()
    assert conn.execute("SELECT count(*) FROM audit_checkpoints").fetchone() == (1,)
    conn.close()


def test_an_empty_log_can_be_signed(path: Path) -> None:
    """A checkpoint of size 0 is a valid beginning."""
    conn = connect(path)
    commit(conn, reopen(conn), [])
    assert reopen(conn).size == 0
    assert check(path).ok
    conn.close()


def test_no_append_outside_a_transaction(path: Path) -> None:
    """Neither entries nor checkpoints are written on autocommit."""
    conn = connect(path)
    log = reopen(conn)
    with pytest.raises(AuditError, match="inside a transaction"):
        log.append([draft(0)])
    with pytest.raises(AuditError, match="inside a transaction"):
        log.checkpoint()
    assert stored_size(conn) == 0
    conn.close()


def test_a_refused_draft_leaves_the_transaction_usable(path: Path) -> None:
    """One bad draft refuses its call alone; the frontier is as before."""
    conn = connect(path)
    log = reopen(conn)
    conn.execute("BEGIN")
    log.append([draft(0)])
    with pytest.raises(AuditError, match="cannot hold a float"):
        log.append([draft(1), Draft(Kind.AUDIT_READ, "", 0, {"x": 0.5})])  # type: ignore[dict-item]  # refused
    log.append([draft(1)])
    log.checkpoint()
    conn.execute("COMMIT")
    log.committed()
    conn.close()
    assert check(path).size == 2
    assert check(path).ok


def test_rollback_restores_the_frontier(path: Path) -> None:
    """After a rolled back transaction the next one continues where the last commit ended."""
    conn = connect(path)
    log = reopen(conn)
    commit(conn, log, [draft(0)])
    head = log.head
    conn.execute("BEGIN")
    log.append([draft(1), draft(2)])
    log.checkpoint()
    conn.execute("ROLLBACK")
    log.rolled_back()
    assert (log.size, log.head) == (1, head)
    commit(conn, log, [draft(7)])
    conn.close()
    assert check(path).ok
    assert check(path).size == 2


def test_a_failed_commit_keeps_the_frontier_right(path: Path) -> None:
    """COMMIT itself fails (a deferred constraint of another table); nothing of it is in the next tree."""
    conn = connect(path)
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    conn.execute("CREATE TABLE child (p INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    log = reopen(conn)
    commit(conn, log, [draft(0)])
    conn.execute("BEGIN")
    log.append([draft(1)] * 300)
    conn.execute("INSERT INTO child VALUES (5)")
    log.checkpoint()
    with pytest.raises(sqlite3.IntegrityError):
        conn.execute("COMMIT")
    with pytest.raises(AuditError, match="still open"):
        log.rolled_back()
    conn.execute("ROLLBACK")
    log.rolled_back()
    commit(conn, log, [draft(2)] * 300)
    conn.close()
    assert check(path).ok
    assert check(path).size == 301


def test_a_full_disk_refuses_and_recovers(path: Path) -> None:
    """SQLITE_FULL amid an append is an AuditError; nothing acknowledged is lost, and it goes on after."""
    conn = connect(path, guarded=False)
    log = reopen(conn)
    commit(conn, log, [draft(n) for n in range(10)])
    (pages,) = conn.execute("PRAGMA page_count").fetchone()
    conn.execute(f"PRAGMA max_page_count = {pages + 3}")
    conn.execute("BEGIN")
    with pytest.raises(AuditError, match="cannot take entries"):
        log.append([draft(n, sealed=b"x" * 4000) for n in range(50)])
    with pytest.raises(AuditError, match="not rolled back"):
        log.append([draft(0)])
    with pytest.raises(AuditError, match="not rolled back"):
        log.checkpoint()
    with pytest.raises(AuditError, match="not rolled back"):
        log.committed()
    if conn.in_transaction:
        conn.execute("ROLLBACK")
    log.rolled_back()
    assert check(path).size == 10
    conn.execute("PRAGMA max_page_count = 100000")
    commit(conn, log, [draft(10)])
    conn.close()
    assert check(path).ok
    assert check(path).size == 11


def test_a_full_disk_at_the_checkpoint_refuses(path: Path) -> None:
    """A checkpoint that cannot be stored is an AuditError, and the log waits for the rollback."""
    conn = connect(path, guarded=False)
    log = reopen(conn)
    conn.execute("BEGIN")
    log.append([draft(0)])
    conn.execute("INSERT INTO audit_checkpoints VALUES (1, x'00')")
    with pytest.raises(AuditError, match="cannot take a checkpoint"):
        log.checkpoint()
    conn.execute("ROLLBACK")
    log.rolled_back()
    commit(conn, log, [draft(0)])
    conn.close()
    assert check(path).ok


def test_a_savepoint_can_be_undone_alone(path: Path) -> None:
    """One unit of a group commit is taken back; the others stay and the tree is theirs."""
    conn = connect(path)
    log = reopen(conn)
    conn.execute("BEGIN")
    log.append([draft(0)])
    mark = log.mark()
    conn.execute("SAVEPOINT unit")
    log.append([draft(1)] * 300)
    with pytest.raises(AuditError, match="savepoint was not rolled back"):
        log.back_to(mark)
    conn.execute("ROLLBACK TO unit")
    log.back_to(mark)
    log.append([draft(2)])
    log.checkpoint()
    with pytest.raises(AuditError, match="checkpoint was written since"):
        log.back_to(mark)
    conn.execute("COMMIT")
    log.committed()
    conn.close()
    assert check(path).ok
    assert check(path).size == 2


def test_rolled_back_notices_another_writer(path: Path) -> None:
    """When the stored log is not the one last committed, the log stays closed until it is reopened."""
    conn = connect(path)
    log = reopen(conn)
    other = connect(path)
    commit(other, reopen(other), [draft(0)])
    conn.execute("BEGIN")
    with pytest.raises(AuditError, match="cannot take entries"):
        log.append([draft(0)])
    conn.execute("ROLLBACK")
    with pytest.raises(AuditError, match="reopen it"):
        log.rolled_back()
    with pytest.raises(AuditError, match="not rolled back"):
        log.append([draft(0)])
    assert reopen(conn).size == 1
    conn.close()
    other.close()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600, TAIL + 300])
def test_a_log_is_taken_up_where_it_ended(path: Path, size: int) -> None:
    """The frontier rebuilt from stored subtree hashes continues the same tree."""
    make(path, [size] if size else [])
    conn = connect(path)
    log = reopen(conn)
    assert log.size == size
    commit(conn, log, [draft(n) for n in range(3)])
    conn.close()
    report = check(path)
    assert report.ok
    assert report.size == size + 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            "UPDATE audit_entries SET body = CAST(body || ' ' AS BLOB) WHERE seq = 590",
            "body does not match its leaf",
        ),
        ("UPDATE audit_entries SET leaf = zeroblob(32) WHERE seq = 599", "does not fit"),
        ("UPDATE audit_entries SET leaf = zeroblob(32) WHERE seq = 300", "does not match its leaf"),
        ("UPDATE audit_entries SET principal = 'x' WHERE seq = 1", "column `principal`"),
        ("UPDATE audit_entries SET sealed = x'00' WHERE seq = 3", "column `sealed`"),
        ("UPDATE audit_entries SET sealed = NULL WHERE seq = 3", "column `sealed`"),
        ("UPDATE audit_nodes SET hash = zeroblob(32) WHERE idx = 0", "does not fit"),
        ("DELETE FROM audit_nodes WHERE idx = 1", "hole"),
        ("DELETE FROM audit_entries WHERE seq = 595", "hole"),
        ("DELETE FROM audit_entries WHERE seq = 100", "missing"),
        ("DELETE FROM audit_entries WHERE seq > 590", "newest checkpoint covers 600"),
        ("DELETE FROM audit_checkpoints WHERE size = 600", "newest checkpoint covers 500"),
        ("DELETE FROM audit_checkpoints", "no checkpoint"),
        ("UPDATE audit_checkpoints SET note = x'00' WHERE size = 600", "checkpoint"),
        ("UPDATE audit_checkpoints SET size = 601 WHERE size = 600", "covers 601"),
    ],
)
def test_a_changed_tail_is_not_extended(path: Path, change: str, why: str) -> None:
    """Whatever is wrong with the last entries, the log is refused rather than signed on top of."""
    make(path, [500, 100])
    tamper(path, change)
    conn = connect(path)
    with pytest.raises(AuditError, match=why):
        reopen(conn)
    conn.close()


def test_a_changed_entry_under_an_old_checkpoint_is_not_extended(path: Path) -> None:
    """The last entries are hashed again though the newest root fits their stored leaves; repaired, it goes on."""
    make(path, [512])
    tamper(path, "UPDATE audit_entries SET body = CAST(body || ' ' AS BLOB) WHERE seq = 5")
    conn = connect(path)
    with pytest.raises(AuditError, match="entry 5: body does not match its leaf"):
        reopen(conn)
    conn.close()
    tamper(path, "UPDATE audit_entries SET body = CAST(rtrim(body) AS BLOB) WHERE seq = 5")
    conn = connect(path)
    assert reopen(conn).size == 512
    conn.close()


def test_entry_and_leaf_changed_together_do_not_fit_the_subtree(path: Path) -> None:
    """A body and its leaf that agree, but are not what the tree holds, are found by the stored subtree hash."""
    make(path, [512])
    forge(path, 5)
    conn = connect(path)
    with pytest.raises(AuditError, match="entries 0 to 255: the stored subtree hash is wrong"):
        reopen(conn)
    conn.close()


def test_a_log_of_another_key_or_name_is_not_extended(path: Path) -> None:
    """The newest checkpoint must be ours: our key (or a former one that is named), our origin."""
    make(path, [3])
    conn = connect(path)
    newer = SigningKey(ORIGIN, bytes(32))
    with pytest.raises(AuditError, match="not pinned"):
        open_log(conn, newer, origin=ORIGIN)
    with pytest.raises(AuditError, match="does not fit"):
        open_log(conn, KEY, origin="another")
    assert open_log(conn, newer, origin=ORIGIN, former=[KEY.verifier]).size == 3
    conn.close()


def test_a_foreign_schema_is_not_extended(path: Path) -> None:
    """A log without its triggers is not appended to."""
    make(path, [3])
    conn = sqlite3.connect(path)
    conn.execute("DROP TRIGGER audit_entries_no_update")
    with pytest.raises(AuditError, match="`audit_entries_no_update` is missing"):
        reopen(conn)
    conn.close()


def test_a_file_that_is_no_database_is_an_audit_error(path: Path) -> None:
    """Garbage is reported as ours to handle, not as an sqlite exception."""
    path.write_bytes(b"garbage" * 1000)
    conn = sqlite3.connect(path)
    with pytest.raises(AuditError, match="cannot read the log"):
        reopen(conn)
    with pytest.raises(AuditError, match="cannot read the log"):
        stored_size(conn)
    conn.close()


def test_a_witness_stops_a_log_that_is_behind_or_rewritten(path: Path) -> None:
    """Heads that are ours pass; a longer one, another root, another origin refuse the log."""
    make(path, [300, 5])
    conn = connect(path)
    leaves = [row[0] for row in conn.execute("SELECT leaf FROM audit_entries ORDER BY seq")]
    good = [Checkpoint(ORIGIN, size, root_of(leaves[:size])) for size in (0, 1, 256, 300, 305)]
    assert open_log(conn, KEY, origin=ORIGIN, heads=good).size == 305
    for head, why in (
        (Checkpoint(ORIGIN, 306, bytes(32)), "only 305"),
        (Checkpoint(ORIGIN, 257, bytes(32)), "rewritten"),
        (Checkpoint("another", 1, good[1].root), "watches `another`"),
    ):
        with pytest.raises(AuditError, match=why):
            open_log(conn, KEY, origin=ORIGIN, heads=[*good, head])
    conn.close()
