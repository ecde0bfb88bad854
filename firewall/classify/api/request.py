"""A request's address and arguments as the server will read them: segments, query, body as an object."""

import json
import posixpath
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import orjson

from firewall.classify.api.predicates import MAX_NODES, is_wide
from firewall.classify.api.routes import MAX_SEGMENTS, segments_of
from firewall.core.strict_json import keys_are_plainly_unique

MAX_BODY_CHARS = 512 * 1024
MAX_FIELDS = 5000
MAX_ESCAPES = 48 * 1024
"""Escaped bytes of a form: each is an object of its own while it is read."""
_FORM = "application/x-www-form-urlencoded"
_DIGITS = bytes(ord("d") if chr(char).isdecimal() else ord(" ") for char in range(256))
_LONG_NUMBER = b"d" * 19
"""Integers of so many digits may be beyond 64 bits, which not every reader keeps whole."""


def readings(raw_path: str) -> list[list[str]]:
    """Return the segment lists that a path may mean: as it stands, and with dots and escapes resolved."""
    found = [segments_of(raw_path)]
    if "%" not in raw_path and "." not in raw_path and raw_path.count("/") < MAX_SEGMENTS:
        return found  # there is nothing to resolve
    plain = unquote(raw_path)
    resolved = [part for part in posixpath.normpath(f"/{plain}").split("/") if part]
    if resolved not in found:
        found.append(resolved)
    return found


def query_of(query: str) -> dict[str, object]:
    """Return the parameters of an address; one that stands twice is a list; of too many, none is seen."""
    if not query:
        return {}
    try:
        return _pairs(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _pairs(pairs: list[tuple[str, str]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found


def _every(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Keep both values of a name that stands twice: which one the server takes is not known."""
    found: dict[str, object] = dict(pairs)
    if len(found) == len(pairs):
        return found
    found = {}
    twice: set[str] = set()
    for name, value in pairs:
        if name in found:
            before = found[name]
            found[name] = [*before, value] if name in twice and isinstance(before, list) else [before, value]
            twice.add(name)
        else:
            found[name] = value
    return found


def words_of_query(query: str) -> list[str]:
    """Return `key` and `key=value` of every parameter, for templates that ask for one."""
    found: list[str] = []
    for name, value in query_of(query).items():
        values = value if isinstance(value, list) else [value]
        found += [name, *(f"{name}={item}" for item in values)]
    return found


def object_of(body: str, headers: Mapping[str, str]) -> dict[str, object] | None:
    """Return a JSON or form body as an object; a list stands under `items`; None: neither, or too much."""
    if not body or len(body) > MAX_BODY_CHARS:
        return None
    kind = headers.get("content-type", "").lower()
    start = body.lstrip()[:1]
    if start in ("{", "["):
        return _json_object(body)
    if body.count("%") > MAX_ESCAPES:
        return None
    if kind.startswith(_FORM) or (not kind and "=" in body and start.isalnum() and "\n" not in body.strip()):
        try:
            return _pairs(parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError:
            return None
    return None


_read_json = json.JSONDecoder(object_pairs_hook=_every).decode


def _parsed(body: str) -> object:
    """Parse JSON, fast where no name can stand twice and no number is long: then both readers say the same.

    Raises: ValueError; RecursionError.
    """
    try:
        data = body.encode()
        value: object = orjson.loads(data)
        written = orjson.dumps(value)
        if written == data:  # nothing was lost: no name, and no digit of a number
            return value
        if data.translate(_DIGITS).find(_LONG_NUMBER) < 0 and keys_are_plainly_unique(data, written):
            return value
    except (ValueError, TypeError):  # infinities, lone surrogates, great depth: the careful reader's to judge
        pass
    found: object = _read_json(body)
    return found


def _json_object(body: str) -> dict[str, object] | None:
    try:
        value = _parsed(body)
    except (ValueError, RecursionError):
        return None
    if len(body) > MAX_NODES and is_wide(value):  # each value is a character at least
        return None
    return value if isinstance(value, dict) else {"items": value}
