"""Argument predicates: what a rule asks of a request's arguments.

A name is a dotted path into the arguments (`input.replace`); a list on the way is looked at item by item. Beside
plain values a rule may ask for: `*` anything that is there, `!` nothing is there, `~REGEX` a match anywhere in the
value as text, `@removes` an object that removes something it names (a null value, `isDeleted: true`), `@object`
an object that is seen.
"""

import json
import re
from collections.abc import Iterator, Mapping

from firewall.core.action import Attribute

MAX_TEXT = 1024 * 1024
MAX_NODES = 5000
_PLAIN = (str, int, float, type(None))
_REMOVING = frozenset({"isdeleted", "deleted", "_destroy", "destroy", "remove", "delete", "_delete", "isremoved"})


def fits(when: Mapping[str, Attribute], arguments: Mapping[str, object], *, typed: bool = False) -> bool:
    """Tell whether arguments are what a rule asks for; `typed`: a text is never a number or a truth (GraphQL)."""
    return all(_fits(path, wanted, arguments, typed=typed) for path, wanted in when.items())


def _fits(path: str, wanted: Attribute, arguments: Mapping[str, object], *, typed: bool) -> bool:
    values = [value for value in _reach(path.split("."), arguments) if value is not None]
    if wanted == "!":
        return not values
    return any(_is(value, wanted, typed=typed) for value in values)


def _is(value: object, wanted: Attribute, *, typed: bool) -> bool:
    if wanted == "*":
        return True
    if wanted == "@object":
        return isinstance(value, Mapping)
    if wanted == "@removes":
        return removes(value)
    if isinstance(wanted, str) and wanted.startswith("~"):
        return re.search(wanted[1:], text_of(value), re.IGNORECASE) is not None
    if type(value) is type(wanted):
        return value == wanted
    # A form, a query or a command line says `false` and `0` as text.
    return not typed and isinstance(value, str) and value.lower() == str(wanted).lower()


def _reach(path: list[str], value: object, depth: int = 0) -> Iterator[object]:
    if isinstance(value, list) and depth < len(path) + 2:
        for item in value:
            yield from _reach(path, item, depth + 1)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        yield from _reach(path[1:], value.get(path[0]), depth)


def is_wide(value: object) -> bool:
    """Tell whether a value holds more than can be looked through in time; such arguments count as not seen."""
    stack, count = [value], 1
    while stack:
        item = stack.pop()
        inner = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
        count += len(inner)
        if count > MAX_NODES:
            return True
        stack += [one for one in inner if not isinstance(one, _PLAIN)]
    return False


def text_at(path: str, arguments: Mapping[str, object]) -> str:
    """Return the texts at a dotted path, one below the other; empty: there is none."""
    return ";\n".join(value for value in _reach(path.split("."), arguments) if isinstance(value, str))


def text_of(value: object) -> str:
    """Return a value as bounded text."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    try:
        return json.dumps(value)[:MAX_TEXT]
    except (TypeError, ValueError, RecursionError):
        return ""


def removes(value: object) -> bool:
    """Tell whether a patch removes something: a null anywhere below its first level, or `isDeleted: true`."""
    stack: list[object] = [value]
    for _ in range(MAX_NODES):
        if not stack:
            return False
        item = stack.pop()
        if isinstance(item, Mapping):
            for key, inner in item.items():
                if inner is None or (inner is True and str(key).lower() in _REMOVING):
                    return True
                stack.append(inner)
        elif isinstance(item, list):
            stack += item
    # FAIL-CLOSED: too large to be looked through.
    return True
