"""Append and verify speeds of the audit log, printed; a plain script that `make bench` calls.

    python tests/bench/bench_audit.py [ENTRIES]

Append: 64 submitters, each waiting for its own acknowledgement, one writer thread that commits what has gathered
(WAL, synchronous FULL, a signed checkpoint per commit). The disk's own flush is measured beside it, because it is
what bounds a single submitter. Files lie in the working folder for as long as it runs: /tmp may be no disk.
"""

import os
import queue
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from audit import Draft, Kind, SigningKey, encode, schema
from audit.seal import Keystore, identity_of
from audit.sqlite import Log, open_log
from audit.verify import prove, verify

ORIGIN = "bench.test/log"
SUBMITTERS = 64
SEALED_BYTES = 300

Waiting = tuple[Draft, threading.Event]


def one(number: int) -> Draft:
    """A verdict of usual size: about 400 bytes of body, a sealed part of 300."""
    return Draft(
        kind=Kind.TOOL_JUDGED,
        principal="prn_8d2f0c1be7a94f6e",
        at=1_760_000_000_000_000 + number,
        data={
            "verdict": "ask",
            "reason": "policy:row:ask",
            "row": "p12",
            "digest": "a" * 64,
            "effects": ["destructive"],
            "latency_us": 312,
            "token": "tok_abcdefghijkl",
        },
        subject="sub_abcdefghij",
        sealed=os.urandom(SEALED_BYTES),
    )


def say(what: str, figure: str) -> None:
    """Print one line."""
    sys.stdout.write(f"audit  {what:<46} {figure}\n")
    sys.stdout.flush()


def connect(path: Path) -> sqlite3.Connection:
    """Open a log as the sequencer does."""
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA page_size = 8192")
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")
    schema.create(conn)
    schema.guard(conn)
    return conn


def write(conn: sqlite3.Connection, log: Log, inbox: "queue.SimpleQueue[Waiting | None]") -> None:
    """Commit what has gathered until told to stop."""
    while (first := inbox.get()) is not None:
        batch = [first]
        while len(batch) < 512 and not inbox.empty():
            more = inbox.get()
            if more is None:
                inbox.put(None)
                break
            batch.append(more)
        conn.execute("BEGIN IMMEDIATE")
        log.append([draft for draft, _ in batch])
        log.checkpoint()
        conn.execute("COMMIT")
        log.committed()
        for _, done in batch:
            done.set()


def submit(inbox: "queue.SimpleQueue[Waiting | None]", count: int, waits: list[float]) -> None:
    """Append one entry after the other, each time waiting for it to be durable."""
    for number in range(count):
        done = threading.Event()
        started = time.perf_counter()
        inbox.put((one(number), done))
        done.wait()
        waits.append(time.perf_counter() - started)


def bench_append(path: Path, submitters: int, count: int) -> None:
    """Print entries a second and how long an acknowledgement took."""
    conn = connect(path)
    log = open_log(conn, KEY, origin=ORIGIN)
    inbox: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
    writer = threading.Thread(target=write, args=(conn, log, inbox))
    writer.start()
    waits: list[float] = []
    threads = [
        threading.Thread(target=submit, args=(inbox, count // submitters, waits)) for _ in range(submitters)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    inbox.put(None)
    writer.join()
    conn.close()
    cuts = statistics.quantiles([wait * 1000 for wait in waits], n=1000)
    say(
        f"append, {submitters} submitter{'s' * (submitters > 1)}",
        f"{len(waits) / took:,.0f}/s  p50 {cuts[499]:.2f} ms  p99 {cuts[989]:.2f} ms  p99.9 {cuts[998]:.2f} ms",
    )


def bench_batches(path: Path, count: int) -> None:
    """Print entries a second in batches of 64, without threads, and the processor time of an entry."""
    conn = connect(path)
    log = open_log(conn, KEY, origin=ORIGIN)
    drafts = [one(number) for number in range(64)]
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(count // 64):
        conn.execute("BEGIN IMMEDIATE")
        log.append(drafts)
        log.checkpoint()
        conn.execute("COMMIT")
        log.committed()
    took, busy = time.perf_counter() - started, time.process_time() - busy
    total = count // 64 * 64
    say("append, batches of 64", f"{total / took:,.0f}/s  {busy / total * 1e6:.1f} us of processor an entry")
    started = time.perf_counter()
    size = open_log(conn, KEY, origin=ORIGIN).size
    say(f"open, {size:,} entries", f"{(time.perf_counter() - started) * 1000:.1f} ms")
    conn.close()
    say("size", f"{path.stat().st_size / size:,.0f} bytes an entry, body {len(encode(drafts[0], size))}")


def bench_verify(path: Path) -> None:
    """Print entries verified a second, and the time of a proof."""
    started = time.perf_counter()
    report = verify(path, [KEY.verifier])
    took = time.perf_counter() - started
    if not report.ok:
        raise SystemExit(f"the log does not verify: {report.findings[0]}")
    say(f"verify, {report.size:,} entries, {report.checkpoints:,} checkpoints", f"{report.size / took:,.0f}/s")
    started = time.perf_counter()
    for seq in range(0, report.size, report.size // 50):
        prove(path, seq)
    say("inclusion proof, file opened each time", f"{(time.perf_counter() - started) / 50 * 1000:.2f} ms")


def bench_small(folder: Path) -> None:
    """Print the parts: encode, seal, flush."""
    draft = one(0)
    rounds = 20_000
    started = time.perf_counter()
    for number in range(rounds):
        encode(draft, number)
    say("encode", f"{(time.perf_counter() - started) / rounds * 1e6:.1f} us")
    keystore = Keystore.create(folder / "keystore.db", bytes(32))
    key, text = keystore.key_for("owner"), bytes(SEALED_BYTES)
    identity = identity_of(draft)
    started = time.perf_counter()
    for _ in range(rounds):
        key.seal(identity, text)
    say("seal, 300 bytes", f"{(time.perf_counter() - started) / rounds * 1e6:.1f} us")
    keystore.close()
    with (folder / "flush").open("wb") as file:
        started = time.perf_counter()
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        say("flush of this disk (fdatasync of 4 KiB)", f"{(time.perf_counter() - started) * 10:.2f} ms")


KEY = SigningKey(ORIGIN, bytes(range(32)))


def main() -> None:
    """Run everything in a temporary folder."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix=".bench-audit-", dir=Path.cwd()) as name:
        folder = Path(name)
        bench_small(folder)
        bench_append(folder / "one.db", 1, 500)
        bench_append(folder / "many.db", SUBMITTERS, count // 4)
        bench_batches(folder / "batches.db", count)
        bench_verify(folder / "batches.db")


if __name__ == "__main__":
    main()
