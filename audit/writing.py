"""Canonical JSON of the restricted model that entries are written in (docs/audit-format.md, part 2).

Pure: values in, text out. INVARIANT: what is written is RFC 8785, and what leaves the model is refused: floats,
null, big integers, keys that are not ASCII, lone surrogates, depth.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from json.encoder import (  # type: ignore[attr-defined]  # typeshed leaves the first out
    c_make_encoder,  # None where the interpreter has no C accelerator
    encode_basestring,  # the escaper behind `json.dumps(ensure_ascii=False)`
)
from typing import TypeAlias, cast

from audit.errors import AuditError

MAX_INT = 2**53
"""Integers lie strictly between -MAX_INT and MAX_INT, so that every JSON reader sees the same number."""
MAX_DEPTH = 16
"""How deep an object may nest."""
_TEXT = {str}
_SHAPE = 64
"""Members of an object whose shape is kept; what has more is nobody's usual entry."""

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json]"
"""What may stand in an unsealed field."""
quoted: Callable[[str], str] = encode_basestring
"""Returns a text as JSON; a lone surrogate is left to whoever encodes it."""
_Make: TypeAlias = Callable[..., Callable[[object, int], Iterable[str]]]

_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def _writer(make: _Make | None) -> Callable[[object], str]:
    """Return what writes canonical JSON, on one C encoder for all values where the interpreter has one.

    `JSONEncoder.encode` makes a new one for every value, which costs more than the writing.
    """
    if make is None:
        return _CANONICAL.encode
    pieces = make(None, _CANONICAL.default, encode_basestring, None, ":", ",", True, False, False)  # noqa: FBT003 -- its arguments have no names
    return lambda value: "".join(pieces(value, 0))


_write = _writer(c_make_encoder)


def canonical(value: Json) -> bytes:
    """Return the canonical JSON of a value of the restricted model, UTF-8.

    Raises: AuditError for floats, null, big integers, non-ASCII keys, lone surrogates, or nesting over MAX_DEPTH.
    """
    _check(value, MAX_DEPTH)
    return _write(value).encode()


def object_text(value: Mapping[str, Json]) -> str:
    """Return the canonical JSON of an object, checked and written in one pass.

    A lone surrogate is left to whoever encodes the text: `utf8`.
    Raises: AuditError as `canonical`.
    """
    if len(value) > _SHAPE:
        _check_object(value, MAX_DEPTH)
        return _write(value if isinstance(value, dict) else dict(value))
    text, quote = "{", quoted
    for key, name in _members(tuple(value)):
        item = value[key]
        if type(item) is str:
            text += name + quote(item)
        elif type(item) is int and -MAX_INT < item < MAX_INT:
            text += f"{name}{item}"
        elif type(item) is tuple and set(map(type, item)) <= _TEXT:
            text += f"{name}[{','.join(map(quote, item))}]"
        else:
            _check(item, MAX_DEPTH - 1)
            text += name + _write(item)
    return text + "}"


def utf8(text: str) -> bytes:
    """Return a text as bytes.

    Raises: AuditError for a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise AuditError("an entry has text with a lone surrogate") from error


@lru_cache(maxsize=512)
def _members(keys: tuple[object, ...]) -> tuple[tuple[str, str], ...]:
    """Return an object's keys in order, each with what stands before its value; entries have few shapes.

    Raises: AuditError for a key that is not ASCII text.
    """
    ordered = sorted(_key(key) for key in keys)
    return tuple((key, f"{',' if at else ''}{quoted(key)}:") for at, key in enumerate(ordered))


def _key(key: object) -> str:
    if isinstance(key, str) and key.isascii():
        return key
    raise AuditError("an entry has a key that is not ASCII text")


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        check_int(value)
    elif isinstance(value, dict):
        _check_object(value, depth)
    elif isinstance(value, list | tuple):
        if depth == 0:
            raise AuditError(f"an entry nests deeper than {MAX_DEPTH}")
        for item in value:
            _check(item, depth - 1)
    else:
        raise AuditError(
            f"an entry cannot hold a {type(value).__name__}: integers, strings, booleans, lists, objects"
        )


def _check_object(value: Mapping[str, Json], depth: int) -> None:
    if depth == 0:
        raise AuditError(f"an entry nests deeper than {MAX_DEPTH}")
    for key, item in cast("Mapping[object, Json]", value).items():
        _key(key)
        if type(item) is str and item.isascii():  # the common case, kept cheap
            continue
        _check(item, depth - 1)


def check_int(value: int) -> None:
    """Refuse an integer that not every JSON reader sees alike. Raises: AuditError."""
    if not -MAX_INT < value < MAX_INT:
        raise AuditError("an entry has an integer of 2**53 or more: write it as text")


def check_text(value: str) -> None:
    """Refuse a text that has no UTF-8. Raises: AuditError."""
    if not value.isascii():
        utf8(value)
