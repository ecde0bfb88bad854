"""`python -m audit` by transcript: what an auditor types, and exactly what is answered."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import audit.__main__ as cli
from audit import Draft, Kind, leaf_hash
from audit.seal import Keystore, identity_of, read_kek, write_kek
from tests.support.audit_logs import KEY, ORIGIN, commit, connect, draft, make, reopen, tamper

ROOT = "ysJgxqURRe0qLchae6yZt4a/d63fHebKtw+iG4c33TA="


class Shell:
    """Runs the command in a folder and keeps what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        self._capsys = capsys
        self.folder = folder

    def run(self, line: str) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr."""
        try:
            code = cli.main(line.split())
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A folder with a log of five entries, its key in a file, and its newest head in a witness file."""
    make(tmp_path / "log.db", [2, 3])
    (tmp_path / "key").write_text(f"{KEY.verifier}\n")
    conn = connect(tmp_path / "log.db")
    head = reopen(conn).head
    conn.close()
    assert head is not None
    (tmp_path / "witness").write_bytes(head)
    return Shell(tmp_path, capsys, monkeypatch)


def test_verify_ok(shell: Shell) -> None:
    """A good log: what is not proven, then one line."""
    assert shell.run("verify --log log.db --key key") == (
        0,
        f"unwitnessed since 0\nok: 5 entries, 2 checkpoints, root {ROOT}\n",
        "",
    )
    assert shell.run(f"verify --log log.db --key {KEY.verifier} --witness witness --strict") == (
        0,
        f"ok: 5 entries, 2 checkpoints, root {ROOT}\n",
        "",
    )


def test_verify_failed(shell: Shell) -> None:
    """One byte changed: the entry is named, exit 1."""
    tamper(
        shell.folder / "log.db",
        "UPDATE audit_entries SET body = CAST(replace(body, 'tr', 'Tr') AS BLOB) WHERE seq = 3",
    )
    assert shell.run("verify --log log.db --key key --witness witness") == (
        1,
        (
            "entry 3: body does not match its leaf, which is as signed: the body was changed\n"
            "failed: 1 finding in 5 entries, 2 checkpoints\n"
        ),
        "",
    )


def test_verify_strict_and_json(shell: Shell) -> None:
    """--strict fails where nobody watches; --json says the same as one object."""
    code, out, err = shell.run("verify --log log.db --key key --strict --json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {
        "ok": False,
        "size": 5,
        "root": json.loads(out)["root"],
        "checkpoints": 2,
        "first_bad": 0,
        "findings": [{"fault": "unwitnessed", "seq": 0, "text": "seen by no witness, nor are those after it"}],
        "notes": ["unwitnessed since 0"],
        "unsigned_since": None,
        "unwitnessed_since": 0,
    }


def test_show(shell: Shell) -> None:
    """One entry, its fields, and what is known of its sealed part."""
    code, out, err = shell.run("show 3 --log log.db")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "entry 3  tool.judged  2025-10-09T08:53:20.000003+00:00"
    assert lines[1] == "principal  prn_abc"
    assert lines[3:] == [
        'decision   "approve"',
        'effects    ["write"]',
        "held       true",
        "n          3",
        "sealed     8 bytes under sub_1, as hashed",
    ]


def test_show_json(shell: Shell) -> None:
    """The entry as stored, with its leaf."""
    _, out, _ = shell.run("show 1 --log log.db --json")
    shown = json.loads(out)
    assert shown["entry"]["seq"] == 1
    assert len(shown["leaf"]) == 64
    assert shown["opened"] is None


def test_show_opens_with_the_keystore_until_erased(shell: Shell) -> None:
    """80: Who holds keystore and key reads the sealed part; after erasure nobody does, and the log verifies."""
    write_kek(shell.folder / "kek")
    keystore = Keystore.create(shell.folder / "ks.db", read_kek(shell.folder / "kek"))
    key = keystore.key_for("alice")
    bare = Draft(Kind.TOOL_JUDGED, "prn", 1)
    sealed = key.seal(identity_of(bare, key.id), b"rm -rf /srv/data \x1b[2J")
    conn = connect(shell.folder / "log.db")
    commit(conn, reopen(conn), [Draft(bare.kind, bare.principal, bare.at, {}, "", key.id, sealed)])
    conn.close()
    line = "show 5 --log log.db --keystore ks.db --keystore-key kek"
    assert shell.run(line)[1].endswith('opened     "rm -rf /srv/data \\u001b[2J"\n')
    keystore.erase("alice")
    keystore.close()
    assert shell.run(line) == (
        1,
        "",
        f"audit: error: the key `{key.id}` was erased: nobody can read this part any more\n",
    )
    assert shell.run("verify --log log.db --key key")[0] == 0


def test_show_says_when_ciphertext_was_changed(shell: Shell) -> None:
    """A sealed part that is not what was hashed is called changed."""
    tamper(shell.folder / "log.db", "UPDATE audit_entries SET sealed = x'00' WHERE seq = 3")
    assert "CHANGED" in shell.run("show 3 --log log.db")[1]


