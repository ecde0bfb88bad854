"""Fragments of words: how each piece of a word was quoted, brace expansion over them, splitting at blanks."""

import re
from enum import IntEnum
from itertools import islice, pairwise

from firewall.classify.shell.scope import Scope

MAX_FIELDS = 256
MAX_BRACES = 16
MAX_BRACE_DEPTH = 8
MAX_BRACED_CHARS = 4096
"""Longer text with braces stays as it is written, and is not known."""


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


def spread(fragments: list[Fragment]) -> list[list[Fragment]]:
    """Expand `{a,b}` and `{1..3}` over fragments; quoted braces do not count."""
    openings = sum(text.count("{") for text, kind in fragments if kind is Kind.LITERAL)
    if not openings:
        return [fragments]
    if (
        openings > MAX_BRACES
        or sum(len(text) for text, kind in fragments if kind is Kind.LITERAL) > MAX_BRACED_CHARS
    ):
        return [[("".join(text for text, _ in fragments), Kind.LOOSE)]]
    chars: list[Fragment] = [
        piece
        for text, kind in fragments
        for piece in ([(char, kind) for char in text] if kind is Kind.LITERAL else [(text, kind)])
    ]
    return [_packed(variant) for variant in _braces(chars, 0)]


def _braces(chars: list[Fragment], depth: int) -> list[list[Fragment]]:
    if depth > MAX_BRACE_DEPTH:
        return [[("".join(text for text, _ in chars), Kind.LOOSE)]]
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


def split(fragments: list[Fragment], scope: Scope) -> list[list[Fragment]]:
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
