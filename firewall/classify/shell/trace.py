"""The commands of a shell text in the order in which they are read, each with what its wrappers were peeled to.

For people who want to see how a text was taken; what is judged comes from `analyse`, which goes the same way.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from firewall.classify.context import Context
from firewall.classify.draft import Source
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.command import run
from firewall.classify.shell.powershell.read import powershell
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.walk import script
from firewall.classify.shell.words import Word

MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One command."""

    text: str
    """Its words as they were understood: quotes and constants resolved, unknown parts as written."""
    span: tuple[int, int]
    """Where it stands in the judged text."""
    depth: int
    """How many wrappers and texts stand around it; what follows a command with a greater depth came out of it."""
    machine: str = ""
    """Where it runs, when that is not here: `ssh:host`, `container:name`."""


def commands_of(text: str, context: Context, scope: Scope) -> tuple[Found, ...]:
    """Return the commands that a shell text was read as; a command that is met twice stands there once."""
    found: dict[Found, None] = {}

    def noted(command: Command, analysis: Analysis) -> None:
        one = Found(_line(command.words), command.span, command.depth, command.scope.machine)
        found.setdefault(one, None)
        run(command, analysis)

    script(Analysis(context, script, noted, powershell), Source(text), scope, None, 0)
    return tuple(found)


def _line(words: Iterable[Word]) -> str:
    line = " ".join(_shown(word) for word in words)
    return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"


def _shown(word: Word) -> str:
    if word.known:
        return word.text if word.glob else shlex.quote(word.text)
    return word.text if any(mark in word.text for mark in "$`*") else f"⟨{word.text}⟩"
