"""Small real logs for tests: made through the package's own door, and tampered with behind its back."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from audit import Draft, Kind, SigningKey, leaf_hash, schema
from audit.report import Report
from audit.sqlite import Log, open_log
from audit.verify import verify
from audit.witness import read_heads

ORIGIN = "stayhand.test/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))


def connect(path: Path, *, guarded: bool = True) -> sqlite3.Connection:
    """Open (and create) a log file as the sequencer does: WAL, FULL, explicit transactions."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")
    schema.create(conn)
    if guarded:
        schema.guard(conn)
    return conn


def reopen(conn: sqlite3.Connection) -> Log:
    """Take up the log of a connection at its end."""
    return open_log(conn, KEY, origin=ORIGIN)


def draft(number: int, kind: Kind = Kind.TOOL_JUDGED, *, approval: str = "", sealed: bytes | None = None) -> Draft:
    """One plausible draft."""
    return Draft(
        kind=kind,
        principal="prn_abc",
        at=1_760_000_000_000_000 + number,
        data={"decision": "approve", "n": number, "effects": ["write"], "held": True},
        approval=approval,
        subject="" if sealed is None else "sub_1",
        sealed=sealed,
    )


def commit(conn: sqlite3.Connection, log: Log, drafts: Sequence[Draft]) -> None:
    """Append in one transaction that ends in a checkpoint."""
    conn.execute("BEGIN IMMEDIATE")
    log.append(drafts)
    log.checkpoint()
    conn.execute("COMMIT")
    log.committed()


def make(path: Path, batches: Iterable[int]) -> None:
    """Write a log with these many entries in each commit; every third entry has a sealed part."""
    conn = connect(path)
    log = reopen(conn)
    for count in batches:
        first = log.size
        commit(
            conn,
            log,
            [draft(n, sealed=b"cipher-%d" % n if n % 3 == 0 else None) for n in range(first, first + count)],
        )
    conn.close()


def stories(
    path: Path,
    entries: Iterable[tuple[Kind, str]],
    *,
    decision: str = "approve",
    people: int = 1,
    voters: int = 1,
    uses: int = 0,
    votes: Sequence[Mapping[str, int | bool]] = (),
) -> None:
    """Write a log of (kind, approval) entries, a commit each.

    Approvals ask for `people`, `voters` take turns, and votes permit `uses` where that is given. `votes`: what
    the entries of votes hold besides, in their order.
    """
    conn = connect(path)
    log = reopen(conn)
    more = iter(votes)
    for number, (kind, approval) in enumerate(entries):
        one = draft(number, kind, approval=approval)
        permit = {"uses": uses, "decides": True} if uses else {}
        said = next(more, {}) if kind is Kind.APPROVAL_VOTED else {}
        data = {"decision": decision, "people": people, **permit, **said}
        commit(conn, log, [Draft(one.kind, f"per_{number % voters}", one.at, data, approval)])
    conn.close()


def tamper(path: Path, *statements: str, values: Sequence[bytes | int] = ()) -> None:
    """Change a log as the owner of its file could: triggers out of the way, then back in place.

    `values` are bound to each statement.
    """
    conn = sqlite3.connect(path, isolation_level=None)
    for name in schema.TRIGGERS:
        conn.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        conn.execute(statement, values)
    for text in schema.TRIGGERS.values():
        conn.execute(text)
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()


def forge(path: Path, seq: int) -> None:
    """Change an entry's body and its leaf hash so that they agree."""
    conn = sqlite3.connect(path)
    (body,) = conn.execute("SELECT body FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
    conn.close()
    forged = body.replace(b'"held":true', b'"held":false')
    assert forged != body
    tamper(
        path, "UPDATE audit_entries SET body = ?, leaf = ? WHERE seq = ?", values=(forged, leaf_hash(forged), seq)
    )


def check(path: Path, witness: Path | None = None, *, strict: bool = False) -> Report:
    """Verify with the pinned key."""
    witnesses = [read_heads(witness, [KEY.verifier])] if witness else []
    return verify(path, [KEY.verifier], witnesses=witnesses, strict=strict)


def found(report: Report) -> list[tuple[str, int | None]]:
    """The findings as (fault, entry)."""
    return [(finding.fault.value, finding.seq) for finding in report.findings]


def naive_root(leaves: Sequence[bytes], hash_pair: Callable[[bytes, bytes], bytes], empty: bytes) -> bytes:
    """RFC 6962's recursive definition over leaf hashes, word for word."""
    if not leaves:
        return empty
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hash_pair(naive_root(leaves[:split], hash_pair, empty), naive_root(leaves[split:], hash_pair, empty))
