"""Words: what a piece of shell syntax stands for once quotes, constants and braces are resolved.

A word that holds anything unknown keeps its source text for display and says so. Nothing here runs anything;
a command substitution whose output is a constant (`$(echo rm)`) is resolved by the walker through `outputs`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice, pairwise

from tree_sitter import Node

from firewall.classify.draft import Source
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Scope

MAX_FIELDS = 256
MAX_ESCAPES = 2000


class Kind(IntEnum):
    """How a fragment of a word is read."""

    LITERAL = 0
    """Unquoted: braces and globs count."""
    QUOTED = 1
    VALUE = 2
    """A constant's unquoted value: split and globbed."""
    HIDDEN = 3
    """Unknown, quoted: one word."""
    LOOSE = 4
    """Unknown, unquoted: any number of words."""


Fragment = tuple[str, Kind]


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

    @property
    def may_be_option(self) -> bool:
        """Tell whether this could turn out to be an option."""
        return not self.known and not self.below and not self.head


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
_NAMED = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_DEFAULTED = re.compile(r"\$\{([A-Za-z_]\w*):?([-=])([^${}`'\"\\]*)\}")
_SLICED = re.compile(r"\$\{([A-Za-z_]\w*):(\d+)(?::(\d+))?\}")
_GLOB = re.compile(r"[*?]|\[[^\]]+\]")
_ALL_ARGUMENTS = frozenset({'"$@"', "$@", "$*", '"${@}"', "${@}"})
_NAMES = re.compile(r"\$\{?([A-Za-z_]\w*)")


def words_of(node: Node, reading: Reading, *behind: Node) -> list[Word]:
    r"""Return the words that a syntax node becomes; usually one.

    `behind` are nodes that follow without a blank: the grammar sometimes cuts one word in two (`'r'\m`).
    """
    parsed = reading.parsed
    span = (parsed.span(node)[0], parsed.span(behind[-1])[1]) if behind else parsed.span(node)
    shown = parsed.slice(node.start_byte, (behind[-1] if behind else node).end_byte)
    if shown in _ALL_ARGUMENTS and reading.scope.positional is not None:
        return [_argument(value, shown, span) for value in reading.scope.positional]
    fragments = fragments_of(node, reading, quoted=False)
    for follower in behind:
        fragments += fragments_of(follower, reading, quoted=False)
    names = tuple(_NAMES.findall(shown)) if any(kind >= Kind.HIDDEN for _, kind in fragments) else ()
    found: list[Word] = []
    for variant in _spread(fragments):
        found += [_word(field, shown, span, names, reading, node) for field in _split(variant, reading.scope)]
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
        glob=any(kind in (Kind.LITERAL, Kind.VALUE) and _GLOB.search(piece) for piece, kind in field),
        head=head if not known else text,
        loose=any(kind is Kind.LOOSE for _, kind in field) and not below,
        span=span,
        source=_source(text, shown, reading, node) if known else None,
        below=below,
        names=names,
    )


def _source(text: str, shown: str, reading: Reading, node: Node) -> Source | None:
    """Find the value inside the written word, when it stands there unchanged."""
    at = shown.find(text) if len(text) > 1 else -1
    if at < 0 or len(shown) - len(text) > 3:
        return None
    start = reading.parsed.at(node.start_byte) + at
    return reading.parsed.source.part(text, start, start + len(text))


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
    return _value(_lookup(shown[1:], reading.scope), shown, quoted=quoted)


def _value(value: str | None, shown: str, *, quoted: bool) -> list[Fragment]:
    if value is None:
        return [(shown, Kind.HIDDEN if quoted else Kind.LOOSE)]
    return [(value, Kind.QUOTED if quoted else Kind.VALUE)]


def _lookup(name: str, scope: Scope) -> str | None:
    if name in scope.variables:
        return scope.variables[name]
    if name == "IFS":
        return " \t\n"
    if name == "PWD" and len(scope.cwds) == 1 and not scope.machine:
        return scope.cwds[0]
    if scope.positional is not None:
        if name.isdigit() and int(name) > 0:
            index = int(name) - 1
            return scope.positional[index] if index < len(scope.positional) else ""
        if name in "@*" and all(value is not None for value in scope.positional):
            return " ".join(value or "" for value in scope.positional)
    return None


