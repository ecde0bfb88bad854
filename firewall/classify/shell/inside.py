"""Substitutions inside words, tests, arithmetic: all that a word runs, also where the grammar sees only text."""

import re
from typing import Protocol

from tree_sitter import Node

from firewall.classify.draft import Source
from firewall.classify.shell.analysis import Analysis
from firewall.classify.shell.assigning import forget_computed
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Feed, Scope
from firewall.classify.shell.variables import decides

MAX_TREE_DEPTH = 60
_SUBSTITUTES = re.compile(r"[$<>]\(|`")
_ESCAPED = re.compile(r"\\([`$\\])")
_ASSIGNS = re.compile(r"\$\{([A-Za-z_]\w*):?=")
_EVALUATES = re.compile(r"@[PEA]\}$")


class Walk(Protocol):
    """What this needs of the walker."""

    analysis: Analysis
    parsed: Parsed
    depth: int

    def block(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit statements one after another."""


def inside(walker: Walk, node: Node, scope: Scope, level: int) -> None:
    """Visit the substitutions inside words, tests and arithmetic."""
    for child in node.named_children:
        if child.child_count and not walker.analysis.step(walker.parsed.span(child)):
            return
        if child.type in ("command_substitution", "process_substitution"):
            _substitution(walker, child, scope, level)
        elif child.type == "regex":
            _pattern(walker, child, scope)
        elif child.child_count:
            if level > MAX_TREE_DEPTH:
                walker.analysis.opaque(
                    walker.parsed.span(child), "nested too deeply to read", operation="shell:unread"
                )
                return
            _evaluated(walker, child, scope)
            inside(walker, child, scope, level + 1)


def _substitution(walker: Walk, node: Node, scope: Scope, level: int) -> None:
    walker.block(node, scope.copy(), None, level + 1)
    text = walker.parsed.text(node)
    if text[:1] == "`" and (plain := _ESCAPED.sub(r"\1", text[1:-1])) != text[1:-1]:
        # What is escaped between backticks is not when it runs.
        _read(walker, node, plain, scope)


def _pattern(walker: Walk, node: Node, scope: Scope) -> None:
    """Read the pattern of `${x#pattern}`, which is text to the grammar and a word to the shell."""
    text = walker.parsed.text(node)
    if _SUBSTITUTES.search(text):
        _read(walker, node, f': "{text}"', scope)


def _read(walker: Walk, node: Node, text: str, scope: Scope) -> None:
    source = Source(text, base=None, outer=walker.parsed.span(node))
    walker.analysis.script(walker.analysis, source, scope.copy(), None, walker.depth + 1)


def _evaluated(walker: Walk, node: Node, scope: Scope) -> None:
    """Say when an expansion or arithmetic evaluates more than stands in it."""
    text = walker.parsed.text(node)
    if node.type == "expansion" and (_EVALUATES.search(text) or "`" in text):
        walker.analysis.opaque(walker.parsed.span(node), "text that the shell evaluates and that is not read")
    if node.type == "arithmetic_expansion":
        forget_computed(text, scope)
    if node.type == "expansion" and (match := _ASSIGNS.match(text)):
        value = text[match.end() : -1]
        scope.assign(match[1], None)
        note_set(walker.analysis, match[1], value, walker.parsed.span(node))


def note_set(analysis: Analysis, name: str, value: str | None, span: tuple[int, int]) -> None:
    """Say when a variable that decides what programs run gets a value otherwise than by `x=value`."""
    if decides(name, value, value or "$", analysis.context):
        why = f"sets `{name}`, which decides what later programs run or where"
        analysis.opaque(span, why, operation="shell:assign")
