"""How long the parsers that are written in C are let run: counting calls says nothing of how long one takes.

tree-sitter asks its caller from time to time whether to go on; these ticks are the same on every machine. The
other parsers cannot be stopped, so what counts is how much text they are given.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from firewall.classify.code.javascript import syntax
from firewall.classify.shell import parse
from firewall.classify.shell.powershell import tree
from firewall.classify.sql import postgres


@dataclass(slots=True)
class Eaten:
    """What parsers had of one input."""

    ticks: int = 0
    """Of tree-sitter's parsers, 30 µs each."""
    chars: int = 0
    """Of the parsers of Python and PostgreSQL, all texts together."""


class _Ticking:
    """A parser of tree-sitter whose ticks are counted."""

    def __init__(self, parser: object, eaten: Eaten) -> None:
        self._parser = parser
        self._eaten = eaten

    def parse(self, source: object, *, progress_callback: Callable[[int, bool], bool]) -> object:
        """Parse what `source` hands out, in ticks that are counted."""

        def enough(offset: int, has_error: bool) -> bool:  # noqa: FBT001 - the parser calls it so
            self._eaten.ticks += 1
            return progress_callback(offset, has_error)

        return self._parser.parse(source, progress_callback=enough)  # type: ignore[attr-defined]  # a parser

    def reset(self) -> None:
        """Forget a text that was halted."""
        self._parser.reset()  # type: ignore[attr-defined]  # a parser


def watched(patch: pytest.MonkeyPatch) -> Eaten:
    """Count from now on, until `patch` is undone."""
    eaten = Eaten()
    for module in (parse, tree, syntax):
        patch.setattr(module, "_PARSER", _Ticking(module._PARSER, eaten))
    for owner in (ast, postgres):
        patch.setattr(owner, "parse", _counted(owner.parse, eaten))
    return eaten


def _counted(function: Callable[..., object], eaten: Eaten) -> Callable[..., object]:
    def counting(text: str, *given: object, **named: object) -> object:
        eaten.chars += len(text)
        return function(text, *given, **named)

    return counting