def _expansion(node: Node, reading: Reading, quoted: bool) -> list[Fragment]:  # noqa: FBT001 - one shape for all readers
    shown = reading.parsed.text(node)
    return _value(_expanded(shown, reading.scope), shown, quoted=quoted)


def _expanded(shown: str, scope: Scope) -> str | None:
    if match := _NAMED.fullmatch(shown):
        return _lookup(match.group(1), scope)
    if match := _DEFAULTED.fullmatch(shown):
        return _lookup(match.group(1), scope) or None
    if match := _SLICED.fullmatch(shown):
        value = _lookup(match.group(1), scope)
        if value is None:
            return None
        start = int(match.group(2))
        return value[start : start + int(match.group(3))] if match.group(3) else value[start:]
    if re.fullmatch(r"\$\{[1-9@*]\}", shown):
        return _lookup(shown[2:-1], scope)
    return None


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


def _spread(fragments: list[Fragment]) -> list[list[Fragment]]:
    """Expand `{a,b}` and `{1..3}` over fragments; quoted braces do not count."""
    if not any(kind is Kind.LITERAL and "{" in text for text, kind in fragments):
        return [fragments]
    chars: list[Fragment] = [
        piece
        for text, kind in fragments
        for piece in ([(char, kind) for char in text] if kind is Kind.LITERAL else [(text, kind)])
    ]
    return [_packed(variant) for variant in _braces(chars, 0)]


def _braces(chars: list[Fragment], depth: int) -> list[list[Fragment]]:
    if depth > 8:
        return [chars]
    for start, (char, kind) in enumerate(chars):
        if char == "{" and kind is Kind.LITERAL:
            found = _group(chars, start)
            if found is not None:
                options, end = found
                tails = _braces(chars[end + 1 :], depth + 1)
                heads = [variant for option in options for variant in _braces(option, depth + 1)]
                whole = (chars[:start] + head + tail for head in heads for tail in tails)
                return list(islice(whole, MAX_FIELDS + 1))
    return [chars]


def _group(chars: list[Fragment], start: int) -> tuple[list[list[Fragment]], int] | None:
    level = 0
    commas: list[int] = []
    for index in range(start, len(chars)):
        char, kind = chars[index]
        if kind is not Kind.LITERAL:
            continue
        if char == "{":
            level += 1
        elif char == "," and level == 1:
            commas.append(index)
        elif char == "}":
            level -= 1
            if level == 0:
                return _options(chars, start, index, commas)
    return None


def _options(
    chars: list[Fragment], start: int, end: int, commas: list[int]
) -> tuple[list[list[Fragment]], int] | None:
    if commas:
        edges = [start, *commas, end]
        return [chars[left + 1 : right] for left, right in pairwise(edges)], end
    body = "".join(text for text, _ in chars[start + 1 : end])
    if match := re.fullmatch(r"(-?\d{1,6})\.\.(-?\d{1,6})(?:\.\.\d+)?", body):
        low, high = int(match.group(1)), int(match.group(2))
        step = 1 if high >= low else -1
        values = range(low, high + step, step)[: MAX_FIELDS + 1]
        return [[(str(value), Kind.QUOTED)] for value in values], end
    return None


def _packed(fragments: list[Fragment]) -> list[Fragment]:
    found: list[Fragment] = []
    for text, kind in fragments:
        if found and found[-1][1] is kind and kind < Kind.HIDDEN:
            found[-1] = (found[-1][0] + text, kind)
        else:
            found.append((text, kind))
    return found


def _split(fragments: list[Fragment], scope: Scope) -> list[list[Fragment]]:
    """Split unquoted constants at blanks (or `IFS`); what is empty and unquoted vanishes."""
    if not any(kind is Kind.VALUE for _, kind in fragments):
        return [fragments] if fragments else []
    separators = scope.variables.get("IFS", " \t\n")
    if separators is None:
        return [[("".join(text for text, _ in fragments), Kind.LOOSE)]]
    fields: list[list[Fragment]] = [[]]
    for text, kind in fragments:
        if kind is not Kind.VALUE:
            fields[-1].append((text, kind))
            continue
        pieces = re.split(f"[{re.escape(separators)}]+", text) if separators else [text]
        fields[-1] += [(pieces[0], kind)] if pieces[0] else []
        fields += [[(piece, kind)] if piece else [] for piece in pieces[1:]]
    return [field for field in fields if field]
