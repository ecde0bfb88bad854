"""The end of the play: the log verified by the auditor's own program, then a copy with one byte changed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firewall.demo.incident.agent import PlayError

VERIFY_LIMIT_S: Final = 60
_DIGEST: Final = b'"digest":"'


@dataclass(frozen=True, slots=True)
class Checked:
    """What the verifier said."""

    ok: bool
    lines: tuple[str, ...]


def verify(database: Path, key: str) -> Checked:
    """Run `python -m audit verify` over a log, as an auditor would, with nothing of ours but the public key."""
    command = [sys.executable, "-P", "-m", "audit", "verify", "--log", str(database), "--key", key]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        command,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=VERIFY_LIMIT_S,
        check=False,
    )
    if done.returncode not in (0, 1) or done.stderr:
        raise PlayError("the verifier could not do its work", detail=done.stderr.strip()[-400:])
    return Checked(done.returncode == 0, tuple(done.stdout.split("\n")[:-1]))


def tamper(database: Path, copy: Path) -> tuple[int, str]:
    """Copy a log and change one byte in the entry of the vote, or of the question; returns its number and kind.

    Raises: PlayError when the log holds neither.
    """
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        row = target.execute(
            "SELECT seq, kind, body FROM audit_entries WHERE kind IN ('approval.voted', 'approval.opened')"
            " ORDER BY kind DESC, seq DESC"
        ).fetchone()
    if row is None:
        raise PlayError("the log holds no approval")
    seq, kind, body = int(row[0]), str(row[1]), bytes(row[2])
    data = copy.read_bytes()
    # Past the database's own triggers, as the file's owner could: it is to be about another command.
    at, mark = data.find(body), body.find(_DIGEST)
    if at < 0 or mark < 0 or data.find(body, at + 1) >= 0:
        raise PlayError("the entry was not found in the file")
    place = at + mark + len(_DIGEST)
    copy.write_bytes(data[:place] + (b"1" if data[place : place + 1] == b"0" else b"0") + data[place + 1 :])
    return seq, kind
