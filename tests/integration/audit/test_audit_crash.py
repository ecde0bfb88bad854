"""Real processes: killed in the middle of appends, and two of them on one file."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

import pytest

from audit import sqlite
from tests.support.audit_logs import KEY, check, commit, connect, draft, reopen

REPOSITORY = Path(__file__).resolve().parents[3]

APPENDER = """
import sys
from pathlib import Path
from audit.witness import append_head
from tests.support.audit_logs import commit, connect, draft, reopen

conn = connect(Path(sys.argv[1]))
log = reopen(conn)
print("start", log.size, flush=True)
while True:
    first = log.size
    commit(conn, log, [draft(n, sealed=b"cipher") for n in range(first, first + 1 + first % 7)])
    print("acked", log.size, flush=True)
    if first % 5 == 0:
        append_head(Path(sys.argv[2]), log.head)
        print("witnessed", log.size, flush=True)
"""


@contextmanager
def appender(log: Path, witness: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that appends until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(log), str(witness)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=20)
        if process.stdout:
            process.stdout.close()


def said(process: "subprocess.Popen[str]") -> tuple[str, int]:
    """The next line of an appender."""
    assert process.stdout is not None
    word, number = process.stdout.readline().split()
    return word, int(number)


def rest(process: "subprocess.Popen[str]") -> list[tuple[str, int]]:
    """The whole lines that a killed appender had already said."""
    assert process.stdout is not None
    lines = process.stdout.read().split("\n")[:-1]
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Twenty random kills amid appends: each acknowledged entry is there, the log verifies against its witness."""
    log, witness = tmp_path / "log.db", tmp_path / "witness"
    chance = random.Random(20260425)  # noqa: S311 -- picks moments, keeps no secret
    acked = 0
    for _ in range(20):
        with appender(log, witness) as process:
            word, size = said(process)
            assert word == "start"
            assert size >= acked
            heard = [said(process) for _ in range(chance.randrange(1, 40))]
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=20)
            heard += rest(process)
        acked = max([acked, *(number for word, number in heard if word == "acked")])
        report = check(log, witness if witness.exists() else None)
        assert report.findings == ()
        assert report.size >= acked
        assert report.unsigned_since is None
    assert acked > 200
    conn = connect(log)
    assert reopen(conn).size == check(log).size
    conn.close()


def test_a_second_appender_cannot_fork_the_log(tmp_path: Path) -> None:
    """Of two processes that took up the same log, the later is refused at its first append; nothing is lost."""
    log, witness = tmp_path / "log.db", tmp_path / "witness"
    with appender(log, witness) as first:
        assert said(first)[0] == "start"
        assert said(first) == ("acked", 1)
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from audit import AuditError\n"
            "from tests.support.audit_logs import commit, connect, draft, reopen\n"
            "conn = connect(Path(sys.argv[1]))\n"
            "conn.execute('PRAGMA busy_timeout = 20000')\n"
            "log = reopen(conn)\n"
            "before = log.size\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "try:\n"
            "    commit(conn, log, [draft(0)])\n"
            "except AuditError as error:\n"
            "    print('refused', error)\n"
        )
        second = subprocess.Popen(
            [sys.executable, "-c", script, str(log)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert second.stdout is not None
            assert second.stdout.readline() == "ready\n"
            for _ in range(20):
                said(first)
            out, _ = second.communicate("go\n", timeout=140)
        finally:
            second.kill()
            second.wait(timeout=20)
    assert out.startswith("refused the log cannot take entries: audit_entries is append-only")
    assert check(log).ok


def test_the_module_verifies_a_log_that_is_being_written(tmp_path: Path) -> None:
    """The auditor's own process reads a live log, several times, while another appends to it."""
    log, witness = tmp_path / "log.db", tmp_path / "witness"
    with appender(log, witness) as process:
        sizes = []
        for _ in range(3):
            while said(process)[0] != "acked":
                pass
            done = subprocess.run(
                [sys.executable, "-m", "audit", "verify", "--log", str(log), "--key", str(KEY.verifier)],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                timeout=140,
                check=False,
            )
            assert done.stdout.splitlines()[-1].startswith("ok: "), done.stdout + done.stderr
            assert done.returncode == 0
            sizes.append(int(done.stdout.splitlines()[-1].split()[1]))
        assert sizes == sorted(sizes)


def test_opening_reads_one_state_of_a_log_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that another appends between two reads of the opening is not seen by half."""
    path = tmp_path / "log.db"
    writer, reader = connect(path), connect(path)
    log = reopen(writer)
    commit(writer, log, [draft(0)])
    newest = sqlite._newest_note

    def late(conn: Connection, size: int) -> bytes | None:
        commit(writer, log, [draft(1)])
        return newest(conn, size)

    monkeypatch.setattr(sqlite, "_newest_note", late)
    assert (reopen(reader).size, log.size) == (1, 2)
    writer.close()
    reader.close()
