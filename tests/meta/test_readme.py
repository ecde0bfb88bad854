"""What README.md and the pages under docs tell people to type, write and open is really there."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from audit.__main__ import _parser
from firewall.classify.environments import PlaceKind
from firewall.cli.main import stayhand
from firewall.core.effect import Effect
from firewall.gates.models.clients import _MARKS, CLIENTS
from firewall.policy import cases, rows
from firewall.policy.cases import CaseFile
from firewall.policy.facts import KNOWN
from firewall.policy.load import load
from firewall.policy.people import Approvers
from firewall.policy.reading import InputKind, shell_call
from firewall.policy.trial import Scene, attempt
from firewall.routing.choosing.modelfile import read_models
from firewall.settings.settings import Settings
from firewall.spend.simulate import mix_of
from tests.meta.tree import ROOT, files, shown

_PAGES = tuple(path for path in files() if shown(path).endswith(".md"))
_MANUALS = tuple(path for path in _PAGES if shown(path) == "README.md" or shown(path).startswith("docs/"))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _blocks(path: Path, language: str) -> Iterator[str]:
    for found in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        if found[1] == language:
            yield found[2]


def _commands(path: Path) -> Iterator[list[str]]:
    """Yield the words of each shell line, here-documents left out, comments dropped."""
    for block in _blocks(path, "sh"):
        text = re.sub(r"<<'EOF'.*?^EOF$", "", block, flags=re.MULTILINE | re.DOTALL)
        for line in text.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\|?|;(?= )", line) if "'" not in line else [line]:
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words and words[0] == "sudo":
                    words = words[3:] if words[1:2] == ["-u"] else words[1:]
                if words:
                    yield words


def _resolve(words: list[str]) -> str:
    """Return what is wrong with a `stayhand` line: no such command, no such option."""
    command: click.Command = stayhand
    options = _options(command)
    is_value = False
    for word in words[1:]:
        name, _, given = word.partition("=")
        if is_value:
            is_value = False
        elif word == "--":
            break
        elif word.startswith("-"):
            if name not in options:
                return f"no option {word}"
            is_value = options[name] and not given
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"no command {word}"
            command = found
            options |= _options(command)
    return "a group alone" if isinstance(command, click.Group) else ""


def _options(command: click.Command) -> dict[str, bool]:
    """Return the options of a command, and whether each takes a value."""
    found = [param for param in command.params if isinstance(param, click.Option)]
    return {name: not param.is_flag for param in found for name in param.opts}


@pytest.mark.parametrize("path", _MANUALS, ids=shown)
def test_commands_exist(path: Path) -> None:
    """Every `stayhand`, `make` and `python -m audit` line names commands, options and targets that exist."""
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for words in _commands(path):
        name = words[0].rpartition("/")[2]
        if name == "stayhand" and (problem := _resolve(words)):
            wrong.append(f"{' '.join(words)}: {problem}")
        elif name == "make":
            goals = words[3:] if words[1:2] == ["-C"] else words[1:]
            wrong += [f"make {goal}" for goal in goals if goal not in targets]
        elif words[1:3] == ["-m", "audit"]:
            wrong += _audit_problems(words[3:])
    assert wrong == []


def _audit_problems(words: list[str]) -> list[str]:
    try:
        _parser().parse_args(words)
    except SystemExit:
        return [f"python -m audit {' '.join(words)}"]
    return []


@pytest.mark.parametrize(
    "line",
    [
        "stayhand nothing",
        "stayhand policy explode",
        "stayhand approvals list --sideways",
        "stayhand policy",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    """The check above can fail."""
    assert _resolve(line.split())


def test_the_main_commands_are_shown() -> None:
    """README tells how to install, start an agent, approve, verify, write a row and test it."""
    shown_ = [" ".join(words) for words in _commands(ROOT / "README.md")]
    for wanted in (
        "make run",
        "stayhand run -- claude",
        "stayhand run -- codex",
        "stayhand run -- gemini",
        "stayhand run -- opencode",
        "stayhand approvals approve",
        "stayhand-python -m audit verify",
        "stayhand policy explain",
        "stayhand policy test",
    ):
        assert any(line.startswith(wanted) for line in shown_), wanted


@pytest.mark.parametrize("path", _MANUALS, ids=shown)
def test_configuration_can_be_pasted(path: Path) -> None:
    """Every TOML block is read by what would read it: settings, environments, models, mixes or cases."""
    for block in _blocks(path, "toml"):
        table = tomllib.loads(block)
        if "case" in table:
            assert CaseFile.model_validate({"case": table["case"]}).case
        elif {"model", "constraint", "require_approved"} & table.keys():
            assert read_models(table)
        elif "scenario" in table:
            assert mix_of(table, shown(path)).scenarios
        elif not {"environment", "scratch", "program", "tool", "host", "mcp"} & table.keys():
            assert Settings.model_validate(table)


@pytest.mark.parametrize("path", _MANUALS, ids=shown)
def test_rows_can_be_pasted(path: Path) -> None:
    """Every policy row in a CSV block, and every row that is echoed into policy.csv, is a row."""
    text = path.read_text(encoding="utf-8")
    lines = [line for block in _blocks(path, "csv") for line in block.splitlines()]
    lines += re.findall(r'^echo "(p, [^"]*)" >> policy\.csv$', text, re.MULTILINE)
    table = rows.read(("\n".join(lines) + "\n").encode())
    assert table.problems == ()
    assert len(table.rows) + len(table.groups) == sum(line.startswith(("p,", "g,")) for line in lines)


def test_the_policy_page_makes_a_policy(tmp_path: Path) -> None:
    """A folder with everything that docs/policies.md shows is accepted, and the shown cases hold in it."""
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    written = [case["name"] for table in _pasted(folder) for case in table.get("case", [])]
    oncall = dict.fromkeys(("alice", "bob", "carol"), frozenset({"oncall"}))
    snapshot = load(folder, approvers=Approvers(oncall, no_passkeys=""))
    report = cases.run(folder, snapshot)
    assert len(written) == 4
    assert [failure.text() for failure in report.failures if failure.name in written] == []
    dropped = attempt(snapshot, shell_call("dbtool --config x drop shop"), Scene(workspace="/work/app"))
    assert Effect.DESTRUCTIVE in dropped.effects


def _pasted(folder: Path) -> Iterator[dict[str, list[dict[str, object]]]]:
    """Put each block of docs/policies.md where it belongs; yields those in TOML."""
    page = ROOT / "docs/policies.md"
    places = {"environment": "environments.toml", "program": "packs/ours.toml", "case": "cases/page.toml"}
    for block in _blocks(page, "toml"):
        table = tomllib.loads(block)
        name = next((place for key, place in places.items() if key in table), "")
        if name:
            with (folder / name).open("w" if "scratch" in table else "a", encoding="utf-8") as file:
                file.write(block)
        yield table
    with (folder / rows.FILE).open("a", encoding="utf-8") as file:
        file.write("".join(_blocks(page, "csv")))


def test_the_explained_command_is_explained_so() -> None:
    """README's shortened output of `policy explain` holds only lines that really come."""
    (words,) = [words for words in _commands(ROOT / "README.md") if words[:3] == ["stayhand", "policy", "explain"]]
    folder = str(ROOT / "policies")
    done = CliRunner().invoke(stayhand, [*words[1:3], "--dir", folder, *words[3:]])
    assert done.exit_code == 0, done.output
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("stayhand policy explain ")[2].split("```")[2]
    missing = [line for line in block.strip("\n").splitlines() if line not in done.output]
    assert missing == []


