"""Words: what a piece of shell syntax stands for once quotes, constants and braces are resolved.

A word that holds anything unknown keeps its source text for display and says so. Nothing here runs anything;
a command substitution whose output is a constant (`$(echo rm)`) is resolved by the walker through `outputs`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tree_sitter import Node

from firewall.classify.draft import Source
from firewall.classify.shell.expansions import bounded, elements, expanded, looked_up
from firewall.classify.shell.fragments import MAX_FIELDS, Fragment, Kind, split, spread
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Scope

MAX_ESCAPES = 2000


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command as far as it is known."""

    text: str
    """The value; unknown parts stand as they were written."""
    known: bool = True
    glob: bool = False
    """Holds an unquoted `*`, `?` or `[`."""
    head: str = ""
    """The known text before the first unknown part."""
    loose: bool = False
    """May be any number of words, options among them."""
    span: tuple[int, int] = (0, 0)
    source: Source | None = None
    """Where `text` stands character for character, when it does."""
    below: tuple[str, ...] = ()
    """Not known, but a path below these folders."""
    names: tuple[str, ...] = ()
    """Unknown variables that it holds."""
    ends: tuple[str, ...] = ()
    """Not known, but a path that may end like one of these."""
    outside: bool = False
    """All that is not known of it are quoted variables that this text never sets."""
    output: str | None = None
    """What is read from it when it is `<(…)` and that is a constant."""

    @property
    def may_be_option(self) -> bool:
        """Tell whether this could turn out to be an option."""
        piped = self.text[:2] in ("<(", ">(")
        return not self.known and not self.below and not self.head and not self.outside and not piped


@dataclass(frozen=True, slots=True)
class Reading:
    """What word reading needs to look around."""

    parsed: Parsed
    scope: Scope
    output: Callable[[Node], str | None]
    """The constant output of a command substitution; None: unknown."""


_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_DOUBLE_ESCAPE = re.compile(r"\\([$`\"\\]|\n)")
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|c.|.)", re.DOTALL)
_ANSI_PLAIN = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}
_PLAIN = re.compile(r"\$\{?([A-Za-z_]\w*)(?:%{1,2}[^$`{}\\]{0,64})?\}?")
"""A variable, or one whose end is cut off (`${f%.txt}`): its beginning stays what it was."""
_ELEMENTS = ("$", '"')
"""How the elements of an array begin: `"$@"`, `${a[@]}`."""
_NAMES = re.compile(r"\$\{?([A-Za-z_]\w*)")


def _has_glob(text: str) -> bool:
    """Tell whether an unquoted text holds `*`, `?` or `[x]`; in one pass, however many brackets there are."""
    if "*" in text or "?" in text:
        return True
    return "]" in text and any("[" in part[:-1] for part in text.split("]")[:-1])


def words_of(node: Node, reading: Reading, *behind: Node) -> list[Word]:
    r"""Return the words that a syntax node becomes; usually one.

    `behind` are nodes that follow without a blank: the grammar sometimes cuts one word in two (`'r'\m`).
    """
    parsed = reading.parsed
    span = (parsed.span(node)[0], parsed.span(behind[-1])[1]) if behind else parsed.span(node)
    shown = parsed.slice(node.start_byte, (behind[-1] if behind else node).end_byte)
    if shown[:1] in _ELEMENTS and (values := elements(shown, reading.scope)) is not None:
        return [_argument(value, shown, span) for value in values]
    if node.type == "process_substitution" and not behind and shown.startswith("<("):
        return [Word(shown, known=False, span=span, output=reading.output(node))]
    fragments = fragments_of(node, reading, quoted=False)
    for follower in behind:
        fragments += fragments_of(follower, reading, quoted=False)
    names = tuple(_NAMES.findall(shown)) if any(kind >= Kind.HIDDEN for _, kind in fragments) else ()
    found: list[Word] = []
    for variant in spread(fragments):
        found += [_word(field, shown, span, names, reading, node) for field in split(variant, reading.scope)]
        if len(found) > MAX_FIELDS:
            return [Word(shown, known=False, loose=True, span=span)]
    return found


