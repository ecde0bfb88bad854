"""The catalogue's own cases: thousands of short command lines, each with the label it must get."""

import tomllib
from pathlib import Path

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, ordered
from tests.support.understanding import ROOT, shipped_context

FOLDER = ROOT / "tests/cases/classify/catalogue"
FILES = sorted(FOLDER.glob("*.toml"))


def lines_of(path: Path) -> list[tuple[str, str]]:
    """Return (label, command line) of a file: one table a label, `lines` with one command line each."""
    table: dict[str, dict[str, str]] = tomllib.loads(path.read_text("utf-8"))
    return [(label, line) for label, row in table.items() for line in row["lines"].strip().splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_has_its_label(path: Path) -> None:
    """The strictest effect of every command line is the label that it stands under."""
    context = shipped_context()
    wrong = []
    for label, line in lines_of(path):
        actions = actions_of_input("shell", line, context)
        effects = ordered(effect for action in actions for effect in action.effects)
        if effects[0] != Effect(label):
            wrong.append((line, label, [effect.value for effect in effects]))
    assert wrong == []


def test_no_line_stands_twice() -> None:
    """A command line stands under one label only, over all files."""
    lines = [line for path in FILES for _, line in lines_of(path)]
    assert sorted({line for line in lines if lines.count(line) > 1}) == []


@pytest.mark.parametrize(
    ("line", "signals"),
    [
        ("systemctl stop stayhand", ("stayhand",)),
        ("systemctl --user restart stayhand.service", ("stayhand",)),
        ("systemctl mask a stayhand", ("a", "stayhand")),
        ("service stayhand stop", ("stayhand", "stop")),
        ("supervisorctl stop stayhand", ("stop", "stayhand")),
        ("gdb -p 4711", ("4711",)),
        ("lldb attach 4711", ("attach", "4711")),
        ("strace -f -p 4711", ("4711",)),
        ("strace -p $PID", ("*",)),
        ("py-spy 4711", ("4711",)),
        ("ssh host systemctl stop stayhand", ()),
        ("systemctl status stayhand", ()),
    ],
)
def test_what_reaches_into_processes_says_so(line: str, signals: tuple[str, ...]) -> None:
    """Services that are stopped and processes that are looked into are reached, as those that are signalled."""
    found = [
        name for action in actions_of_input("shell", line, shipped_context()) for name in action.reach.signals
    ]
    assert tuple(found) == signals
