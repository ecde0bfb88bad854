"""The documentation cannot drift from the code: whatever users type, read or configure is written down."""

import re
import tomllib
from pathlib import Path

import click

from firewall.cli.main import stayhand
from firewall.core.reason import Reason
from tests.meta.reference import REASONS, TARGET, leaves, render
from tests.meta.tree import ROOT


def test_the_reference_page_is_what_the_code_says() -> None:
    """Every command, option, settings key, default and reason code stands in docs/reference.md as it is."""
    assert TARGET.read_text(encoding="utf-8") == render(), "run `make fix`"


def test_every_default_is_written_as_in_the_file() -> None:
    """Whoever copies a default from docs/reference.md into stayhand.toml has written TOML."""
    shown = re.findall(r"^\| `[^`|]+` \| `([^`|]+)` \|", TARGET.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) > 50
    assert [one for one in shown if tomllib.loads(f"key = {one}")["key"] in ("", [])] == []


def test_every_reason_code_is_explained() -> None:
    """A refusal's reason can be looked up in plain words."""
    assert set(REASONS) == set(Reason)
    assert all(REASONS.values())


def test_every_command_explains_itself() -> None:
    """Each command has help, and each of its options a word of its own."""
    silent = [name for name, command in leaves(stayhand) if not (command.help or "").strip()]
    bare = [
        f"{name} {param.opts[0]}"
        for name, command in leaves(stayhand)
        for param in command.params
        if isinstance(param, click.Option) and not (param.help or "").strip()
    ]
    assert (silent, bare) == ([], [])


def test_decision_records_have_numbers_of_their_own() -> None:
    """Each record's file and title begin with a number that no other has."""
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]
    assert len(set(numbers)) == len(numbers) > 0
    titles = [path.read_text(encoding="utf-8").partition("\n")[0][2:6] for path in records]
    assert titles == numbers


def test_every_page_is_reached_from_the_readme() -> None:
    """Whoever follows links from README.md comes by every page and decision record, and no link leads nowhere."""
    waiting, reached, broken = [ROOT / "README.md"], set[Path](), list[str]()
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            found = (page.parent / link).resolve()
            if not found.exists():
                broken.append(f"{page.name}: {link}")
            elif found.suffix == ".md":
                waiting.append(found)
    unreached = set((ROOT / "docs").rglob("*.md")) - reached
    assert (sorted(map(str, unreached)), broken) == ([], [])