def _argument(value: str | None, shown: str, span: tuple[int, int]) -> Word:
    """Return one of `"$@"`."""
    if value is None:
        return Word(shown, known=False, loose=True, span=span)
    return Word(value, head=value, span=span)


def _word(
    field: list[Fragment],
    shown: str,
    span: tuple[int, int],
    names: tuple[str, ...],
    reading: Reading,
    node: Node,
) -> Word:
    known = all(kind < Kind.HIDDEN for _, kind in field)
    text = "".join(text for text, _ in field)
    head = ""
    for piece, kind in field:
        if kind >= Kind.HIDDEN:
            break
        head += piece
    below: tuple[str, ...] = ()
    if not known and len(names) == 1 and len(field) == 1:
        below = reading.scope.below.get(names[0], ())
    return Word(
        text=text,
        known=known,
        glob=any(kind in (Kind.LITERAL, Kind.VALUE) and _has_glob(piece) for piece, kind in field),
        head=head if not known else text,
        loose=any(kind is Kind.LOOSE for _, kind in field) and not below,
        outside=not known and _is_outside(field, reading.scope),
        span=span,
        source=_source(text, shown, reading, node) if known else None,
        below=below,
        names=names,
    )


def _is_outside(field: list[Fragment], scope: Scope) -> bool:
    """Tell whether every piece that is not known is one quoted variable from outside of this text.

    Whoever started the agent sets those; a line cannot hide an option in them.
    """
    names = [_PLAIN.fullmatch(piece) for piece, kind in field if kind >= Kind.HIDDEN]
    if any(kind is Kind.LOOSE for _, kind in field):
        return False
    return all(
        name is not None and name.group(1) not in scope.variables and name.group(1) not in scope.arrays
        for name in names
    )


def _source(text: str, shown: str, reading: Reading, node: Node) -> Source | None:
    """Find the value inside the written word, when it stands there unchanged."""
    at = shown.find(text) if len(text) > 1 else -1
    if at < 0 or len(shown) - len(text) > 3:
        return None
    start = reading.parsed.at(node.start_byte) + at
    return reading.parsed.source.part(text, start, start + len(text))


def value_of(node: Node, reading: Reading) -> str | None:
    """Return the constant value of an assignment, which is neither split nor a pattern; None: not known."""
    fragments = fragments_of(node, reading, quoted=False)
    if any(kind >= Kind.HIDDEN for _, kind in fragments):
        return None
    return bounded("".join(text for text, _ in fragments))


def fragments_of(node: Node, reading: Reading, *, quoted: bool) -> list[Fragment]:
    """Return what a node stands for, piece by piece."""
    reader = _READERS.get(node.type)
    if reader is not None:
        return reader(node, reading, quoted)
    return [(reading.parsed.text(node), Kind.HIDDEN if quoted else Kind.LOOSE)]


