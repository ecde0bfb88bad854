"""JSON as strangers send it, read so that no two readers can understand it differently (RFC 8259, 7493).

Refused: duplicate keys, NaN and infinities, lone surrogates, a byte order mark, encodings other than UTF-8,
integers that a double cannot hold exactly when they exceed 64 bits, and nesting deeper than 200.
"""

import json
from typing import NoReturn, cast

import orjson

from firewall.core.errors import ProtocolError

MAX_DEPTH = 200
_LONG = 32_768
_NESTING = frozenset({dict, list})


def loads(data: bytes, *, what: str = "body") -> object:
    """Parse `data` strictly.

    Raises: ProtocolError `json_invalid` or `json_duplicate_key` or `json_too_deep` (400).
    """
    try:
        value: object = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise ProtocolError(f"the {what} is not valid JSON: {_where(error)}", code="json_invalid") from error
    if _may_be_deep(data):
        _refuse_deep(value, what)
    if not _keys_are_plainly_unique(data, value):
        _refuse_duplicates(data, what)
    return value


def loads_object(data: bytes, *, what: str = "body") -> dict[str, object]:
    """Parse `data` strictly and demand an object.

    Raises: ProtocolError as `loads`, and `json_invalid` when it is no object.
    """
    value = loads(data, what=what)
    if not isinstance(value, dict):
        raise ProtocolError(f"the {what} must be a JSON object", code="json_invalid")
    return value


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}"
    return "nested too deeply"


def _may_be_deep(data: bytes) -> bool:
    """Tell whether there are brackets enough for it; in a long body, counting them costs as much as looking."""
    return len(data) > _LONG or data.count(b"{") + data.count(b"[") > MAX_DEPTH


def _refuse_deep(value: object, what: str) -> None:
    level = [value] if type(value) in _NESTING else []
    for _ in range(MAX_DEPTH + 1):
        # One level down: only objects and arrays, so that an empty one is the last.
        nodes = cast("list[dict[str, object] | list[object]]", level)
        level = [
            child
            for node in nodes
            for child in (node.values() if isinstance(node, dict) else node)
            if type(child) in _NESTING
        ]
        if not level:
            return
    raise ProtocolError(f"the {what} is nested deeper than {MAX_DEPTH}", code="json_too_deep")


def _keys_are_plainly_unique(data: bytes, value: object) -> bool:
    r"""Tell without a second parse that no key stands twice; False means: not known, look closely.

    Written again, a value has each key once: if that gives the very same bytes, so had they (most clients write
    as compactly as we do). Otherwise, every key ends in `":`, as does every string that holds `\":`. Parsing drops
    duplicates and what they held, so it only ever lowers that count; the two ways to raise it (an escaped quote or
    colon, white space before a colon) are looked for first.
    """
    written = orjson.dumps(value)
    if written == data:
        return True
    if b"\\u00" in data or b" :" in data or b"\n:" in data or b"\t:" in data or b"\r:" in data:
        return False
    return data.count(b'":') == written.count(b'":')


def _refuse_duplicates(data: bytes, what: str) -> None:
    def check(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ProtocolError(f"the {what} has the key `{key}` twice", code="json_duplicate_key")
            seen.add(key)

    def refuse(token: str) -> NoReturn:
        raise ProtocolError(f"the {what} is not valid JSON: `{token}`", code="json_invalid")

    json.loads(data, object_pairs_hook=check, parse_constant=refuse)
