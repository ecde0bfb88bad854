"""Syntax nodes to values: the words of a command, what feeds it, what it writes; nothing here adds an action."""

import re
from collections.abc import Sequence

from tree_sitter import Node

from firewall.classify.context import Context
from firewall.classify.draft import Source
from firewall.classify.shell.analysis import Command
from firewall.classify.shell.expansions import bounded, looked_up
from firewall.classify.shell.fragments import Kind
from firewall.classify.shell.output import output_of
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Feed, Scope
from firewall.classify.shell.touches import spot_of
from firewall.classify.shell.words import Reading, Word, inner_fragments, value_of, words_of

MAX_CONSTANT_DEPTH = 6
MAX_WORDS = 1000
MAX_GLOBS = 100
_LABEL_CHARS = 60
"""What is shown of a command whose output is run."""
MAX_SPREAD = 300
"""Words of one command while some come out of braces or constants."""


class CommandReader:
    """Reads the commands of one parsed text."""

    __slots__ = ("context", "depth", "parsed", "spread")

    def __init__(self, parsed: Parsed, context: Context, depth: int) -> None:
        self.parsed = parsed
        self.context = context
        self.depth = depth
        self.spread = 0
        """Words that came out of braces and constants so far."""

    def output(self, stage: Node, scope: Scope, feed: Feed | None) -> Feed:
        """Return what a stage hands to the next."""
        commands = self._simple_commands(stage, scope, feed)
        if commands is None:
            return Feed(exec_label=self.parsed.beginning(stage, _LABEL_CHARS))
        return output_of(commands, self.parsed.beginning(stage, _LABEL_CHARS))

    def _simple_commands(self, stage: Node, scope: Scope, feed: Feed | None) -> list[Command] | None:
        """Return the plain commands of a stage, in order, when it holds nothing else."""
        if stage.type == "redirected_statement":
            return self._redirected(stage, scope, feed)
        if stage.type in ("compound_statement", "subshell", "list"):
            inner = [self._simple_commands(child, scope, feed) for child in stage.named_children]
            found = [commands for commands in inner if commands is not None]
            return [command for commands in found for command in commands] if len(found) == len(inner) else None
        command = self.command_of(stage, scope, feed) if stage.type == "command" else None
        return None if command is None else [command]

    def _redirected(self, stage: Node, scope: Scope, feed: Feed | None) -> list[Command] | None:
        """Return the plain commands of a stage that is fed by a redirection and writes nowhere else."""
        body = stage.child_by_field_name("body")
        writes = any(child.type == "file_redirect" and b">" in raw_of(child) for child in stage.named_children)
        if body is None or writes:
            return None
        return self._simple_commands(body, scope, self.redirected_feed(stage, scope, feed))

    def reading(self, scope: Scope) -> Reading:
        """Return how words are read here."""
        return Reading(self.parsed, scope, lambda node: self.constant(node, scope))

    def constant(self, node: Node, scope: Scope) -> str | None:
        """Return the output of a command substitution when it is a constant."""
        children = node.named_children
        if len(children) != 1 or self.depth > MAX_CONSTANT_DEPTH:
            return None
        child = children[0]
        if child.type == "pipeline":
            feed: Feed | None = None
            for stage in child.named_children:
                feed = self.output(stage, scope, feed)
            return feed.text if feed is not None else None
        return self.output(child, scope, None).text

    def command_of(self, node: Node, scope: Scope, feed: Feed | None, more: Sequence[Node] = ()) -> Command | None:
        """Resolve the words of a command node; None when it has none; too many become one that is not known.

        `more` are words that the grammar put behind a redirection (`rm >x -rf y`).
        """
        if node.named_child_count > MAX_WORDS:
            return Command(
                (Word("…", known=False, loose=True, span=self.parsed.span(node)),), scope, depth=self.depth
            )
        words: list[Word] = []
        assignments: dict[str, str | None] = {}
        written: dict[str, str] = {}
        reading = self.reading(scope)
        pieces: list[Node] = []
        for child in (*node.named_children, *more):
            if child.type == "variable_assignment":
                name, value = self.assignment(child, scope)
                assignments[name] = value
                written[name] = self.written(child)
            elif child.type == "herestring_redirect":
                feed = self.herestring(child, scope)
            elif child.type not in ("file_redirect", "heredoc_redirect", "comment"):
                if pieces and not self._joined(pieces[-1], child):
                    words += self._words(pieces, reading, words)
                    pieces = []
                pieces.append(child)
        if pieces:
            words += self._words(pieces, reading, words)
        if not words:
            return None
        if sum(word.glob for word in words) > MAX_GLOBS:
            words = [Word("…", known=False, loose=True, span=self.parsed.span(node))]
        return Command(tuple(words), scope, self.parsed.span(node), feed, assignments, written, depth=self.depth)

    def _words(self, pieces: list[Node], reading: Reading, before: list[Word]) -> list[Word]:
        """Return the words of one piece of a command; where braces make too many, one unknown word."""
        text = self.parsed.slice(pieces[0].start_byte, pieces[-1].end_byte)
        unknown = Word(text, known=False, loose=True, span=self.parsed.span(pieces[0]))
        if self.spread > MAX_SPREAD // 2 and "{" in text:
            return [unknown]
        found = words_of(pieces[0], reading, *pieces[1:])
        if len(found) > 1 or ("{" in text and found and found[0].loose):
            self.spread += max(len(found), MAX_SPREAD if found[0].loose else 0)
        return [unknown] if len(found) > 1 and len(found) + len(before) > MAX_SPREAD else found

    def _joined(self, left: Node, right: Node) -> bool:
        """Tell whether two nodes are one word: nothing lies between them but continued lines."""
        return not self.parsed.data[left.end_byte : right.start_byte].replace(b"\\\n", b"")

    def written(self, node: Node) -> str:
        """Return how the value of an assignment stands in the text."""
        value = node.child_by_field_name("value")
        return "" if value is None else self.parsed.text(value)

    def redirected_feed(self, node: Node, scope: Scope, feed: Feed | None) -> Feed | None:
        """Return what the redirections of a statement feed it; `feed` where they say nothing."""
        for child in node.named_children:
            if child.type == "heredoc_redirect":
                feed = self.heredoc(child, scope)
            elif child.type == "herestring_redirect":
                feed = self.herestring(child, scope)
            elif child.type == "file_redirect" and raw_of(child).lstrip(b"0").startswith(b"<"):
                feed = Feed(exec_label=self.parsed.text(child), local=True, paths=self._from(child, scope))
        return feed

    def _from(self, node: Node, scope: Scope) -> tuple[str, ...]:
        """Return the file that `< FILE` names, as far as it is known."""
        target = node.child_by_field_name("destination")
        words = words_of(target, self.reading(scope)) if target is not None else []
        return spot_of(words[0], scope).paths if len(words) == 1 and not words[0].glob else ()

    def heredoc(self, node: Node, scope: Scope) -> Feed:
        """Read a here-document: a constant, or unknown where it expands what is not."""
        start = next((child for child in node.children if child.type == "heredoc_start"), None)
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        if body is None:
            return Feed(text="")
        raw = self.parsed.text(body)
        if any(child.type == "<<-" for child in node.children):
            raw = "\n".join(line.lstrip("\t") for line in raw.split("\n"))
        at = self.parsed.at(body.start_byte)
        source = self.parsed.source.part(raw, at, at + len(raw))
        quoted = start is not None and any(char in self.parsed.text(start) for char in "'\"\\")
        if quoted or ("$" not in raw and "`" not in raw):
            return Feed(text=raw, source=source)
        pieces = inner_fragments(body, self.reading(scope), start=body.start_byte, end=body.end_byte)
        text = "".join(piece for piece, _ in pieces)
        known = all(kind < Kind.HIDDEN for _, kind in pieces)
        return Feed(
            text=text if known else None,
            source=source if not known else Source(text, base=None, outer=self.parsed.span(body)),
            exec_label="here-document",
        )

    def heredoc_backticks(self, node: Node) -> bool:
        """Tell whether a here-document that expands holds back-quoted commands, which no node shows."""
        start = next((child for child in node.children if child.type == "heredoc_start"), None)
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        if body is None or start is None or any(char in self.parsed.text(start) for char in "'\"\\"):
            return False
        return re.search(r"(?<!\\)`", self.parsed.text(body)) is not None

    def herestring(self, node: Node, scope: Scope) -> Feed:
        """Read `<<< word`."""
        words = [word for child in node.named_children for word in words_of(child, self.reading(scope))]
        text = " ".join(word.text for word in words)
        known = bool(words) and all(word.known for word in words)
        if not known:
            return Feed(exec_label="here-string")
        source = words[0].source if len(words) == 1 else None
        return Feed(text=text + "\n", source=source or Source(text, base=None, outer=self.parsed.span(node)))

    def assignment(self, node: Node, scope: Scope) -> tuple[str, str | None]:
        """Return the name and the constant value of `x=value`; None: not known (arrays never are one value)."""
        name_node = node.child_by_field_name("name")
        value_node = node.child_by_field_name("value")
        name = self.parsed.text(name_node).partition("[")[0] if name_node is not None else ""
        if value_node is None:
            return name, ""
        if name_node is None or value_node.type == "array" or name_node.type == "subscript":
            return name, None
        value = value_of(value_node, self.reading(scope))
        if b"+=" not in raw_of(node)[: len(name.encode()) + 2]:
            return name, value
        before = looked_up(name, scope)
        return name, bounded(before + value) if before is not None and value is not None else None

    def assign(self, node: Node, scope: Scope) -> tuple[str, str | None]:
        """Carry out `x=value` in a scope; return the name and the constant value, None: not known."""
        name, value = self.assignment(node, scope)
        array = node.child_by_field_name("value")
        target = node.child_by_field_name("name")
        scope.assign(name, value)
        if array is not None and array.type == "array" and target is not None and target.type == "variable_name":
            words = [word for child in array.named_children for word in words_of(child, self.reading(scope))]
            plain = not any(word.loose or word.glob or word.text.startswith("[") for word in words)
            if plain and b"+=" not in raw_of(node)[: len(name.encode()) + 2]:
                scope.assign_all(name, tuple(word.text if word.known else None for word in words))
        return name, value


def behind_redirects(node: Node) -> list[Node]:
    """Return the words behind the file names of redirections: they are the command's."""
    return [
        word
        for child in node.named_children
        if child.type == "file_redirect"
        for word in child.children_by_field_name("destination")[1:]
        if word.start_byte > child.children_by_field_name("destination")[0].end_byte
    ]


def below_of(values: list[Word], scope: Scope) -> tuple[str, ...]:
    """Return the folders that globbed or found words lie below; empty when one is not known to."""
    found: list[str] = []
    for word in values:
        if word.below:
            found += word.below
        elif word.known:
            head = word.text.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]
            folder = head.rpartition("/")[0]
            if ".." in word.text.split("/") or head.startswith("~"):
                return ()
            if head.startswith("/"):
                found.append(folder or "/")
            else:
                found += [f"{cwd}/{folder}".rstrip("/") for cwd in scope.cwds]
                if not scope.cwds:
                    return ()
        else:
            return ()
    return tuple(dict.fromkeys(found))


def raw_of(node: Node) -> bytes:
    """Return the bytes of a node."""
    return node.text or b""
