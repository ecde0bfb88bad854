"""Bundles of entries with their proofs: what is taken, and everything that is not."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from audit import AuditError
from audit.__main__ import main
from audit.bundle import NAME, verify_bundle
from audit.verify import prove, prove_all
from tests.support.audit_logs import KEY, make


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """A bundle of three entries of a log of twelve, in `bundle.jsonl` beside the log."""
    log = tmp_path / "log.db"
    make(log, [5, 7])
    proofs = list(prove_all(log, [11, 4, 0]))
    assert proofs[1] == prove(log, 4)
    rows = [{"entry": _entry(log, seq), "proof": proof} for seq, proof in zip((11, 4, 0), proofs, strict=True)]
    found = [json.dumps(one) for one in ({"bundle": NAME}, *rows)]
    (tmp_path / "bundle.jsonl").write_text("\n".join(found) + "\n")
    return found


def _entry(log: Path, seq: int) -> object:
    conn = sqlite3.connect(log)
    try:
        return json.loads(conn.execute("SELECT body FROM audit_entries WHERE seq = ?", (seq,)).fetchone()[0])
    finally:
        conn.close()


def test_a_bundle_is_proven_on_the_command_line(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The auditor's program says how many entries are in a log of which size; another key proves nothing."""
    bundle, key = str(tmp_path / "bundle.jsonl"), str(KEY.verifier)
    assert main(["verify", "--bundle", bundle, "--key", key]) == 0
    assert capsys.readouterr().out == "ok: 3 entries are in the log of 12 entries\n"
    assert main(["verify", "--bundle", bundle, "--key", key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "entries": 3, "size": 12}
    other = "stayhand.test/log+f7d994fb+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG5"
    assert main(["verify", "--bundle", bundle, "--key", other]) == 1
    assert main(["verify", "--bundle", str(tmp_path / "absent"), "--key", key]) == 1
    assert len(lines) == 4


def _said(row: dict[str, object], **changes: object) -> dict[str, object]:
    entry = row["entry"]
    assert isinstance(entry, dict)
    return {**row, "entry": {**entry, **changes}}


_BAD: dict[str, tuple[Callable[[list[dict[str, object]]], Sequence[object]], str]] = {
    "another entry": (
        lambda rows: [rows[0], _said(rows[1], at=5)],
        "line 2: entry 11 is not what its proof proves",
    ),
    "another proof": (lambda rows: [rows[0], {**rows[1], "proof": rows[2]["proof"]}], "line 2: entry 4 is not"),
    "a proof that is cut": (lambda rows: [rows[0], {**rows[1], "proof": str(rows[1]["proof"])[:-9]}], "line 2: "),
    "no proof": (lambda rows: [rows[0], {"entry": rows[1]["entry"]}], "line 2: a line has no entry"),
    "an entry twice": (lambda rows: [rows[0], rows[1], rows[1]], "line 3: entry 11 stands twice"),
    "another head": (lambda rows: [{"bundle": "zip"}, rows[1]], "line 1: this is no `stayhand audit bundle v1`"),
    "nothing": (lambda rows: rows[:1], "no bundle with entries"),
    "no object": (lambda rows: [rows[0], [1]], "line 2: it is no JSON object"),
}


@pytest.mark.parametrize("name", _BAD)
def test_what_is_not_proven_is_refused_with_its_line(lines: list[str], name: str) -> None:
    """Each line stands for itself: what says something else than its proof proves nothing."""
    change, words = _BAD[name]
    changed = [json.dumps(one) for one in change([json.loads(line) for line in lines])]
    with pytest.raises(AuditError) as raised:
        verify_bundle(changed, [KEY.verifier])
    assert words in str(raised.value)


def test_what_is_no_json_is_refused(lines: list[str]) -> None:
    """A torn line is named."""
    with pytest.raises(AuditError, match="line 3: it is no JSON"):
        verify_bundle([*lines[:2], lines[2][:40]], [KEY.verifier])
