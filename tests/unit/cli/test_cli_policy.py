"""`stayhand policy`: results on stdout, talk on stderr, exit codes, and the shapes of DESIGN 6.1."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firewall.cli.policy import policy
from firewall.cli.underlined import underlined
from firewall.core.action import Evidence
from firewall.policy.defaults import copy_to


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the shipped policies, with no configuration in sight."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("STAYHAND_CONFIG", raising=False)
    copy_to(tmp_path / "policies")
    return tmp_path / "policies"


def _run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(policy, list(args), input=stdin)


def test_check_is_quiet_about_good_policies(folder: Path) -> None:
    """Nothing on stdout, a line of talk, exit 0."""
    done = _run("check", str(folder))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 problems" in done.stderr


def test_check_lists_problems_with_file_and_line(folder: Path) -> None:
    """Each problem is a line on stdout, exit 1; --json carries the same."""
    with (folder / "policy.csv").open("a", encoding="utf-8") as file:
        file.write("p, *, nowhere, *, *, read, , allow,\n")
    done = _run("check", str(folder))
    line = len((folder / "policy.csv").read_text(encoding="utf-8").splitlines())
    assert done.exit_code == 1
    assert done.stdout.startswith(f"policy.csv:{line}: there is no environment `nowhere`")
    found = json.loads(_run("check", "--json", str(folder)).stdout)
    assert (found["ok"], found["problems"][0]["line"], found["problems"][0]["fatal"]) == (False, line, True)


def test_explain_json_has_the_contracts_shape(folder: Path) -> None:
    """Actions with operation, resource, environment, effects and evidence; verdict, row and reason."""
    done = _run("explain", "--json", "--env", "staging", "--dir", str(folder), "--", "rm -rf /srv/data")
    answer = json.loads(done.stdout)
    (action,) = answer["actions"]
    assert (done.exit_code, answer["verdict"], answer["reason"]) == (0, "ask", "policy:row:ask")
    assert answer["row"].startswith("policy.csv:")
    assert (action["operation"], action["resource"]) == ("shell:rm", "file:/srv/data")
    assert (action["environment"], action["effects"]) == ("unresolved", ["destructive"])
    assert "/srv/data" in [span["text"] for span in action["evidence"]]


def test_explain_takes_words_as_the_shell_left_them(folder: Path) -> None:
    """Several words after `--` are one command with its quoting restored."""
    done = _run("explain", "--json", "--dir", str(folder), "--", "cat", "a b; rm -rf /srv/data")
    assert json.loads(done.stdout)["verdict"] == "allow"


def test_explain_for_people(folder: Path) -> None:
    """The command with the deciding words underlined, then effects, environment, row and verdict."""
    lines = _run("explain", "--env", "staging", "--dir", str(folder), "--", "rm -rf /srv/data").stdout.splitlines()
    assert lines[0] == "rm -rf /srv/data"
    assert set(lines[1]) == {"^", " "}
    assert lines[1][7:16] == "^" * 9
    text = "\n".join(lines)
    assert "environment unresolved" in text
    assert "effects     destructive" in text
    assert lines[-2].startswith("verdict: ask (policy:row:ask")
    assert lines[-1].startswith("runner-up: policy.csv:")


def test_explain_batch(folder: Path) -> None:
    """A case a line in, id, label and further effects out; a line that cannot be read is unknown and exit 1."""
    cases = [
        {"id": "1", "kind": "shell", "input": "rm -rf /srv/data"},
        {"id": "2", "kind": "sql", "input": "DROP TABLE users", "dialect": "postgres"},
        {"id": "3", "kind": "shell", "input": "ls"},
    ]
    text = "".join(json.dumps(case) + "\n" for case in cases)
    done = _run("explain", "--dir", str(folder), "--batch", "-", stdin=text)
    labels = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["id"], one["label"]) for one in labels] == [
        ("1", "destructive"),
        ("2", "destructive"),
        ("3", "read"),
    ]
    assert all(isinstance(one["also"], list) for one in labels)
    assert done.exit_code == 0
    broken = _run(
        "explain", "--dir", str(folder), "--batch", "-", stdin='{"id": "4", "kind": "telepathy"}\nnot json\n'
    )
    assert broken.exit_code == 1
    assert [json.loads(line)["label"] for line in broken.stdout.splitlines()] == ["unknown", "unknown"]
    assert "line 2" in broken.stderr


@pytest.mark.parametrize(
    ("case", "label"),
    [
        ({"kind": "sql", "dialect": "tsql", "input": "SELECT 1"}, "read"),
        ({"kind": "sql", "dialect": "tsql", "input": "DROP TABLE orders"}, "destructive"),
        (
            {"kind": "http", "input": {"method": "DELETE", "url": "https://api.github.com/repos/a/b"}},
            "destructive",
        ),
        (
            {"kind": "graphql", "input": {"endpoint": "https://api.github.com/graphql", "query": "{viewer{id}}"}},
            "read",
        ),
        (
            {"kind": "mcp", "input": {"server": "github", "tool": "list_issues", "arguments": {"repo": "a"}}},
            "read",
        ),
        ({"kind": "http", "input": "DELETE /"}, "unknown"),
        ({"kind": "sql", "input": {"query": "SELECT 1"}}, "unknown"),
    ],
)
def test_a_batch_line_is_read_as_its_kind(folder: Path, case: dict[str, object], label: str) -> None:
    """Each kind is read by its own reader; an input of another shape is unknown, and the run says so."""
    done = _run("explain", "--dir", str(folder), "--batch", "-", stdin=json.dumps({"id": "1", **case}))
    assert json.loads(done.stdout)["label"] == label
    assert done.exit_code == (label == "unknown")


@pytest.mark.parametrize(
    "args", [("explain",), ("explain", "--batch", "-", "--", "ls"), ("nonsense",), ("check", "--x")]
)
def test_usage_is_exit_2(args: tuple[str, ...], folder: Path) -> None:
    """A wrong command line is exit 2."""
    assert folder.is_dir()
    assert _run(*args).exit_code == 2


def test_refused_policies_explain_nothing(folder: Path) -> None:
    """Policies with problems are refused with each of them on stderr, exit 1, nothing on stdout."""
    (folder / "policy.csv").write_text("p, x\n", encoding="utf-8")
    done = _run("explain", "--dir", str(folder), "--", "ls")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "policy.csv:1: 2 columns instead of 9" in done.stderr
    assert "stayhand: hint:" in done.stderr


def test_test_refuses_a_pack_that_would_block_its_own_suggestion(folder: Path) -> None:
    """Nothing is tested, the row is named with file and line, exit 1; as JSON too."""
    (folder / "packs" / "ours.toml").write_text(
        """[[program]]
