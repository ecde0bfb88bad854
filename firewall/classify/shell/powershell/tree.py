"""PowerShell text to a syntax tree, and its expressions to words as far as they are constants.

Only strings are computed: literals, variables that are set once to a literal, and strings joined by `+`.
What is not certain is a word that is not known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from firewall.classify.code.brackets import EVERY, unbalanced
from firewall.classify.draft import Source
from firewall.classify.shell.parse import PATIENT_WITH_ERRORS, SHORT_BYTES
from firewall.classify.shell.powershell.mended import LISTED, mended
from firewall.classify.shell.words import Word

MAX_CHARS = 16 * 1024
MAX_TICKS = 60
READ_BYTES, MAX_READS = 1024, 1000
"""The parser is handed text in pieces: it looks ahead often, and each look copies what it is handed."""
MAX_BRACKETS = 300
"""The grammar takes more than linear time over calls without end."""
MAX_NODES = 4000
_PARSER = Parser(Language(tree_sitter_powershell.language()))
_VARIABLE = re.compile(r"\$(?:\{([\w:]+)\}|([\w:]+))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "", "a": "", "b": "", "e": "\x1b", "f": "", "v": ""}
_JOINED = re.compile(
    r"""\s*+(?:\(\s*)?('(?:[^']|'')*'|"[^"$`]*")(?:\s*\+\s*('(?:[^']|'')*'|"[^"$`]*"))*\s*\)?\s*"""
)
_LITERAL = re.compile(r"""'(?:[^']|'')*'|"[^"$`]*\"""")


@dataclass(slots=True)
class Tree:
    """A parsed piece of PowerShell."""

    source: Source
    data: bytes
    root: Node
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables (lower case) that are set once, to a constant."""
    splats: Mapping[str, tuple[tuple[str, str | None], ...]] = field(default_factory=dict)
    """Hashtables (lower case) set once and only handed on as `@name`: parameter and value (None: a switch)."""
    functions: frozenset[str] = frozenset()
    """Functions (lower case) that the text defines: their bodies are judged where they stand."""

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self._raw(node).replace(LISTED, ",")

    def _raw(self, node: Node) -> str:
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def listed(self, node: Node) -> list[Word]:
        """Return the words of a list (`'a', 'b'`, `a, b`), or the one that an argument is."""
        if node.type == "array_literal_expression" and node.named_child_count > 1:
            return [self.word(item) for item in node.named_children]
        if (pairs := self.splats.get(self.text(node).strip().removeprefix("@").lower())) and self.text(node)[
            :1
        ] == "@":
            texts = [text for key, value in pairs for text in (f"-{key}", value) if text is not None]
            return [Word(text, head=text, span=self.span(node)) for text in texts]
        parts = [part for part in self._raw(node).split(LISTED) if part]
        if node.type != "generic_token" or len(parts) < 2:
            return [self.word(node)]
        span = self.span(node)
        return [Word(part, head=part, glob=any(char in part for char in "*?["), span=span) for part in parts]

    def span(self, node: Node) -> tuple[int, int]:
        """Return the span of a node in the judged text."""
        if len(self.data) == len(self.source.text) + 1:
            return self.source.span(node.start_byte, node.end_byte)
        start = len(self.data[: node.start_byte].decode("utf-8", "replace"))
        return self.source.span(start, start + len(self.text(node)))

    def walk(self) -> Iterator[Node]:
        """Return every named node, outer ones first, up to a bound."""
        stack, seen = [self.root], 0
        while stack and seen <= MAX_NODES:
            node = stack.pop()
            seen += 1
            yield node
            stack += reversed(node.named_children)

    def word(self, node: Node) -> Word:
        """Return what an argument stands for."""
        text = self.text(node).strip()
        value = self.value(text) if node.type != "command_parameter" else text
        if value is None:
            return Word(text, known=False, span=self.span(node), names=tuple(_names(text)))
        glob = node.type == "generic_token" and any(char in value for char in "*?[")
        return Word(value, head=value, glob=glob, span=self.span(node))

    def value(self, text: str) -> str | None:
        """Return the constant that an expression stands for; None: not known."""
        text = text.strip()
        if match := _VARIABLE.fullmatch(text):
            return self.variables.get((match.group(1) or match.group(2)).lower())
        if _JOINED.fullmatch(text):
            return "".join(unquoted(piece) for piece in _LITERAL.findall(text))
        if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
            return self._expanded(text[1:-1])
        if text[:1] in "'\"@([{&" or "$" in text or "(" in text:
            return None
        return re.sub(r"`(.)", r"\1", text)

    def _expanded(self, text: str) -> str | None:
        """Return a double-quoted string whose variables are all known."""
        if "$(" in text:
            return None
        known = True

        def put(match: re.Match[str]) -> str:
            nonlocal known
            value = self.variables.get((match.group(1) or match.group(2)).lower())
            known = known and value is not None
            return value or ""

        found = _VARIABLE.sub(put, text)
        return (
            re.sub(r"`(.)", lambda match: _ESCAPES.get(match.group(1), match.group(1)), found) if known else None
        )


def unquoted(text: str) -> str:
    """Return the text of a literal without its quotes."""
    return text[1:-1].replace("''", "'") if text[:1] == "'" else text[1:-1]


def _names(text: str) -> list[str]:
    return [(match.group(1) or match.group(2)).rpartition(":")[2] for match in _VARIABLE.finditer(text)]


def parse(source: Source, *, again: bool = False) -> Tree | None:
    """Parse PowerShell; None when it is too long, takes too long or is no text."""
    text = source.text
    if len(text) > MAX_CHARS or "\0" in text or text.count("(") > MAX_BRACKETS or unbalanced(text, EVERY):
        return None
    try:
        data = text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return None
    used, wrong, reads = 0, 0, 0
    patience = PATIENT_WITH_ERRORS if len(data) <= SHORT_BYTES else 1

    def enough(_offset: int, has_error: bool) -> bool:  # noqa: FBT001 - the parser calls it so
        nonlocal used, wrong
        used += 1
        wrong += has_error
        return used >= MAX_TICKS or wrong >= patience or reads > MAX_READS

    def piece(start: int, _point: object) -> bytes:
        nonlocal reads
        reads += 1
        # Told to stop, the parser still looks ahead many times before it asks `enough`: the text ends here.
        return data[start : start + READ_BYTES] if reads <= MAX_READS else b""

    try:
        tree = _PARSER.parse(piece, progress_callback=enough)
    except ValueError:  # halted: what is left of it must not leak into the next text
        _PARSER.reset()
        return None
    if reads > MAX_READS:
        return None
    found = Tree(source, data, tree.root_node)
    if tree.root_node.has_error and not again and (other := mended(text)) is not None:
        better = parse(replace(source, text=other), again=True)
        found = better if better is not None and not better.root.has_error else found
    found.variables = _constants(found)
    found.splats = _splats(text)
    names = (
        next((child for child in node.named_children if child.type == "function_name"), None)
        for node in found.walk()
        if node.type == "function_statement"
    )
    found.functions = frozenset(found.text(name).strip().lower() for name in names if name is not None)
    return found


def _constants(tree: Tree) -> dict[str, str]:
    """Return the variables that the whole text sets exactly once, to a literal, and by nothing else."""
    found: dict[str, str | None] = {}
    for node in tree.walk():
        if node.type != "assignment_expression":
            continue
        left, _, right = tree.text(node).partition("=")
        name = left.strip().lstrip("$").strip("{}").lower()
        plain = re.fullmatch(r"\w+", name) is not None and name not in found
        found[name] = tree.value(right) if plain and _JOINED.fullmatch(right) else None
    return {name: value for name, value in found.items() if value is not None}


_HASH = re.compile(r"\$(\w+)[ \t]*=[ \t]*@\{([^{}]*)\}")
_PAIR = re.compile(
    r"""\s*(\w+)\s*=\s*('[^'\n]*'|"[^"$`\n]*"|\$true|\$false|\d+)\s*(?:[;\n]\s*|$)""", re.IGNORECASE
)


def _splats(text: str) -> dict[str, tuple[tuple[str, str | None], ...]]:
    """Return the hashtables of constants that a text sets once and touches no more than by `@name`."""
    found: dict[str, tuple[tuple[str, str | None], ...]] = {}
    for match in _HASH.finditer(text):
        name, body = match.group(1).lower(), match.group(2).strip()
        pairs, at = [], 0
        while (pair := _PAIR.match(body, at)) is not None:
            pairs.append(pair)
            at = pair.end()
        whole = at == len(body)
        if not whole or len(re.findall(rf"\$\{{?(?:\w+:)?{re.escape(name)}\b", text, re.IGNORECASE)) != 1:
            continue
        found[name] = tuple(
            (pair.group(1).lower(), None if pair.group(2).lower() == "$true" else unquoted(pair.group(2)))
            if pair.group(2)[0] in "'\"$"
            else (pair.group(1).lower(), pair.group(2))
            for pair in pairs
            if pair.group(2).lower() != "$false"
        )
    return found
