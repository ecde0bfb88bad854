"""Text to a syntax tree, with offsets in characters. tree-sitter never raises: errors are a flag on the root."""

import re
from bisect import bisect_left
from dataclasses import dataclass

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from firewall.classify.code.brackets import BRACES, unbalanced
from firewall.classify.draft import Source

MAX_TEXT_CHARS = 64 * 1024
MAX_TICKS = 150
"""Calls of the parser's progress callback, about 30 µs each: a clock would not say the same twice."""
SHORT_BYTES = 2048
PATIENT_WITH_ERRORS = 5
"""Recovery from errors takes more than linear time, so only a short text may have several."""
MAX_READS = 2500
"""Pieces of text that the parser may ask for: looking ahead to the end over and over is what takes it long."""
LEAST_READS, READS_PER_TICK = 200, 10
"""With less patience the parser may also ask for less."""
READ_BYTES = 512
MAX_NODES = 12_000
"""A tree of more nodes holds more commands than are judged."""
MAX_DOCUMENTS = 60
MAX_KNOTS = 8
_KNOTS = re.compile(r"<{4,8}|(?:<&){2,8}")
"""The grammar takes quadratic time over these."""
_FILLER = b"a\n" * (READ_BYTES // 2)
_FOREIGN = re.compile(rb"[\x80-\xff]")
"""The grammar's own scanner looks other characters up in C's tables of 256, and the process dies: it never sees
them. To a shell they are parts of words and of no name, as is the dot that stands in their place."""
_DELIMITER = re.compile(r"""(?<!<)<<(?!<)-?[ \t]*(?:[^\s;&|<>()'"\\]|\\.|'[^'\n]*'|"[^"\n]*")*""")
_TAIL = re.compile(rb"[\x80-\xbf]")
_MOST_BYTES = 4
"""Of one character."""
_PARSER = Parser(Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class Parsed:
    """A parsed piece of shell text."""

    source: Source
    data: bytes
    root: Node
    ticks: int
    """How much of the parser's patience it took."""
    tails: tuple[int, ...]
    """Offsets of bytes that continue a character."""

    def at(self, offset: int) -> int:
        """Return the character offset of a byte offset."""
        return offset - bisect_left(self.tails, offset)

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def beginning(self, node: Node, chars: int) -> str:
        """Return the first characters of a node's text: nodes within each other are then not read again each."""
        end = min(node.end_byte, node.start_byte + _MOST_BYTES * chars)
        return self.data[node.start_byte : end].decode("utf-8", "replace")[:chars]

    def slice(self, start: int, end: int) -> str:
        """Return the text between two byte offsets."""
        return self.data[start:end].decode("utf-8", "replace")

    def span(self, node: Node) -> tuple[int, int]:
        """Return the span of a node in the judged text."""
        return self.source.span(self.at(node.start_byte), self.at(node.end_byte))


def parse(source: Source, ticks: int = MAX_TICKS) -> Parsed | None:
    """Parse shell text; None when it is too long, takes too long, or is no text at all (NUL, lone surrogates)."""
    text = source.text
    if len(text) > MAX_TEXT_CHARS or "\0" in text or _tangled(text):
        return None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        return None
    seen = data if text.isascii() else _FOREIGN.sub(b".", data)
    used, wrong, reads = 0, 0, 0
    most = min(MAX_READS, max(LEAST_READS, ticks * READS_PER_TICK))
    patience = PATIENT_WITH_ERRORS if len(data) <= SHORT_BYTES else 1

    def enough(_offset: int, has_error: bool) -> bool:  # noqa: FBT001 - the parser calls it so
        nonlocal used, wrong
        used += 1
        wrong += has_error
        return used >= ticks or wrong >= patience or reads > most

    def piece(start: int, _point: object) -> bytes:
        nonlocal reads
        reads += 1
        # Told to stop, the parser still looks ahead many times before it asks `enough`: short lines end each look.
        return seen[start : start + READ_BYTES] if reads <= most else _FILLER[: max(0, len(data) - start)]

    try:
        tree = _PARSER.parse(piece, progress_callback=enough)
    except ValueError:  # halted: what is left of it must not leak into the next text
        _PARSER.reset()
        return None
    if reads > most or tree.root_node.descendant_count > MAX_NODES:
        # FAIL-CLOSED: what was read behind the limit is filler, and a tree this large is not walked.
        return None
    tails = () if len(data) == len(text) else tuple(match.start() for match in _TAIL.finditer(data))
    return Parsed(source, data, tree.root_node, used, tails)


def _tangled(text: str) -> bool:
    """Tell whether a text would keep the grammar busy, or mislead it: deep or stray brackets, here-documents."""
    if len(_KNOTS.findall(text)) > MAX_KNOTS or text.count("<<") > MAX_DOCUMENTS:
        return True
    if not text.isascii() and not all(found[0].isascii() for found in _DELIMITER.finditer(text)):
        return (
            True  # two words of other letters look alike to the grammar, and one must not end the other's document
        )
    return unbalanced(text, BRACES)


_BRACES = re.compile(r"(?<![\w$'\"\\{}])\{([^\s{}'\"$`();|&<>]*,[^\s{}'\"$`();|&<>]*)\}(?![\w{}])")


def spread_braces(text: str) -> str:
    """Write out `{rm,-rf,x}` where it is a word of its own: the parser stumbles over it in command position."""
    return _BRACES.sub(lambda found: found.group(1).replace(",", " "), text)
