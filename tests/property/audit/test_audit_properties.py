"""What always holds of entries, trees, logs and witnesses."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import (
    EMPTY_ROOT,
    AuditError,
    Draft,
    Frontier,
    Json,
    Kind,
    SigningKey,
    VerifierKey,
    consistency_proof,
    decode,
    encode,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
)
from audit.errors import READ_ERRORS
from audit.tiles import Tiles
from audit.tree import Perfect
from tests.support.audit_logs import check, commit, connect, draft, make, naive_root, reopen, tamper

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
INTS = st.integers(min_value=1 - 2**53, max_value=2**53 - 1)
VALUES: st.SearchStrategy[Json] = st.recursive(
    INTS | TEXT | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from(Kind),
    principal=TEXT,
    at=INTS,
    data=st.dictionaries(KEYS, VALUES, max_size=5),
    approval=TEXT,
)
SEALED_DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from(Kind),
    principal=TEXT,
    at=INTS,
    data=st.dictionaries(KEYS, VALUES, max_size=3),
    approval=TEXT,
    subject=TEXT.filter(bool),
    sealed=st.binary(max_size=40),
)


@contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder for one example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def perfect_of(leaves: list[bytes]) -> Perfect:
    """Hashes of perfect subtrees over leaf hashes in memory, by the naive recursion."""
    return lambda level, index: naive_root(leaves[index << level : (index + 1) << level], node_hash, EMPTY_ROOT)


def hashes(count: int) -> list[bytes]:
    """Some distinct leaf hashes."""
    return [sha256(b"%d" % number).digest() for number in range(count)]


@given(DRAFTS | SEALED_DRAFTS, st.integers(min_value=0, max_value=2**53 - 1))
def test_an_entry_is_canonical_and_comes_back(one: Draft, seq: int) -> None:
    """For every draft: the bytes are RFC 8785's, and reading them gives the draft back."""
    body = encode(one, seq)
    back = decode(body)
    assert (back.seq, back.at, back.kind, back.principal) == (seq, one.at, one.kind.value, one.principal)
    assert (back.approval, back.subject, back.data) == (one.approval, one.subject, one.data)
    whole = {
        "v": 1,
        "seq": seq,
        "at": one.at,
        "kind": one.kind.value,
        "principal": one.principal,
        "data": one.data,
        **({"approval": one.approval} if one.approval else {}),
        **({"sealed": {"key": one.subject, "sha256": back.sealed_sha256}} if one.subject else {}),
    }
    assert rfc8785.dumps(whole) == body


@given(st.binary(max_size=300))
def test_reading_never_crashes(body: bytes) -> None:
    """Whatever the bytes: an entry whose bytes they are exactly, or an AuditError."""
    try:
        entry = decode(body)
    except AuditError:
        return
    assert entry.seq >= 0 or b"-" in body


@given(DRAFTS, st.data())
def test_every_change_of_a_body_changes_its_leaf(one: Draft, data: st.DataObject) -> None:
    """One bit of the body, another leaf hash."""
    body = bytearray(encode(one, 5))
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    before = leaf_hash(bytes(body))
    body[bit // 8] ^= 1 << bit % 8
    assert leaf_hash(bytes(body)) != before


@given(st.integers(0, 300))
def test_the_frontier_is_the_naive_recursion(size: int) -> None:
    """RFC 6962's recursive definition and the frontier agree at every size."""
    leaves = hashes(size)
    assert root_of(leaves) == naive_root(leaves, node_hash, EMPTY_ROOT)


@given(st.data())
def test_inclusion_proofs_prove_their_leaf_alone(data: st.DataObject) -> None:
    """Every leaf of every tree has a proof that leads to the root, and no other index or leaf fits it."""
    size = data.draw(st.integers(1, 200))
    index = data.draw(st.integers(0, size - 1))
    leaves = hashes(size)
    path = inclusion_proof(index, size, perfect_of(leaves))
    root = root_of(leaves)
    assert root_from_inclusion(leaves[index], index, size=size, path=path) == root
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert root_from_inclusion(leaves[other], index, size=size, path=path) != root
        try:
            assert root_from_inclusion(leaves[index], other, size=size, path=path) != root
        except AuditError:
            assert len(path) != len(inclusion_proof(other, size, perfect_of(leaves)))


@given(st.data())
def test_consistency_proofs_hold_for_prefixes_alone(data: st.DataObject) -> None:
    """Every prefix is proven, and a tree that differs in one earlier leaf is not."""
    new = data.draw(st.integers(1, 200))
    old = data.draw(st.integers(1, new))
    leaves = hashes(new)
    proof = consistency_proof(old, new, perfect_of(leaves))
    assert is_consistent((old, root_of(leaves[:old])), (new, root_of(leaves)), proof=proof)
    changed = list(leaves)
    changed[data.draw(st.integers(0, old - 1))] = bytes(32)
    assert not is_consistent((old, root_of(changed[:old])), (new, root_of(leaves)), proof=proof)
    assert not is_consistent((old, root_of(leaves[:old])), (new, root_of(changed)), proof=proof)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=20))
def test_going_back_leaves_no_trace(steps: list[tuple[bool, int]]) -> None:
    """Any mixture of kept and undone appends has the root of the kept ones."""
    frontier, kept, number = Frontier(), [], 0
    for is_kept, count in steps:
        mark = frontier.mark()
        batch = [sha256(b"%d" % (number + i)).digest() for i in range(count)]
        number += count
        for leaf in batch:
            frontier.append(leaf)
        if is_kept:
            kept += batch
        else:
            frontier.restore(mark)
    assert frontier.root() == root_of(kept)