names = ["dbtool"]
rules = [{ first = ["drop"], effects = ["destructive"], suggest = "dbtool drop --soft" }]

[[case]]
name = "nobody drops"
kind = "shell"
input = "dbtool drop shop"
expect = "ask"
""",
        encoding="utf-8",
    )
    done = _run("test", str(folder))
    assert done.exit_code == 1
    assert done.stdout.startswith("packs/ours.toml:3: `dbtool` suggests `dbtool drop --soft`")
    assert "no case was run" in done.stderr
    told = json.loads(_run("test", "--json", str(folder)).stdout)
    assert (told["ok"], told["cases"], len(told["problems"])) == (False, 0, 1)


def test_test_reports_failures(folder: Path) -> None:
    """A failing case is a line on stdout and exit 1."""
    (folder / "cases" / "own.toml").write_text(
        '[[case]]\nname = "wrong"\nkind = "shell"\ninput = "rm -rf /srv/data"\nexpect = "allow"\n',
        encoding="utf-8",
    )
    done = _run("test", str(folder))
    assert done.exit_code == 1
    assert "cases/own.toml: wrong: expected allow, got ask" in done.stdout
    assert json.loads(_run("test", "--json", str(folder)).stdout)["ok"] is False


def test_underlining_keeps_columns_and_hides_nothing() -> None:
    """Marks stand under their characters, wide ones and spelled-out ones included; spans outside are cut."""
    assert underlined("ab 漢x", [Evidence(3, 5, "")]) == ["ab 漢x", "   ^^^"]
    lines = underlined("a\x1bb\nc", [Evidence(2, 99, "")])
    assert "\x1b" not in "".join(lines)
    assert lines[1] == " " * (len(lines[0]) - 1) + "^"
    assert lines[2:] == ["c", "^"]
    assert underlined("ab", [Evidence(-5, 1, "")]) == ["ab", "^"]