def test_prove_and_verify_offline(shell: Shell) -> None:
    """A proof on its own, without the log, proves its entry; changed, it does not."""
    code, out, _ = shell.run("prove 3 --log log.db")
    assert code == 0
    proof = shell.folder / "entry.tlog-proof"
    proof.write_text(out)
    (shell.folder / "log.db").unlink()
    assert shell.run("verify --proof entry.tlog-proof --key key --witness witness") == (
        0,
        "ok: entry 3 (tool.judged) is in the log of 5 entries\n",
        "",
    )
    assert json.loads(shell.run("verify --proof entry.tlog-proof --key key --json")[1])["seq"] == 3
    proof.write_text(out.replace("index 3", "index 2"))
    code, said, err = shell.run("verify --proof entry.tlog-proof --key key")
    assert (code, said) == (1, "")
    assert err == "audit: error: the proof does not lead from entry 2 to the signed root\n"


def test_export_is_the_log_line_by_line(shell: Shell) -> None:
    """Each line carries the exact entry: its bytes hash to its leaf; the last line is the newest checkpoint."""
    code, out, _ = shell.run("export --log log.db")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == 6
    for number, line in enumerate(lines[:-1]):
        body = line[line.index('"entry":') + 8 : -1].encode()
        assert json.loads(line)["entry"]["seq"] == number
        assert json.loads(line)["leaf"] == leaf_hash(body).hex()
    assert "sealed" in json.loads(lines[0])
    assert json.loads(lines[-1])["checkpoint"].startswith(f"{ORIGIN}\n5\n")
    assert len(shell.run("export --log log.db --since 4")[1].splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("verify --log none.db --key key", "there is no log at `none.db`"),
        ("verify --log key --key key", "cannot read `key`: file is not a database"),
        ("verify --log log.db --key nowhere", "`nowhere` is neither a verifier key nor a file with one"),
        ("verify --log log.db --key empty", "no verifier key in that file"),
        ("verify --log log.db --key a+b+c", "this is not base64"),
        (
            "verify --log log.db --key key --witness gone",
            "cannot read the witness `gone`: No such file or directory",
        ),
        ("verify --proof none --key key", "cannot read the proof `none`"),
        ("verify --proof key --key key", "this is no `c2sp.org/tlog-proof@v1` with the entry as its extra data"),
        ("show 99 --log log.db", "there is no entry 99"),
        ("show 1 --log log.db --keystore ks", "--keystore and --keystore-key belong together"),
        ("show 1 --log other.db", "cannot read `other.db`: no such table: audit_entries"),
        ("prove 99 --log log.db", "there is no signed entry 99"),
        ("prove 1 --log other.db", "cannot read `other.db`: no such table: audit_checkpoints"),
        ("export --log other.db", "cannot read `other.db`: no such table: audit_entries"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(shell: Shell, line: str, error: str) -> None:
    """Exit 1, nothing on stdout, one line on stderr, no traceback."""
    (shell.folder / "empty").write_text("\n")
    (shell.folder / "other.db").write_bytes(b"")
    assert shell.run(line) == (1, "", f"audit: error: {error}\n")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "unknown",
        "verify --log log.db",
        "verify --key key",
        "verify --log l --proof p --key k",
        "show x --log l",
    ],
)
def test_wrong_usage_is_exit_2(shell: Shell, line: str) -> None:
    """Usage on stderr, nothing on stdout."""
    code, out, err = shell.run(line)
    assert (code, out) == (2, "")
    assert err.startswith("usage: python -m audit")


def test_it_runs_as_a_module_without_the_firewall(shell: Shell) -> None:
    """The auditor's process imports nothing of ours but this package, and no optional dependency."""
    code = (
        "import runpy, sys\n"
        "sys.argv = ['audit', 'verify', '--log', 'log.db', '--key', 'key']\n"
        "try:\n    runpy.run_module('audit', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "strangers = loaded - set(sys.stdlib_module_names) - {'__main__', 'audit', 'cryptography'}\n"
        "print(sorted(name for name in strangers if not name.startswith('_')))\n"
    )
    top = Path(cli.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": str(top)},
        capture_output=True,
        text=True,
        timeout=140,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_traceback(shell: Shell) -> None:
    """`export | head -1` ends quietly with exit 1."""
    conn = connect(shell.folder / "log.db")
    commit(conn, reopen(conn), [draft(n) for n in range(2000)])
    conn.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "audit", "export", "--log", "log.db"],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith('{"leaf":')
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=140) == 1
    finally:
        process.kill()
        process.wait(timeout=20)
        process.stderr.close() if process.stderr else None
    assert said == ""


def test_odd_text_cannot_write_on_the_terminal(shell: Shell) -> None:
    """77: Control and bidi characters in an entry are shown, not sent."""
    conn = connect(shell.folder / "log.db")
    one = draft(5)
    commit(conn, reopen(conn), [Draft(one.kind, "p\x1b[2J\u202e", one.at, {"t": "\x9b2J\n"})])
    conn.close()
    _, out, _ = shell.run("show 5 --log log.db")
    assert "principal  p\\u001b[2J\\u202e\n" in out
    assert 't          "\\u009b2J\\n"\n' in out