def _bare(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return _unescape(reading.parsed.text(node), Kind.QUOTED if quoted else Kind.LITERAL)


def _unescape(text: str, kind: Kind) -> list[Fragment]:
    if "\\" not in text:
        return [(text, kind)]
    if text.count("\\") > MAX_ESCAPES:
        return [(text, Kind.LOOSE)]
    found: list[Fragment] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        found.append((text[last : match.start()], kind))
        found.append(("" if match.group(1) == "\n" else match.group(1), Kind.QUOTED))
        last = match.end()
    found.append((text[last:], kind))
    return [piece for piece in found if piece[0]]


def _raw(node: Node, reading: Reading, _quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return [(reading.parsed.text(node)[1:-1], Kind.QUOTED)]


def _string(node: Node, reading: Reading, _quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return inner_fragments(node, reading, start=node.start_byte + 1, end=node.end_byte - 1)


def inner_fragments(node: Node, reading: Reading, *, start: int, end: int) -> list[Fragment]:
    """Read double-quoted text: literal between the expansions, whatever the grammar makes of blanks."""
    found: list[Fragment] = []
    last = start
    for child in node.children:
        if child.type in _EXPANSIONS and child.start_byte >= last:
            found.append((_double(reading.parsed.slice(last, child.start_byte)), Kind.QUOTED))
            found += fragments_of(child, reading, quoted=True)
            last = child.end_byte
    tail = _double(reading.parsed.slice(last, end))
    return [piece for piece in (*found, (tail, Kind.QUOTED)) if piece[0]] or [("", Kind.QUOTED)]


def _double(text: str) -> str:
    if "\\" not in text:
        return text
    return _DOUBLE_ESCAPE.sub(lambda match: "" if match.group(1) == "\n" else match.group(1), text)


def _ansi(node: Node, reading: Reading, _quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return [(ansi_text(reading.parsed.text(node)[2:-1]), Kind.QUOTED)]


def ansi_text(text: str) -> str:
    """Decode the escapes of `$'…'`, `printf` and `echo -e`."""
    return _ANSI.sub(_ansi_escape, text)


def _ansi_escape(match: re.Match[str]) -> str:
    code = match.group(1)
    if code[0] in "xuU" and len(code) > 1:
        value = int(code[1:], 16)
        return chr(value) if value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "c":
        return chr(ord(code[1]) & 0x1F) if len(code) > 1 else ""
    return _ANSI_PLAIN.get(code, code)


def _translated(node: Node, reading: Reading, _quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return [piece for child in node.named_children for piece in fragments_of(child, reading, quoted=True)]


def _joined(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    found: list[Fragment] = []
    last = node.start_byte
    for child in node.children:
        if child.start_byte > last:
            found += _unescape(reading.parsed.slice(last, child.start_byte), Kind.LITERAL)
        if child.is_named:
            found += fragments_of(child, reading, quoted=quoted)
        else:
            found += _unescape(reading.parsed.text(child), Kind.LITERAL)
        last = child.end_byte
    return found


def _simple(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    shown = reading.parsed.text(node)
    return _value(looked_up(shown[1:], reading.scope), shown, quoted=quoted)


def _value(value: str | None, shown: str, *, quoted: bool) -> list[Fragment]:
    if value is None:
        return [(shown, Kind.HIDDEN if quoted else Kind.LOOSE)]
    return [(value, Kind.QUOTED if quoted else Kind.VALUE)]


def _expansion(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    shown = reading.parsed.text(node)
    return _value(expanded(shown, reading.scope), shown, quoted=quoted)


def _substitution(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    value = reading.output(node)
    shown = reading.parsed.text(node)
    return _value(None if value is None else value.rstrip("\n"), shown, quoted=quoted)


def _hidden(node: Node, reading: Reading, _quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return [(reading.parsed.text(node), Kind.HIDDEN)]


def _number(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    return _bare(node, reading, quoted) if not node.named_children else _joined(node, reading, quoted)


_EXPANSIONS = frozenset({"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"})
_READERS: dict[str, Callable[[Node, Reading, bool], list[Fragment]]] = {
    "word": _bare,
    "variable_name": _bare,
    "special_variable_name": _bare,
    "extglob_pattern": _bare,
    "regex": _bare,
    "test_operator": _bare,
    "brace_expression": _bare,
    "number": _number,
    "raw_string": _raw,
    "string": _string,
    "ansi_c_string": _ansi,
    "translated_string": _translated,
    "concatenation": _joined,
    "command_name": _joined,
    "simple_expansion": _simple,
    "expansion": _expansion,
    "command_substitution": _substitution,
    "arithmetic_expansion": _hidden,
    "process_substitution": _hidden,
}
