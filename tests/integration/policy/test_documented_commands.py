"""What README.md and the pages under docs tell people to ask the policies runs as it is printed there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from firewall.cli.main import stayhand

_ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKING = re.compile(r"stayhand (?:policy (?:explain|test|check)|route explain)\b")


def _lines() -> Iterator[str]:
    for path in (_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))):
        for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
            yield from (line for line in block.splitlines() if _ASKING.match(line))


_LINES = tuple(dict.fromkeys(_lines()))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and policies of its own, as `stayhand init` makes them."""
    folder = tmp_path_factory.mktemp("documents")
    done = CliRunner().invoke(stayhand, ["init", str(folder), "--data-dir", str(folder / "data")])
    assert done.exit_code == 0, done.output
    return folder


def test_the_documents_show_every_way_to_ask() -> None:
    """A bare command, a kind, JSON, text from the standard input, a test and a check."""
    for wanted in ("explain --env", "--kind sql", "--kind http", "--json", "- <", "policy test", "policy check"):
        assert any(wanted in line for line in _LINES), wanted


@pytest.mark.parametrize("line", _LINES)
def test_a_printed_command_runs(line: str, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends well in a new installation; an explanation names a verdict and the row that decided."""
    monkeypatch.chdir(installation)
    monkeypatch.delenv("STAYHAND_CONFIG", raising=False)
    words = shlex.split(line, comments=True)
    cut = words.index("<") if "<" in words else len(words)
    done = CliRunner().invoke(stayhand, words[1:cut], input="DROP TABLE users;\n")
    assert done.exit_code == 0, done.output
    if words[1] == "route":
        assert "scripted/coder" in done.stdout
    elif words[2] == "explain":
        assert "verdict" in done.stdout
        assert "policy.csv:" in done.stdout
