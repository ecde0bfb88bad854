"""Text to a syntax tree, with offsets in characters. tree-sitter never raises: errors are a flag on the root."""

import re
from dataclasses import dataclass

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from firewall.classify.draft import Source

MAX_TEXT_CHARS = 128 * 1024
_PARSER = Parser(Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class Parsed:
    """A parsed piece of shell text."""

    source: Source
    data: bytes
    root: Node
    plain: bool

    def at(self, offset: int) -> int:
        """Return the character offset of a byte offset."""
        if self.plain:
            return offset
        return len(self.data[:offset].decode("utf-8", "replace"))

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def slice(self, start: int, end: int) -> str:
        """Return the text between two byte offsets."""
        return self.data[start:end].decode("utf-8", "replace")

    def span(self, node: Node) -> tuple[int, int]:
        """Return the span of a node in the judged text."""
        return self.source.span(self.at(node.start_byte), self.at(node.end_byte))


def parse(source: Source) -> Parsed | None:
    """Parse shell text; None when it is too long or no text at all (lone surrogates)."""
    if len(source.text) > MAX_TEXT_CHARS:
        return None
    try:
        data = source.text.encode("utf-8")
    except UnicodeEncodeError:
        return None
    tree = _PARSER.parse(data)
    return Parsed(source, data, tree.root_node, len(data) == len(source.text))


_BRACES = re.compile(r"(?<![\w$'\"\\{}])\{([^\s{}'\"$`();|&<>]*,[^\s{}'\"$`();|&<>]*)\}(?![\w{}])")


def spread_braces(text: str) -> str:
    """Write out `{rm,-rf,x}` where it is a word of its own: the parser stumbles over it in command position."""
    return _BRACES.sub(lambda found: found.group(1).replace(",", " "), text)
