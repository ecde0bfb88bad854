"""`stayhand policy explain`: parse, underlined words, row and runner-up, for every kind of text."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firewall.cli.policy import policy
from firewall.cli.underlined import columns, underlined
from firewall.console.marked import show
from firewall.core.action import Evidence
from firewall.policy.defaults import copy_to
from firewall.policy.reading import InputKind

ROOT = Path(__file__).resolve().parents[3]
_INPUTS = {
    "shell": "rm -rf /srv/data",
    "sql": "DROP TABLE users",
    "http": '{"method": "DELETE", "url": "https://api.example.com/v1/volumes/7"}',
    "graphql": 'mutation { volumeDelete(volumeId: "v") }',
    "aws": "aws ec2 terminate-instances --instance-ids i-1",
    "mcp": '{"server": "db", "tool": "drop_table", "arguments": {"name": "users"}}',
    "javascript": 'require("fs").rmSync("/srv/data", {recursive: true})',
    "python": 'import shutil; shutil.rmtree("/srv/data")',
    "patch": "*** Begin Patch\n*** Delete File: src/a.py\n*** End Patch\n",
    "powershell": "Remove-Item -Recurse C:\\data",
}


def _run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(policy, ["explain", *args], input=stdin)


def _json(*args: str, stdin: str | None = None) -> dict[str, object]:
    done = _run("--json", *args, stdin=stdin)
    assert done.exit_code == 0, done.output
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_parse_shows_what_wrappers_were_peeled_to() -> None:
    """Every command in order, what came out of a wrapper below it, with its place in the text."""
    text = "rm -rf build && sudo env A=1 sh -c 'git push -f'; ssh web uptime"
    parse = _json("--", text)["parse"]
    assert isinstance(parse, list)
    assert [(one["text"], one["depth"], one["machine"]) for one in parse] == [
        ("rm -rf build", 0, ""),
        ("sudo env A=1 sh -c 'git push -f'", 0, ""),
        ("env A=1 sh -c 'git push -f'", 1, ""),
        ("sh -c 'git push -f'", 2, ""),
        ("git push -f", 3, ""),
        ("ssh web uptime", 0, ""),
        ("uptime", 1, "ssh:web"),
    ]
    assert [text[one["start"] : one["end"]] for one in parse][4] == "git push -f"


def test_people_see_the_same_parse_as_a_tree() -> None:
    """What came out of a wrapper stands below it behind an arrow; the verdict and the runner-up come last."""
    lines = _run("--", "sudo sh -c 'rm -rf /srv/data'").stdout.splitlines()
    at = lines.index("read as")
    assert lines[at + 1 : at + 4] == [
        "   sudo sh -c 'rm -rf /srv/data'",
        "   └─ sh -c 'rm -rf /srv/data'",
        "      └─ rm -rf /srv/data",
    ]
    assert lines[-2].startswith("verdict: ask (policy:row:ask")
    assert re.match(r"runner-up: policy\.csv:\d+  p, ", lines[-1])


@pytest.mark.parametrize("kind", [kind.value for kind in InputKind])
def test_every_kind_is_explained(kind: str) -> None:
    """Each kind has actions with effects, evidence inside the text that was given, a verdict and a confidence."""
    text = _INPUTS[kind]
    answer = _json("--kind", kind, "--", text)
    assert (answer["version"], answer["kind"]) == (1, kind)
    actions = answer["actions"]
    assert isinstance(actions, list)
    assert actions
    for action in actions:
        assert action["effects"]
        assert action["scope"] in ("workspace", "machine", "elsewhere", "unseen")
        assert action["reversal"] in ("nothing", "undo", "lost", "unknown")
        assert action["confidence"] in ("certain", "likely", "guess")
        assert all(text[span["start"] : span["end"]] == span["text"] for span in action["evidence"])
    assert answer["verdict"] in ("ask", "deny", "allow")
    assert {"destructive", "unknown", "write", "exec"} & set(answer["effects"])  # type: ignore[call-overload]  # JSON


def test_the_json_shape_is_the_documented_one() -> None:
    """Every field that `--json` prints stands in docs/explain.md, and the other way round."""
    page = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8").partition("## `--json`")[2]
    whole, _, action = page.partition("An action:")
    answer = _json("--", "rm -rf /srv/data")
    (shown,) = answer["actions"]  # type: ignore[misc]  # JSON
    assert _fields(whole) == set(answer)
    assert _fields(action) == set(shown)


def _fields(table: str) -> set[str]:
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_stdin_and_dialect() -> None:
    """`-` reads the text from stdin; a dialect belongs to SQL and nothing else."""
    answer = _json("--kind", "sql", "--dialect", "postgres", "--", "-", stdin="DELETE FROM users;\n")
    assert answer["effects"] == ["destructive"]
    assert _run("--dialect", "mysql", "--", "ls").exit_code == 2
    assert _run("--kind", "smoke", "--", "ls").exit_code == 2


def test_a_dialect_that_nobody_knows_is_a_wrong_command_line() -> None:
    """A misspelt dialect is said, instead of being read as if none had been named."""
    done = _run("--kind", "sql", "--dialect", "klingon", "--", "SELECT 1")
    assert done.exit_code == 2
    assert "`klingon` is no dialect" in done.output


def test_options_before_the_dashes_are_explained() -> None:
    """Who forgets `--` before a command with options is told so."""
    done = _run("ls", "-la")
    assert done.exit_code == 2
    assert "stand behind `--`" in done.output


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("git push -f", "^^^ ^^^^ ^^"),
        ("kubectl -n web delete pod x", "^^^^^^^        ^^^^^^"),
        ("aws s3 rm s3://b --recursive", "^^^ ^^ ^^"),
    ],
)
def test_the_subcommand_is_underlined(text: str, under: str) -> None:
    """What makes a program destroy is its subcommand: it is marked with the program."""
    assert _run("--", text).stdout.splitlines()[1] == under


def test_why_is_said_once_and_in_plain_words() -> None:
    """A reason that the sentence holds already is not repeated; paths say what happens to them."""
    assert "because" not in _run("--kind", "sql", "--", "DROP TABLE users;\n").output
    assert "because     removes this path" in _run("--", "rm -rf /srv/data").output
    told = _run("--kind", "python", "--", _INPUTS["python"]).output
    assert "runs code that removes `/srv/data`" in told


def test_a_mutation_without_an_address_is_a_whole_sentence() -> None:
    """A bare document has no host, so none is named."""
    told = _run("--kind", "graphql", "--", _INPUTS["graphql"]).output
    assert "deletes volume `v` by the mutation `volumeDelete`; no undo" in told


def test_the_runner_up_would_decide_without_the_deciding_row(tmp_path: Path) -> None:
    """Take the deciding row away and the runner-up decides, also where it says the same word."""
    folder = tmp_path / "policies"
    copy_to(folder)
    answer = _json("--dir", str(folder), "--", "sudo rm -rf /srv/data")
    lines = (folder / "policy.csv").read_text(encoding="utf-8").splitlines()
    deciding = int(str(answer["row"]).rpartition(":")[2])
    lines[deciding - 1] = "# taken away"
    (folder / "policy.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    without = _json("--dir", str(folder), "--", "sudo rm -rf /srv/data")
    assert without["row"] == answer["runner_up"] != ""
    assert without["row_text"] == answer["runner_up_text"]


def test_a_workspace_makes_paths_local(tmp_path: Path) -> None:
    """What lies under `--workspace` is local, what does not is on this machine."""
    answer = _json("--workspace", str(tmp_path), "--", f"touch {tmp_path}/a; rm -r /srv/data")
    actions = answer["actions"]
    assert isinstance(actions, list)
    assert [one["scope"] for one in actions] == ["workspace", "machine"]
    assert [one["reversal"] for one in actions] == ["undo", "lost"]


def test_several_spans_over_lines_and_tabs() -> None:
    """Marks stand under their words on every line; a tab takes as many columns as a terminal gives it."""
    text = "a\trm x\n\trm y"
    spans = [Evidence(2, 4, ""), Evidence(5, 6, ""), Evidence(8, 10, ""), Evidence(11, 12, "")]
    assert underlined(text, spans) == ["a       rm x", "        ^^ ^", "        rm y", "        ^^ ^"]
    assert underlined("ab\tc", [Evidence(0, 4, "")]) == ["ab      c", "^^^^^^^^^"]


@pytest.mark.parametrize(
    ("text", "taken"),
    [("漢字", 4), ("e\u0301", 1), ("ก\u0e31", 1), ("\u1112\u1161\u11ab", 2), ("é", 1), ("🔥", 2)],
)
def test_columns(text: str, taken: int) -> None:
    """Wide characters take two columns, marks that sit on another one none."""
    assert columns(text) == taken


def test_long_lines_fold_with_their_marks() -> None:
    """On a narrow terminal each piece of a line has its own marks below it."""
    assert underlined("aaaa bbbb cc", [Evidence(5, 9, "")], width=6) == ["aaaa b", "     ^", "bbb cc", "^^^"]
    assert underlined("a漢", [Evidence(1, 2, "")], width=2) == ["a", "漢", "^^"]


def test_the_terminal_and_the_page_mark_the_same_words() -> None:
    """Both take the segments of one function: hidden characters spelled out, padding counted, the same marks."""
    text = "echo\u202e ok" + " " * 60 + "; rm -rf /srv"
    spans = [Evidence(text.index("rm"), len(text), "removes")]
    (line,) = show(text, [(span.start, span.end, span.note) for span in spans]).first
    shown, marks = underlined(text, spans)
    assert shown == "".join(part.text for part in line.segments)
    marked = "".join(char for char, mark in zip(shown, marks, strict=True) if mark == "^")
    assert marked == "".join(part.text for part in line.segments if part.marked) == "rm -rf /srv"
