"""Replaces the first member of a route's chain in the text of stayhand.toml; every other byte stays. Pure.

INVARIANT: what comes out was read again: it says the same as before but for that chain, or nothing comes out.
"""

import json
import re
import tomllib
from collections.abc import Iterator

from firewall.core.errors import ConfigError

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*route[ \t]*\]\][ \t]*(?:#.*)?\r?$", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_CHAIN = re.compile(r"^[ \t]*(?:chain|\"chain\"|'chain')[ \t]*=[ \t]*\[", re.MULTILINE)
_TOKEN = re.compile(r"""[ \t\r\n,]+|#[^\n]*|(?P<text>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?P<end>\])""")

Span = tuple[int, int]


def first_of(text: str, route: str) -> str:
    """Return who stands first in a route's chain.

    Raises: ConfigError `route_unknown`.
    """
    return _chain(_parsed(text), route)[0]


def swapped(text: str, route: str, to: str) -> str:
    """Return the text with `to` first in a route's chain; where `to` stands further down, the two change places.

    Raises: ConfigError when there is no such route, `to` is first already, or the line cannot be found safely.
    """
    wanted = _parsed(text)
    chain = _chain(wanted, route)
    if chain[0] == to:
        raise ConfigError(f"`{to}` is first of route `{route}` already")
    place = chain.index(to) if to in chain else None
    spans = _members(text, route, len(chain))
    changes = {spans[0]: to}
    if place is not None:
        changes[spans[place]] = chain[0]
        chain[place] = chain[0]
    chain[0] = to
    for (begin, end), word in sorted(changes.items(), reverse=True):
        text = text[:begin] + json.dumps(word, ensure_ascii=False) + text[end:]
    if _parsed(text) != wanted:
        raise _by_hand(route)
    return text


def _parsed(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}") from error


def _chain(table: dict[str, object], route: str) -> list[str]:
    """Return the chain of a route of a parsed configuration, to be changed in place."""
    routes = table.get("route")
    tables = routes if isinstance(routes, list) else []
    found = [one for one in tables if isinstance(one, dict) and one.get("name") == route]
    if not found:
        raise ConfigError(f"there is no route `{route}`", hint="see `stayhand route explain`")
    chain = found[0].get("chain")
    if not isinstance(chain, list) or not chain:
        raise ConfigError(f"the route `{route}` has no chain to change")
    return chain


def _members(text: str, route: str, count: int) -> list[Span]:
    """Return where the members of the chain stand, quotes included."""
    for block in _blocks(text):
        begin, end = block
        if _named(text[begin:end], route) and (found := _CHAIN.search(text, begin, end)) is not None:
            spans = list(_texts(text, found.end()))
            if len(spans) == count:
                return spans
    raise _by_hand(route)


def _blocks(text: str) -> Iterator[Span]:
    """Yield the lines of each `[[route]]`, its inner tables left out."""
    for header in _HEADER.finditer(text):
        after = _TABLE.search(text, header.end())
        yield header.end(), after.start() if after else len(text)


def _named(block: str, route: str) -> bool:
    found = re.search(r"""^[ \t]*name[ \t]*=[ \t]*("[^"\n]*"|'[^'\n]*')""", block, re.MULTILINE)
    return found is not None and found[1][1:-1] == route


def _texts(text: str, at: int) -> Iterator[Span]:
    while (found := _TOKEN.match(text, at)) is not None and found["end"] is None:
        if found["text"] is not None:
            yield found.span()
        at = found.end()


def _by_hand(route: str) -> ConfigError:
    hint = "change the chain by hand, then `stayhand route load`"
    return ConfigError(f"the chain of route `{route}` cannot be found in the file's text", hint=hint)
