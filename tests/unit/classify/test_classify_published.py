"""What programs publish about their subcommands: asked last, never softer than what stands in a row."""

import tomllib

import pytest

from firewall.classify.catalogue import compile_catalogue
from firewall.classify.context import Context
from firewall.classify.environments import Environments
from firewall.classify.text import actions_of_input
from firewall.core.errors import ConfigError
from tests.support.understanding import shipped_context

_COMMANDS = """
[commands.dbtool]
read = "list|show table|show user"
destructive = "drop"
exec = "run"
"""
_ROW = """
[[program]]
names = ["dbtool"]
%s
rules = [{ first = ["list"], arg = ["all"], effects = ["secret"] }]
"""


def _effects(text: str, table: str) -> set[str]:
    catalogue = compile_catalogue(tomllib.loads(table), {}, [])
    context = Context("/work/app", "", "", Environments(), catalogue)
    return {effect.value for action in actions_of_input("shell", text, context) for effect in action.effects}


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("dbtool list", {"read"}),
        ("dbtool show table shop", {"read"}),
        ("dbtool show all", {"unknown"}),
        ("dbtool drop shop", {"destructive"}),
        ("dbtool list --purge", {"read", "destructive"}),
        ("dbtool list --exec-hook=x", {"read", "unknown"}),
        ("dbtool run drop", {"exec"}),
        ("dbtool $(cat what)", {"unknown", "read"}),
    ],
)
def test_published_subcommands(text: str, effects: set[str]) -> None:
    """The longest published path decides; options that say more count; what is not published stays unknown."""
    context_free = (
        '[words]\ndestructive = ["purge"]\n'
        + _COMMANDS
        + '[[program]]\nnames = ["cat"]\nrules = [{ touch = { read = "all" } }]\n'
    )
    assert _effects(text, context_free) == effects


def test_rows_come_first() -> None:
    """A row of ours decides before what is published, and rows that do not guess leave nothing to it."""
    assert _effects("dbtool list all", _ROW % "verbs = true" + _COMMANDS) == {"secret"}
    assert _effects("dbtool list", _ROW % "verbs = true" + _COMMANDS) == {"read"}
    assert _effects("dbtool list", _ROW % "" + _COMMANDS) == {"unknown"}


@pytest.mark.parametrize(
    "table",
    ['[commands.x]\nnonsense = "a"', '[commands.x]\nread = "a"\nwrite = "a"', "[commands.x]\nread = 5"],
)
def test_a_bad_table_is_named(table: str) -> None:
    """Unknown effects, doubled subcommands and wrong types are refused with their table."""
    with pytest.raises(ConfigError, match=r"commands`.x|commands"):
        compile_catalogue(tomllib.loads(table), {}, [])


def test_the_shipped_table_removes_nothing_mildly() -> None:
    """No shipped subcommand whose own name says that it removes data is called a read."""
    programs = shipped_context().catalogue.programs.values()
    mild = [
        f"{program.name} {path}"
        for program in programs
        for path, rule in program.published.items()
        if {"delete", "destroy", "purge", "drop"} & set(path.replace("-", " ").replace(":", " ").split())
        and {effect.value for effect in rule.effects} <= {"read", "secret"}
    ]
    assert mild == []
