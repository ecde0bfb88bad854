"""Loops and branches of a shell tree: what they leave known, and bodies that run any number of times."""

from typing import Protocol

from tree_sitter import Node

from firewall.classify.shell.analysis import Analysis
from firewall.classify.shell.assigning import forget_computed
from firewall.classify.shell.inside import note_set
from firewall.classify.shell.nodes import CommandReader, below_of
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Feed, Scope
from firewall.classify.shell.words import words_of

MAX_LOOP = 8
WORDLIKE = frozenset(
    {
        "word", "string", "raw_string", "concatenation", "simple_expansion", "expansion", "number",
        "command_substitution", "process_substitution", "ansi_c_string", "translated_string",
        "variable_name", "extglob_pattern", "regex", "arithmetic_expansion",
    }
)  # fmt: skip
"""Nodes that are words: they run nothing but what is substituted in them."""


class Walk(Protocol):
    """What loops and branches need of the walker."""

    analysis: Analysis
    parsed: Parsed
    read: CommandReader

    def visit(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit one statement."""

    def block(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit statements one after another."""

    def inside(self, node: Node, scope: Scope, level: int) -> None:
        """Visit the substitutions inside words."""


def loop_arithmetic(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit `for ((…))`: its body may run any number of times."""
    _inside_values(walker, node, scope, level)
    forget_computed(walker.parsed.text(node), scope)
    for child in node.named_children:
        if child.type in ("do_group", "compound_statement"):
            _again(walker, child, scope, feed, level)


def loop_for(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit `for x in …`: once per value while they are few and known."""
    _inside_values(walker, node, scope, level)
    variable = node.child_by_field_name("variable")
    body = node.child_by_field_name("body")
    if variable is None or body is None:
        return
    name = walker.parsed.text(variable)
    values = [
        word
        for child in node.children_by_field_name("value")
        for word in words_of(child, walker.read.reading(scope))
    ]
    for value in values[:MAX_LOOP]:
        note_set(walker.analysis, name, value.text if value.known else None, walker.parsed.span(variable))
    before = scope.copy()
    if values and len(values) <= MAX_LOOP and all(word.known and not word.glob for word in values):
        for word in values:
            scope.assign(name, word.text)
            walker.visit(body, scope, feed, level + 1)
    else:
        scope.assign(name, None)
        scope.below[name] = below_of(values, scope)
        if not scope.below[name]:
            scope.below.pop(name)
        _again(walker, body, scope, feed, level)
    scope.merge(before)


def _inside_values(walker: Walk, node: Node, scope: Scope, level: int) -> None:
    """Visit substitutions in the values of a loop, not its body."""
    for child in node.named_children:
        if child.type in ("command_substitution", "process_substitution"):
            walker.block(child, scope.copy(), None, level + 1)
        elif child.type not in ("do_group", "compound_statement"):
            walker.inside(child, scope, level + 1)


def loop_while(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit `while …; do …; done`: what `read` fills is not known."""
    _again(walker, node, scope, feed, level)


def _again(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit a body that may run any number of times: a second time when it changes what it starts from."""
    before = scope.copy()
    _visit_body(walker, node, scope, feed, level)
    changed = (scope.variables, scope.arrays, scope.cwds, scope.functions) != (
        before.variables,
        before.arrays,
        before.cwds,
        before.functions,
    )
    scope.merge(before)
    if changed:
        _visit_body(walker, node, scope, feed, level)
        scope.merge(before)


def _visit_body(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit a loop's body, or a whole `while` with its condition."""
    if node.type == "while_statement":
        walker.block(node, scope, feed, level)
    else:
        walker.visit(node, scope, feed, level + 1)


def branches(walker: Walk, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
    """Visit `if` and `case`: each branch may or may not run."""
    _inside_tests(walker, node, scope, level)
    before = scope.copy()
    result: Scope | None = None
    own = scope.copy()
    for child in node.named_children:
        if child.type in ("elif_clause", "else_clause", "case_item"):
            branch = before.copy()
            walker.visit(child, branch, feed, level + 1)
            result = _joined(result, branch)
        elif child.is_named and child.type not in WORDLIKE and child.type != "comment":
            walker.visit(child, own, feed, level + 1)
    scope.take(own)
    scope.merge(before)
    if result is not None:
        scope.merge(result)


def _inside_tests(walker: Walk, node: Node, scope: Scope, level: int) -> None:
    """Visit substitutions in the word of a `case`."""
    for child in node.named_children:
        if child.type in WORDLIKE:
            if child.type in ("command_substitution", "process_substitution"):
                walker.block(child, scope.copy(), None, level + 1)
            else:
                walker.inside(child, scope, level + 1)


def _joined(result: Scope | None, branch: Scope) -> Scope:
    if result is None:
        return branch
    result.merge(branch)
    return result
