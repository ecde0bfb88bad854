"""Walk a shell syntax tree in the order in which it runs, carrying what the shell knows.

INVARIANT: every command, substitution and redirection of a tree that parsed is visited; a kind of node that
is not named here is `unknown`, and a tree with an error is `unknown` whatever else is found.
"""

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from tree_sitter import Node

from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source
from firewall.classify.shell import flow
from firewall.classify.shell.analysis import COMMAND_WORDS, Analysis, Command
from firewall.classify.shell.assigning import forget_computed
from firewall.classify.shell.behind import add_behind
from firewall.classify.shell.command import EVALUATED, run
from firewall.classify.shell.flow import WORDLIKE
from firewall.classify.shell.inside import MAX_TREE_DEPTH, inside
from firewall.classify.shell.nodes import CommandReader, behind_redirects
from firewall.classify.shell.parse import Parsed, parse, spread_braces
from firewall.classify.shell.powershell.read import powershell
from firewall.classify.shell.powershell.read import script as read_powershell
from firewall.classify.shell.redirects import redirect
from firewall.classify.shell.scope import Body, Feed, Scope
from firewall.classify.shell.variables import decides, later, waits
from firewall.classify.shell.words import Word, words_of
from firewall.core.effect import Effect


def analyse(source: Source, context: Context, scope: Scope, *, language: str = "shell") -> list[Draft]:
    """Return drafts for everything that a piece of shell text does; at least one.

    `language` is `shell` (POSIX shells and bash) or `powershell`.
    """
    return analyse_each((source,), context, scope, language=language) or [_nothing(context)]


def analyse_each(
    sources: Sequence[Source], context: Context, scope: Scope, *, language: str = "shell"
) -> list[Draft]:
    """Return drafts for what pieces of shell text do, each in a shell of its own, bounded together."""
    analysis = Analysis(context, script, run, powershell)
    for source in sources:
        if analysis.exhausted:
            break
        if language == "powershell":
            read_powershell(analysis, source, scope.copy(), 0)
        else:
            script(analysis, source, scope.copy(), None, 0)
    _written_then_run(analysis.drafts)
    return analysis.drafts


def _nothing(context: Context) -> Draft:
    draft = Draft("shell:nothing", "none:", effects={Effect.READ}, summary="does nothing")
    draft.environment, draft.inside_workspace = ("local", True) if context.workspace else ("unresolved", False)
    return draft


_RETURN = re.compile(r"\r(?!\n|$)")
_WRITES = frozenset({Effect.WRITE, Effect.DESTRUCTIVE, Effect.PRIVILEGE})
_FETCHES = frozenset({"shell:curl", "shell:wget", "git:clone", "shell:scp", "shell:rsync"})
_BUILD_FILES = frozenset(
    {
        "Makefile", "makefile", "GNUmakefile", "package.json", "justfile", "Justfile", "conftest.py", "setup.py",
        "build.gradle", "Rakefile", "CMakeLists.txt", "build.rs",
    }
)  # fmt: skip


def _written_then_run(drafts: list[Draft]) -> None:
    """Raise what runs a file that this very text has written: its code is not the workspace's yet."""
    written: set[str] = set()
    fetched = False
    for draft in drafts:
        names = {posixpath.basename(path) for path in written}
        is_run = draft.operation == "code:run" and Effect.EXEC in draft.effects
        if is_run and (fetched or names & _BUILD_FILES or written.intersection((*draft.files, *draft.paths))):
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("what it runs was written or fetched by the same text")
        if draft.effects & _WRITES:
            written.update(draft.paths)
            fetched = fetched or draft.operation in _FETCHES