@given(st.binary(min_size=32, max_size=32), st.from_regex(r"[a-z.]{1,9}/[a-z]{1,9}", fullmatch=True))
def test_keys_survive_their_text(seed: bytes, name: str) -> None:
    """Signing and verifier keys are read back as they were written."""
    key = SigningKey(name, seed)
    assert SigningKey.parse(key.private_text()).private_text() == key.private_text()
    assert str(VerifierKey.parse(str(key.verifier))) == str(key.verifier)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 120)), min_size=1, max_size=6))
def test_any_mixture_of_commits_and_rollbacks_verifies(steps: list[tuple[bool, int]]) -> None:
    """What was committed is there, what was rolled back is not, stored subtrees give the same proofs as leaves."""
    with folder() as place:
        conn = connect(place / "log.db")
        log = reopen(conn)
        size = 0
        for is_kept, count in steps:
            if is_kept:
                commit(conn, log, [draft(n) for n in range(count)])
                size += count
            else:
                conn.execute("BEGIN")
                log.append([draft(n) for n in range(count)])
                log.checkpoint()
                conn.execute("ROLLBACK")
                log.rolled_back()
        leaves = [row[0] for row in conn.execute("SELECT leaf FROM audit_entries ORDER BY seq")]
        tiles = Tiles(conn)
        assert tiles.root_at(size) == root_of(leaves)
        for index in {0, size // 2, size - 1} if size else set():
            assert tiles.inclusion(index, size) == inclusion_proof(index, size, perfect_of(leaves))
            assert tiles.consistency(index + 1, size) == consistency_proof(index + 1, size, perfect_of(leaves))
        assert reopen(conn).size == log.size == size
        conn.close()
        report = check(place / "log.db")
        assert report.ok
        assert (report.size, report.root) == (size, root_of(leaves))


CELLS = [
    ("audit_entries", "seq", ("seq", "at", "kind", "principal", "approval", "leaf", "body", "sealed")),
    ("audit_checkpoints", "size", ("size", "note")),
    ("audit_nodes", "idx", ("level", "idx", "hash")),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good log, copied for each example."""
    path = tmp_path_factory.mktemp("good") / "log.db"
    conn = connect(path)
    log = reopen(conn)
    for first in (0, 3, 4):
        commit(
            conn,
            log,
            [
                draft(n, approval="" if n % 2 else f"apr_{n}", sealed=b"cipher" if n % 3 else None)
                for n in range(first, first + 3)
            ],
        )
    commit(conn, log, [draft(n) for n in range(9, 258)])
    conn.close()
    assert check(path).ok
    return path


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_one_bit_change_of_any_stored_cell_is_found(good: Path, data: st.DataObject) -> None:
    """Flip one bit of any column of any row of any of the log's tables: the verifier fails."""
    table, order, columns = data.draw(st.sampled_from(CELLS))
    column = data.draw(st.sampled_from(columns))
    with folder() as place:
        path = place / "log.db"
        shutil.copy(good, path)
        conn = sqlite3.connect(path)
        conn.text_factory = bytes
        names = f'SELECT {order}, {column} FROM "{table}" WHERE {column} IS NOT NULL'  # noqa: S608 -- our own names
        cells = [(key, value) for key, value in conn.execute(names) if value not in (b"", None)]
        conn.close()
        if table == "audit_entries":  # the first rows vary most
            cells = cells[:12]
        key, value = data.draw(st.sampled_from(cells))
        changed = _flip(value, data)
        kind = "TEXT" if column in {"kind", "principal", "approval"} else "BLOB"
        target = "?" if isinstance(changed, int) else f"CAST(? AS {kind})"
        statement = f'UPDATE "{table}" SET {column} = {target} WHERE {order} = ?'  # noqa: S608 -- our own names
        try:
            tamper(path, statement, values=(changed, key))
        except sqlite3.IntegrityError:
            return  # another row has that number already: two cells would change
        assert not check(path).ok


def _flip(value: bytes | int, data: st.DataObject) -> bytes | int:
    if isinstance(value, int):
        return value ^ 1 << data.draw(st.integers(0, 61))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def rows(path: Path) -> object:
    """Everything that the log says, or None where it cannot be read."""
    try:
        conn = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        conn.text_factory = bytes
        try:
            return [
                conn.execute(f'SELECT * FROM "{table}" ORDER BY {order}').fetchall()  # noqa: S608 -- our own names
                for table, order, _ in CELLS
            ]
        finally:
            conn.close()
    except READ_ERRORS:
        return None


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_one_bit_change_of_the_file_is_found_or_changes_nothing(good: Path, data: st.DataObject) -> None:
    """Flip one bit anywhere in the file: either the verifier fails, or every row reads exactly as before.

    (A database file has bytes that mean nothing: free space, counters.)
    """
    with folder() as place:
        path = place / "log.db"
        raw = bytearray(good.read_bytes())
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        try:
            is_ok = check(path).ok
        except AuditError:
            return
        if is_ok:
            assert rows(path) == rows(good)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_a_cut_log_never_passes_its_witness(batches: list[int], data: st.DataObject) -> None:
    """However cleanly a log is cut below what a witness has seen, the witness tells."""
    with folder() as place:
        path = place / "log.db"
        make(path, batches)
        conn = connect(path)
        head = reopen(conn).head
        conn.close()
        assert head is not None
        (place / "witness").write_bytes(head)
        assert check(path, place / "witness", strict=True).ok
        keep = data.draw(st.integers(0, len(batches) - 1))
        size = sum(batches[:keep])
        tamper(
            path,
            "DELETE FROM audit_entries WHERE seq >= ?",
            "DELETE FROM audit_checkpoints WHERE size > ?",
            values=(size,),
        )
        assert check(path).ok
        assert not check(path, place / "witness").ok
