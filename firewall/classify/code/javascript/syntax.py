"""JavaScript text to a small tree of its named nodes, with offsets in characters.

tree-sitter never raises: a text with an error, or one that is too large, is no tree, and nobody reads it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_javascript
from tree_sitter import Language, Parser
from tree_sitter import Node as Raw

from firewall.classify.code.brackets import EVERY, unbalanced
from firewall.classify.draft import Source

MAX_CODE_CHARS = 64 * 1024
MAX_NODES = 3000
MAX_DEPTH = 90
MAX_TICKS = 100
READ_BYTES, MAX_READS = 1024, 1500
"""The parser is handed text in pieces: it looks ahead often, and each look copies what it is handed."""
_TAIL = re.compile(rb"[\x80-\xbf]")
_PARSER = Parser(Language(tree_sitter_javascript.language()))
_ESCAPE = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([0-7]{1,3})|\\(\r\n|[\s\S])"
)
_LETTERS = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "", "\r\n": "", "\r": "",
}  # fmt: skip
_SKIPPED = frozenset({"comment", "html_comment", "hash_bang_line", "empty_statement"})


@dataclass(eq=False, slots=True)
class Node:
    """One named node."""

    kind: str
    start: int
    end: int
    children: "list[Node]" = field(default_factory=list)
    fields: "dict[str, Node]" = field(default_factory=dict)
    sign: str = ""
    """The operator of an expression, `const`, `let` or `var` of a declaration, `get`, `const of` of a loop."""
    text: str = ""
    """The text of a leaf; identifiers with their escapes undone."""
    parent: "Node | None" = None

    def walk(self) -> "Iterator[Node]":
        """Yield this node and all below it, in the order of the text."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed text."""

    source: Source
    root: Node
    nodes: tuple[Node, ...]
    """All nodes, in the order of the text."""

    def span(self, node: Node) -> tuple[int, int]:
        """Return the span of a node in the judged text."""
        return self.source.span(node.start, node.end)

    def text(self, node: Node) -> str:
        """Return the text of a node as it is written."""
        return self.source.text[node.start : node.end]


def parse(source: Source) -> Program | None:
    """Parse JavaScript; None when it has an error, is too large or too deep, or takes too long."""
    text = source.text
    if len(text) > MAX_CODE_CHARS or "\0" in text or unbalanced(text, EVERY):
        return None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        return None
    ticks = reads = 0

    def piece(start: int, _point: object) -> bytes:
        nonlocal reads
        reads += 1
        # Told to stop, the parser still looks ahead many times before it asks `enough`: the text ends here.
        return data[start : start + READ_BYTES] if reads <= MAX_READS else b""

    def enough(_offset: int, has_error: bool) -> bool:  # noqa: FBT001 - the parser calls it so
        nonlocal ticks
        ticks += 1
        return has_error or ticks > MAX_TICKS or reads > MAX_READS

    try:
        tree = _PARSER.parse(piece, progress_callback=enough)
    except ValueError:  # halted: what is left of it must not leak into the next text
        _PARSER.reset()
        return None
    if reads > MAX_READS or tree.root_node.has_error or tree.root_node.descendant_count > MAX_NODES * 3:
        return None
    return _built(source, data, tree.root_node)


_SIGNED = frozenset(
    {
        "binary_expression", "unary_expression", "update_expression", "augmented_assignment_expression",
        "lexical_declaration", "variable_declaration", "method_definition", "meta_property",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    tails: tuple[int, ...]
    """Offsets of bytes that continue a character."""

    def node(self, raw: Raw, parent: Node | None) -> Node:
        """Return a node for one of the parser's."""
        start, end = (offset - bisect_left(self.tails, offset) for offset in (raw.start_byte, raw.end_byte))
        node = Node(raw.type, start, end, parent=parent)
        if raw.type == "for_in_statement":
            signs = (raw.child_by_field_name("kind"), raw.child_by_field_name("operator"))
            node.sign = " ".join(sign.type for sign in signs if sign is not None)
        if raw.child_count == 0:
            written = self.text[start:end]
            node.text = unescape(written) if "\\" in written and "identifier" in node.kind else written
        return node


def _built(source: Source, data: bytes, raw: Raw) -> Program | None:
    tails = () if len(data) == len(source.text) else tuple(match.start() for match in _TAIL.finditer(data))
    within = _Text(source.text, tails)
    root = within.node(raw, None)
    nodes: list[Node] = []
    stack = [(raw, root, 0)]
    while stack:
        item, node, depth = stack.pop()
        nodes.append(node)
        if len(nodes) > MAX_NODES or depth > MAX_DEPTH:
            return None
        below = _below(item, node, within)
        stack.extend((child, inner, depth + 1) for child, inner in reversed(below))
    return Program(source, root, tuple(nodes))


def _below(item: Raw, node: Node, within: _Text) -> list[tuple[Raw, Node]]:
    """Make the children of a node; an operator among them is kept as its sign."""
    below: list[tuple[Raw, Node]] = []
    for index, child in enumerate(item.children):
        if not child.is_named or child.type in _SKIPPED:
            if node.kind in _SIGNED and not node.sign and child.type not in ("(", ")", ",", ";"):
                node.sign = child.type
            continue
        inner = within.node(child, node)
        node.children.append(inner)
        name = item.field_name_for_child(index)
        if name is not None:
            node.fields.setdefault(name, inner)
        below.append((child, inner))
    if node.kind in ("array", "array_pattern") and _has_holes(item):
        node.sign = HOLES
    return below


HOLES = "holes"
"""The sign of an array or a pattern that leaves places out (`[, x]`): its children's places are not theirs."""


def _has_holes(item: Raw) -> bool:
    before = "["
    for child in item.children:
        if child.type == "," and before in ("[", ","):
            return True
        before = child.type
    return False


def unescape(text: str) -> str:
    r"""Undo escapes: `\n`, `\x41`, `A`, `\u{41}`, octal ones, a backslash at a line's end."""

    def one(match: "re.Match[str]") -> str:
        code = match.group(1) or match.group(2) or match.group(3)
        if code is not None:
            value = int(code, 16)
            return chr(value) if value < 0x110000 else "\ufffd"
        if match.group(4) is not None:
            return chr(int(match.group(4), 8))
        letter = match.group(5)
        return _LETTERS.get(letter, letter)

    return _ESCAPE.sub(one, text)


def string_of(node: Node) -> str:
    """Return the value of a string literal."""
    return "".join(
        unescape(child.text) if child.kind == "escape_sequence" else child.text for child in node.children
    )