@pytest.mark.parametrize("path", _PAGES, ids=shown)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of ours leads to one, and every anchor to a heading of it."""
    broken = []
    for target in _LINK.findall(_BLOCK.sub("", path.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            broken.append(target)
    assert broken == []


def _anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_policy_page_names_every_word() -> None:
    """docs/policies.md names every attribute, effect, obligation and kind of place that a policy can use."""
    text = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
    words = {*KNOWN, *Effect, *(kind.value for kind in PlaceKind), "ttl", "group", *InputKind}
    assert sorted(word for word in words if not re.search(rf"\b{word}\b", text)) == []


def test_the_architecture_page_names_what_is_there() -> None:
    """Every symbol in the index of docs/architecture.md is defined where it says; the page stays short."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    missing = []
    for left, place in re.findall(r"^\| (.*?) \| `(\S+?)` \|$", text.partition("## Index")[2], re.MULTILINE):
        path = ROOT / place
        sources = [path] if path.is_file() else sorted(path.rglob("*.py"))
        code = "\n".join(source.read_text(encoding="utf-8") for source in sources)
        missing += [
            f"{name} in {place}"
            for name in re.findall(r"`(\w+)`", left)
            if not re.search(rf"^(?:class|def|async def) {name}\b|^{name}\b.*=", code, re.MULTILINE)
            and not any(source.stem == name for source in sources)
        ]
        assert path.exists(), place
    assert missing == []


def test_the_clients_page_repeats_the_figures_of_the_code() -> None:
    """docs/clients.md has the patience and the user agents that the code uses."""
    text = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    patience = text.partition("## Patience")[2].partition("## Final errors")[0]
    names = {"claude-code": "Claude Code", "codex": "Codex", "gemini-cli": "Gemini CLI", "opencode": "opencode"}
    for name, shown_as in names.items():
        row = next(line for line in patience.splitlines() if line.startswith(f"| {shown_as} "))
        assert str(CLIENTS[name].silent_s) in row.split("|")[2]
        assert f"| `{name}` |" in text
    assert all(mark in text.lower() for mark, _ in _MARKS)