def script(analysis: Analysis, source: Source, scope: Scope, feed: Feed | None, depth: int) -> None:
    """Read shell text in a scope."""
    if _RETURN.search(source.text):
        # Some shells and every terminal end the line there; bash makes it a part of the word.
        analysis.opaque(source.whole(), "a carriage return inside the text", operation="shell:unread")
        source = replace(source, text=_RETURN.sub("\n", source.text))
    parsed = parse(source, analysis.ticks)
    if parsed is None:
        analysis.ticks = max(1, analysis.ticks // 2)
        analysis.opaque(source.whole(), "text that is too long or that no shell takes", operation="shell:unread")
        return
    analysis.ticks = max(1, analysis.ticks - parsed.ticks)
    if parsed.root.has_error:
        analysis.opaque(source.whole(), "shell text that does not parse", operation="shell:unparsed")
        parsed = _retry(source) or parsed
    walker = _Walker(analysis, parsed, depth)
    walker.visit(parsed.root, scope, feed, 0)


def _retry(source: Source) -> Parsed | None:
    """Parse again with top-level braces written out; what is found then only adds."""
    spread = spread_braces(source.text)
    if spread == source.text:
        return None
    return parse(Source(spread, base=None, outer=source.whole()))


class _Walker:
    """One parsed text being walked."""

    def __init__(self, analysis: Analysis, parsed: Parsed, depth: int) -> None:
        self.analysis = analysis
        self.parsed = parsed
        self.depth = depth
        self.read = CommandReader(parsed, analysis.context, depth)

    def visit(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit one statement."""
        if not self.analysis.step(self.parsed.span(node)):
            return
        if level > MAX_TREE_DEPTH:
            self.analysis.opaque(self.parsed.span(node), "nested too deeply to read", operation="shell:unread")
            return
        visitor = _VISITORS.get(node.type)
        if visitor is not None:
            visitor(self, node, scope, feed, level)
        elif node.type not in _SILENT and node.is_named:
            self.analysis.opaque(self.parsed.span(node), f"syntax that is not understood ({node.type})")
            self.inside(node, scope, level)

    def inside(self, node: Node, scope: Scope, level: int) -> None:
        """Visit the substitutions inside words, tests and arithmetic."""
        inside(self, node, scope, level)

    def block(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit statements one after another."""
        for child in node.named_children:
            self.visit(child, scope, feed, level + 1)

    def subshell(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit statements whose changes to the shell are lost."""
        self.block(node, scope.copy(), feed, level)

    def compound(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit `{ … }`, or `(( … ))`, which is arithmetic to bash and two subshells to a plain `sh`."""
        if not node.children or node.children[0].type != "((":
            self.block(node, scope, feed, level)
            return
        self.inside(node, scope, level)
        forget_computed(self.parsed.text(node), scope)
        inner = self.parsed.slice(node.start_byte + 2, node.end_byte - 2)
        first = re.split(r"[\s;|&()]", inner.lstrip("(){} \t\n!\\"), maxsplit=1)[0]
        if first in self.analysis.context.catalogue.programs:
            start = self.parsed.at(node.start_byte) + 2
            source = self.parsed.source.part(inner, start, start + len(inner))
            self.analysis.script(self.analysis, source, scope.copy(), feed, self.depth + 1)

    # -- lists and pipelines

    def chain(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit `a && b || c`: what stands behind `&&` may rely on what stands before it."""
        outcomes: Scope | None = None
        moved = False
        for operator, item in self._flat(node):
            if operator == "||" and outcomes is not None:
                scope.merge(outcomes)
            elif operator == "&&" and moved:
                scope.move(scope.cwds[:1])
            before = scope.cwds
            start = scope.copy()
            self.visit(item, scope, feed, level + 1)
            moved = scope.cwds != before and len(scope.cwds) > 1
            if outcomes is None:
                outcomes = scope.copy()
                outcomes.merge(start)
            else:
                outcomes.merge(scope)
        if outcomes is not None:
            scope.merge(outcomes)

    def _flat(self, node: Node) -> list[tuple[str, Node]]:
        found: list[tuple[str, Node]] = []
        stack: list[tuple[str, Node]] = [("", node)]
        while stack:
            operator, item = stack.pop()
            if item.type == "list":
                left, right = item.named_children[0], item.named_children[-1]
                sign = next((child.type for child in item.children if child.type in ("&&", "||")), "||")
                stack += [(sign, right), (operator, left)]
            else:
                found.append((operator, item))
        return found

    def pipeline(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit `a | b`: each in a shell of its own, each fed by the one before."""
        stages = [child for child in node.named_children if child.type != "comment"]
        self.stages(stages, scope, feed, level)

    def stages(self, stages: list[Node], scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit the stages of a pipeline."""
        current = feed
        for index, stage in enumerate(stages):
            if self.analysis.exhausted:
                return
            own = scope.copy() if len(stages) > 1 else scope
            self.visit(stage, own, current, level + 1)
            if index + 1 < len(stages):
                current = self.read.output(stage, own, current)

    # -- commands

    def command(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit a simple command: its substitutions first, then itself."""
        self.inside(node, scope, level)
        for child in node.named_children:
            if child.type == "file_redirect" and self.analysis.step(self.parsed.span(child)):
                redirect(self.analysis, self.parsed, child, scope, self.read.reading(scope))
        if not self.analysis.afford(node.named_child_count + COMMAND_WORDS, self.parsed.span(node)):
            return
        command = self.read.command_of(node, scope, feed)
        if command is not None:
            self.analysis.run(command, self.analysis)

    def redirected(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit a statement with redirections, here-documents and what hangs on them."""
        self.inside_redirects(node, scope, level)
        for child in node.named_children:
            if child.type == "heredoc_redirect" and self.read.heredoc_backticks(child):
                self.analysis.opaque(self.parsed.span(child), "a here-document that runs commands")
            if child.type == "file_redirect" and self.analysis.step(self.parsed.span(child)):
                redirect(self.analysis, self.parsed, child, scope, self.read.reading(scope))
        body = node.child_by_field_name("body")
        fed = self.read.redirected_feed(node, scope, feed)
        trailing = [child for child in node.named_children if child.type == "heredoc_redirect"]
        if more := behind_redirects(node):
            self._split_command(node, body, more, scope, fed)
        elif body is not None:
            self.visit(body, scope, fed, level + 1)
        for heredoc in trailing:
            self._behind_heredoc(heredoc, body, scope, fed, level)

    def _split_command(
        self, node: Node, body: Node | None, more: list[Node], scope: Scope, feed: Feed | None
    ) -> None:
        """Run a command of which the grammar put words behind a redirection (`rm >x -rf y`, `>x >y rm -rf z`)."""
        if body is not None and body.type != "command":
            self.analysis.opaque(self.parsed.span(node), "words behind a redirection that belong to nothing")
            self.visit(body, scope, feed, 0)
            return
        if body is not None:
            self.inside(body, scope, 0)
        if any(child.type.startswith("&>") for item in node.named_children for child in item.children):
            # `a &>file b` is `a & >file b` to a plain sh: what stands behind is then a command of its own.
            text = self.parsed.slice(more[0].start_byte, node.end_byte)
            start = self.parsed.at(more[0].start_byte)
            source = self.parsed.source.part(text, start, start + len(text))
            self.analysis.script(self.analysis, source, scope.copy(), None, self.depth + 1)
        command = self.read.command_of(body or node, scope, feed, more)
        if command is not None:
            run(command, self.analysis)

    def inside_redirects(self, node: Node, scope: Scope, level: int) -> None:
        """Visit substitutions in redirection targets and here-documents."""
        for child in node.named_children:
            if child.type in ("file_redirect", "herestring_redirect"):
                self.inside(child, scope, level)
            elif child.type == "heredoc_redirect":
                for part in child.named_children:
                    if part.type == "heredoc_body":
                        self.inside(part, scope, level + 1)

    def _behind_heredoc(self, node: Node, body: Node | None, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit what stands on the line behind `<<EOF`: redirections, a pipe, `&&`."""
        operator = ""
        for child in node.children:
            if child.type == "file_redirect" and self.analysis.step(self.parsed.span(child)):
                redirect(self.analysis, self.parsed, child, scope, self.read.reading(scope))
            elif child.type == "pipeline":
                stages = child.named_children
                piped = (
                    self.read.output(body, scope, feed) if body is not None else Feed(exec_label="here-document")
                )
                self.stages(list(stages), scope.copy(), piped, level + 1)
            elif child.type in ("&&", "||"):
                operator = child.type
            elif operator and child.is_named and not child.type.startswith("heredoc"):
                self.visit(child, scope, None, level + 1)
                operator = ""

    # -- assignments and declarations

    def assign(self, node: Node, scope: Scope, _feed: Feed | None, level: int) -> None:
        """Visit `x=value` on its own."""
        self.inside(node, scope, level)
        name, value = self.read.assign(node, scope)
        scope.below.pop(name, None)
        context = self.analysis.context
        if value is not None and EVALUATED.search(value):
            why = f"sets `{name}` to an index that runs a command wherever something computes with it"
            self.analysis.opaque(self.parsed.span(node), why)
        if decides(name, value, self.read.written(node), context):
            why = f"sets `{name}`, which decides what later programs run or where"
            draft = self.analysis.opaque(self.parsed.span(node), why, operation="shell:assign")
            if name == "PATH" and waits(self.read.written(node), context):
                later(draft, self.analysis)
            add_behind(name, value, self.parsed.span(node), scope, self.analysis, depth=self.depth)

    def declare(self, node: Node, scope: Scope, feed: Feed | None, level: int) -> None:
        """Visit `export x=value`, `declare`, `local`, `readonly`."""
        self.inside(node, scope, level)
        for child in node.named_children:
            if child.type == "variable_assignment":
                self.read.assign(child, scope)
            if EVALUATED.search(self.parsed.text(child)):
                self.analysis.opaque(self.parsed.span(child), "an index that the shell evaluates")
        words = [
            word
            for child in node.named_children
            if child.type != "variable_assignment"
            for word in words_of(child, self.read.reading(scope))
        ]
        named = [child for child in node.named_children if child.type == "variable_assignment"]
        assigned = {name: value for child in named for name, value in [self.read.assignment(child, scope)]}
        head = Word(self.parsed.text(node.children[0]), span=self.parsed.span(node.children[0]))
        written = {self.read.assignment(child, scope)[0]: self.read.written(child) for child in named}
        command = Command((head, *words), scope, self.parsed.span(node), feed, assigned, written, depth=self.depth)
        self.analysis.run(command, self.analysis)

    def unset(self, node: Node, scope: Scope, _feed: Feed | None, level: int) -> None:
        """Visit `unset x`: nobody follows it further."""
        self.inside(node, scope, level)
        for child in node.named_children:
            name = self.parsed.text(child)
            if EVALUATED.search(name):
                self.analysis.opaque(self.parsed.span(child), "an index that the shell evaluates")
            scope.assign(name, None)
            scope.functions.pop(name, None)

    def define(self, node: Node, scope: Scope, _feed: Feed | None, _level: int) -> None:
        """Visit a function's definition: kept for its calls, and read once in case nobody sees them."""
        name_node = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if name_node is None or body is None:
            return
        name = self.parsed.text(name_node)
        self.inside_redirects(node, scope, 0)
        for child in node.named_children:
            if child.type == "file_redirect" and self.analysis.step(self.parsed.span(child)):
                redirect(self.analysis, self.parsed, child, scope, self.read.reading(scope))
        text = self.parsed.text(body)
        start = self.parsed.at(body.start_byte)
        source = self.parsed.source.part(text, start, start + len(text))
        scope.functions[name] = Body(source)
        if name in _HANDLERS:  # a shell runs it for any name that it does not find: nobody says which
            own = scope.copy()
            own.functions.pop(name)
            own.positional = None
            self.analysis.script(self.analysis, source, own, None, self.depth + 1)

    def test(self, node: Node, scope: Scope, _feed: Feed | None, level: int) -> None:
        """Visit `[ … ]`, `[[ … ]]`, `(( … ))`: only their substitutions act, and what an index evaluates."""
        self.inside(node, scope, level)
        forget_computed(self.parsed.text(node), scope)
        if EVALUATED.search(self.parsed.text(node)):
            self.analysis.opaque(self.parsed.span(node), "an index that the shell evaluates")


_HANDLERS = frozenset({"command_not_found_handle", "command_not_found_handler"})
"""What bash and zsh call for a command that they do not find."""
_SILENT = frozenset({"comment", "heredoc_body", "heredoc_start", "heredoc_end", "ERROR_WORD"})
_Visitor = Callable[[_Walker, Node, Scope, Feed | None, int], None]


def _words_only(walker: _Walker, node: Node, scope: Scope, _feed: Feed | None, level: int) -> None:
    if node.type in ("command_substitution", "process_substitution"):
        walker.block(node, scope.copy(), None, level + 1)
    else:
        walker.inside(node, scope, level)


_VISITORS: dict[str, _Visitor] = {
    "program": _Walker.block,
    "list": _Walker.chain,
    "pipeline": _Walker.pipeline,
    "command": _Walker.command,
    "redirected_statement": _Walker.redirected,
    "variable_assignment": _Walker.assign,
    "variable_assignments": _Walker.block,
    "declaration_command": _Walker.declare,
    "unset_command": _Walker.unset,
    "function_definition": _Walker.define,
    "subshell": _Walker.subshell,
    "compound_statement": _Walker.compound,
    "do_group": _Walker.block,
    "negated_command": _Walker.block,
    "if_statement": flow.branches,
    "elif_clause": _Walker.block,
    "else_clause": _Walker.block,
    "case_statement": flow.branches,
    "case_item": _Walker.block,
    "while_statement": flow.loop_while,
    "for_statement": flow.loop_for,
    "c_style_for_statement": flow.loop_arithmetic,
    "test_command": _Walker.test,
    "ERROR": _Walker.block,
    **dict.fromkeys(WORDLIKE, _words_only),
    **dict.fromkeys(
        ("binary_expression", "unary_expression", "postfix_expression", "parenthesized_expression",
         "ternary_expression", "subscript", "test_operator", "arithmetic_expansion"),
        _words_only,
    ),
}  # fmt: skip
