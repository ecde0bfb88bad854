"""Private keys in armour where a text was cut, quoted or divided: for what is kept, not for what passes.

It hides rather too much: everything between a line that begins a key and the next that ends one, and beside such a
line without its other end as far as lines of base64 go. What has neither line in sight is not found.
INVARIANT: work is linear in what is looked at, whatever stands in it.
"""

import re
from collections.abc import Iterator, Sequence

from firewall.classify.credentials.values import Finding

SIGNS = ("PRIVATE KEY", "Private-Lines", "Private-MAC", "Private-Hash")
"""Of these one stands in every line that begins or ends a key."""
_RULE = "private-key"
_EDGE = re.compile(
    rb"-{4,5} ?(?:(BEGIN)|END) (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
    rb"|Private-(?:(Lines): ?[0-9]{1,6}|(?:MAC|Hash): ?[0-9A-Fa-f]{40,64})"
)
"""RFC 7468, RFC 4880, RFC 4716 and PuTTY's files."""
_RUN = re.compile(rb"[A-Za-z0-9+/=]{40,}+")
"""In every line of a key but the last; whatever stands before it: numbers, quotes, bars."""
_BREAK = re.compile(rb"(?:\n|\\[nr])[ \t\r\n\"',|]*+")
"""A line's end, also one that is escaped, with what stands between the strings of a list."""
_MOST_BETWEEN = 10
"""Ends of lines between two lines of one key: fields before its first, a gap that somebody marks."""
_REST = re.compile(
    rb"[^\n\\]*+(?:(?:\n|\\[nr])[ \t\r\n\"',|]*+[A-Za-z0-9+/=]{1,39}+(?=[ \t\r\"',|]*+(?:\n|\\[nr]|\Z))){0,2}"
)
"""The rest of a line, and lines behind it that are shorter: the last one and a checksum."""
_SHORT = re.compile(rb"(?:\A|\n|\\[nr])[ \t\"',|]*+[A-Za-z0-9+/=]{1,39}+(?:[ \t\r\n\"',|]|\\[nr])++\Z")
"""The end of a text whose last line is short: what is left of a line that was cut."""
_SHORT_BYTES = 256
_SOLID = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=:,.()@<> \t\r\n\\-"
_LEAST_SOLID = 64
"""So many signs of a key, where no line is long: it may be wrapped narrowly."""


def half_armoured(data: bytes, *, is_cut: bool = False) -> Iterator[Finding]:
    """Yield private keys of any length in order, also those of which `data` holds one end alone.

    `is_cut`: what follows is not known, so that a key may end there.
    """
    opened: re.Match[bytes] | None = None
    end = 0
    for edge in _EDGE.finditer(data):
        is_begin = bool(edge[1] or edge[2])
        if opened is not None and not is_begin:
            yield Finding(_RULE, opened.start(), edge.end())
        elif opened is not None:
            yield from _behind(data, opened, edge.start())
        elif not is_begin:
            yield from _before(data, end, edge.start(), edge.end())
        opened = edge if is_begin else None
        end = edge.end()
    if opened is not None and is_cut:
        yield Finding(_RULE, opened.start(), len(data))
    elif opened is not None:
        yield from _behind(data, opened, len(data))
    elif is_cut:
        yield from _before(data, end, len(data), len(data))


def in_parts(texts: Sequence[bytes], *, is_cut: bool = False) -> list[list[Finding]]:
    """Return for each part of one message what `half_armoured` finds in all of them, each a line of its own."""
    found: list[list[Finding]] = [[] for _ in texts]
    index = begin = 0
    for one in half_armoured(b"\n".join(texts), is_cut=is_cut):
        while begin < one.end:
            size = len(texts[index])
            start, end = max(one.start - begin, 0), min(one.end - begin, size)
            if start < end:
                found[index].append(Finding(one.rule, start, end))
            if one.end <= begin + size or index + 1 == len(texts):
                break
            begin += size + 1
            index += 1
    return found


def _behind(data: bytes, edge: re.Match[bytes], until: int) -> Iterator[Finding]:
    """Yield what a line begins that no other ends, before `until`."""
    begin = reach = edge.end()
    for run in _RUN.finditer(data, begin, until):
        if _breaks(data, reach, run.start()) > _MOST_BETWEEN:
            break
        reach = run.end()
    if reach > begin:
        rest = _REST.match(data, reach, until)
        reach = rest.end() if rest else reach
    else:
        gap = data[begin:until]
        solid = len(gap) - len(gap.lstrip(_SOLID))
        reach += solid if solid >= _LEAST_SOLID else 0
    if reach > begin:
        yield Finding(_RULE, edge.start(), reach)


def _before(data: bytes, begin: int, until: int, end: int) -> Iterator[Finding]:
    """Yield what a line, from `until` to `end`, ends that no other began, behind `begin`."""
    start, reach = until, begin
    for run in _RUN.finditer(data, begin, until):
        if start == until or _breaks(data, reach, run.start()) > _MOST_BETWEEN:
            start = run.start()
        reach = run.end()
    if _breaks(data, reach, until) > _MOST_BETWEEN:
        start = until
    if start < until:
        ends = [
            data.rfind(one, begin, start) + len(one) for one in (b"\n", b"\\n", b"\\r") if one in data[begin:start]
        ]
        start = max([begin, *ends])
        window = data[max(begin, start - _SHORT_BYTES) : start]
        short = _SHORT.search(window)
        start -= len(window) - short.start() if short else 0
    else:
        gap = data[begin:until]
        solid = len(gap) - len(gap.rstrip(_SOLID))
        start -= solid if solid >= _LEAST_SOLID else 0
    if start < until:
        yield Finding(_RULE, start, end)


def _breaks(data: bytes, begin: int, end: int) -> int:
    return sum(1 for _ in _BREAK.finditer(data, begin, end))
