r"""Paths into what an API answered: `data.projects.edges.node`, `Tags.Tag[Key=Environment|env].Value`.

Lists on the way are gone through item by item. A dot within a name is written `\\.`. What is not there yields
nothing; the number of values is bounded.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

MAX_VALUES = 2000
_SPLIT = re.compile(r"(?<!\\)\.")
_FILTER = re.compile(r"(?P<name>[^\[\]]*)\[(?P<key>[A-Za-z0-9_-]{1,64})=(?P<words>[^\[\]]{1,200})\]")


@lru_cache(maxsize=1024)
def _segments(path: str) -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Return (name, key, words) of each segment; without a filter the key is empty."""
    found: list[tuple[str, str, frozenset[str]]] = []
    for raw in _SPLIT.split(path) if path else ():
        segment = raw.replace("\\.", ".")
        match = _FILTER.fullmatch(segment)
        if match is None:
            found.append((segment, "", frozenset()))
        else:
            found.append((match["name"], match["key"], frozenset(match["words"].casefold().split("|"))))
    return tuple(found)


def reach(value: object, path: str) -> list[object]:
    """Return every value at a path that is not null, in order; of too many, the first."""
    found: list[object] = []
    for one in _reach(value, _segments(path), 0):
        if one is not None:
            found.append(one)
        if len(found) >= MAX_VALUES:
            break
    return found


def _reach(value: object, path: tuple[tuple[str, str, frozenset[str]], ...], at: int) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _reach(item, path, at)
    elif at == len(path):
        yield value
    elif isinstance(value, Mapping):
        name, key, words = path[at]
        inner = value.get(name) if name else value
        yield from _reach(_kept(inner, key, words) if key else inner, path, at + 1)


def _kept(value: object, key: str, words: frozenset[str]) -> list[object]:
    items = value if isinstance(value, list) else [value]
    return [one for one in items if isinstance(one, Mapping) and str(one.get(key, "")).casefold() in words]


def text_of(value: object) -> str:
    """Return a plain value as text; of anything else, nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
