"""What has been seen of one Python program so far, with spans that lead back into its text."""

import ast

from firewall.classify.code.found import Found, Touch
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.rows import Verb
from firewall.core.effect import Effect

MAX_SEEN = 60
MAX_COMMANDS = 30


class Sight:
    """Collects what a program does."""

    def __init__(self, source: Source, context: Context) -> None:
        self.source = source
        self.context = context
        self.found = Found()
        self.nested: list[tuple[str, tuple[int, int]]] = []
        """Python that the program runs, as text."""
        self._lines: list[int] = []
        self._exec: Draft | None = None

    def span(self, node: ast.AST | None) -> tuple[int, int]:
        """Return the span of a node in the judged text."""
        if not isinstance(node, ast.expr | ast.stmt) or node.end_lineno is None:
            return self.source.whole()
        start = self._at(node.lineno, node.col_offset)
        end = self._at(node.end_lineno, node.end_col_offset or 0)
        return self.source.span(start, max(start, end))

    def _at(self, line: int, byte: int) -> int:
        if not self._lines:
            self._lines = [0]
            for one in self.source.text.splitlines(keepends=True):
                self._lines.append(self._lines[-1] + len(one))
        start = self._lines[min(line, len(self._lines)) - 1]
        text = self.source.text[start : start + byte]
        # The parser counts bytes; in a line of ASCII these are the characters.
        return start + (
            byte if text.isascii() else len(self.source.text[start:].encode()[:byte].decode("utf-8", "ignore"))
        )

    def opaque(self, node: ast.AST | None, why: str, *, unknown: bool = False) -> None:
        """Note that the program runs more than is seen."""
        if self._exec is None:
            self._exec = Draft("code:inline", "code:python", effects={Effect.EXEC})
            self._exec.summary = f"runs Python code: {why}"
            self.found.drafts.append(self._exec)
        if unknown:
            self._exec.effects.add(Effect.UNKNOWN)
            self._exec.unseen.append(why)
        if len(self._exec.evidence) < MAX_SEEN:
            self._exec.point(self.span(node), why)

    def touch(self, verb: Verb, path: str | None, node: ast.AST, *, recursive: bool = False) -> None:
        """Note that a file is touched; a path that is not known is said to be so."""
        if len(self.found.touches) < MAX_SEEN:
            self.found.touches.append(Touch(verb, path, self.span(node), recursive))
        else:
            self.opaque(node, "more files than are read here", unknown=True)

    def shell(self, text: str, node: ast.AST) -> None:
        """Note that a command line is run."""
        if len(self.found.shell) >= MAX_COMMANDS:
            self.opaque(node, "more commands than are read here", unknown=True)
            return
        span = self.span(node)
        at = self.source.text.find(text) if self.source.base is not None and text else -1
        inside = at >= 0 and span[0] <= self.source.span(at, at)[0] <= span[1]
        self.found.shell.append(
            Source(text, base=self.source.span(at, at)[0]) if inside else Source(text, base=None, outer=span)
        )

    def add(self, draft: Draft, node: ast.AST, note: str) -> None:
        """Add an action."""
        draft.point(self.span(node), note)
        if len(self.found.drafts) < MAX_SEEN:
            self.found.drafts.append(draft)
        else:
            self.opaque(node, "more actions than are read here", unknown=True)

    def secret(self, name: str, node: ast.AST) -> None:
        """Note that a variable that is named like a credential is read."""
        draft = Draft("env:read", f"variable:{name}", effects={Effect.SECRET})
        draft.summary = f"reads the environment variable {shown(name)}, which usually holds a credential"
        self.add(draft, node, "a variable that usually holds a credential")
