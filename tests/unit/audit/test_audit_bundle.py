"""Bundles of entries with their proofs: what is taken, and everything that is not."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from audit import AuditError, Checkpoint
from audit.__main__ import main
from audit.bundle import NAME, verify_bundle
from audit.verify import prove, prove_all
from tests.support.audit_logs import KEY, ORIGIN, make


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
    assert capsys.readouterr().out == (
        "numbers 0 to 11, 9 left out between them\nok: 3 entries are in the log of 12 entries\n"
    )
    assert main(["verify", "--bundle", bundle, "--key", key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "entries": 3,
        "size": 12,
        "from": 0,
        "to": 11,
        "left_out": 9,
        "unproven": 0,
    }
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
    "a line that was lost": (
        lambda rows: [{**rows[0], "entries": 3}, rows[1], rows[3]],
        "the first line speaks of 3 entries, 2 are here: the file is not whole",
    ),
    "a count that is none": (
        lambda rows: [{**rows[0], "entries": True}, rows[1]],
        "line 1: `entries` is no number",
    ),
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


def test_what_is_beside_the_proof_is_called_unproven(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was opened, changed or not, and a note that somebody added pass no line as proven."""
    bundle = tmp_path / "bundle.jsonl"
    rows = [json.loads(line) for line in lines]
    rows[1]["private"] = {"name": "mallory"}
    bundle.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert main(["verify", "--bundle", str(bundle), "--key", str(KEY.verifier)]) == 0
    assert capsys.readouterr().out.startswith("unproven: 1 line says more than is proven, as whoever")
    rows[3]["note"] = "bob approved it"
    bundle.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert main(["verify", "--bundle", str(bundle), "--key", str(KEY.verifier)]) == 0
    assert capsys.readouterr().out.startswith("unproven: 2 lines say more")


def test_a_witness_that_has_not_seen_the_head_is_no_agreement(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A witness counts where it has seen the very head; where not it is said, and strictly refused."""
    bundle, witness, key = tmp_path / "bundle.jsonl", tmp_path / "witness", str(KEY.verifier)
    said = ["verify", "--bundle", str(bundle), "--key", key, "--witness", str(witness)]
    heads = [bytes(note) for (note,) in _notes(tmp_path / "log.db")]
    witness.write_bytes(heads[0])
    assert main(said) == 0
    assert "no witness has seen a head of 12 entries" in capsys.readouterr().out
    assert main([*said, "--strict"]) == 1
    assert capsys.readouterr().err == (
        "audit: error: no witness has seen a head of 12 entries, and --strict wants one\n"
    )
    witness.write_bytes(b"\n".join(heads))
    assert main([*said, "--strict", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unwitnessed"] == []
    assert main(["verify", "--bundle", str(bundle), "--key", key, "--strict"]) == 1
    assert "no witness was named" in capsys.readouterr().err
    witness.write_bytes(KEY.sign(Checkpoint(ORIGIN, 12, bytes(32))))
    assert main(said) == 1
    assert "has seen another root at 12" in capsys.readouterr().err
    assert len(lines) == 4


def _notes(log: Path) -> list[tuple[bytes]]:
    conn = sqlite3.connect(log)
    try:
        return conn.execute("SELECT note FROM audit_checkpoints ORDER BY size").fetchall()
    finally:
        conn.close()
