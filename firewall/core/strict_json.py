"""JSON as strangers send it, read so that no two readers can understand it differently (RFC 8259, 7493).

Refused: duplicate keys, NaN and infinities, lone surrogates, a byte order mark, encodings other than UTF-8, and
nesting deeper than 200. Integers beyond 64 bits are read as the nearest double, as JavaScript reads them.
"""

import json
import re
from typing import NoReturn

import orjson

from firewall.core.errors import ProtocolError

MAX_DEPTH = 200
_ENOUGH = MAX_DEPTH + 1
_LONG = 32_768
_LOOSE_COLON = re.compile(rb'"[ \t\n\r]+:')
_HIDDEN = re.compile(rb"\\u00(?:22|3[aA])")
"""An escaped quote or colon; other escapes, as Google writes `<`, `=` and `'`, hide neither."""
_BREAKS = ((b"\t", b"\t:"), (b"\n", b"\n:"), (b"\r", b"\r:"))
"""White space that no string holds as it is, so that most messages have none: a single byte is looked for thirty
times as fast as two."""


def loads(data: bytes, *, what: str = "body") -> object:
    """Parse `data` strictly.

    Raises: ProtocolError `json_invalid` or `json_duplicate_key` or `json_too_deep` (400).
    """
    try:
        value: object = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise ProtocolError(f"the {what} is not valid JSON: {_where(error)}", code="json_invalid") from error
    written = _written_if_shallow(value, what) if _may_be_deep(data) else orjson.dumps(value)
    if not keys_are_plainly_unique(data, written):
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
    return len(data) > _LONG or has_brackets(data)


def has_brackets(data: bytes) -> bool:
    """Tell whether more than MAX_DEPTH brackets open in `data`: without so many it is no deeper than that.

    By what is left without them, since `replace` leaps from one to the next; `count` looks at every byte, which
    takes four times as long.
    """
    left = len(data.replace(b"{", b"", _ENOUGH)) + len(data.replace(b"[", b"", _ENOUGH))
    return 2 * len(data) - left > MAX_DEPTH


def _spare_levels() -> int:
    """Return in how many arrays a value of MAX_DEPTH levels can be wrapped before orjson refuses to write it.

    Raises: RuntimeError when orjson bounds nesting no longer, or more tightly than we do.
    """
    value: object = []
    for depth in range(1, 10 * MAX_DEPTH):
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError:
            return depth - 1 - MAX_DEPTH
        value = [value]
    raise RuntimeError("orjson does not bound nesting")


_SPARE = _spare_levels()
"""Found out at import: writing is done anyway, so that a look at the depth costs nothing."""


def _written_if_shallow(value: object, what: str) -> bytes:
    """Write a value again; one that is nested deeper than MAX_DEPTH does not fit into so many arrays more."""
    wrapped = value
    for _ in range(_SPARE):
        wrapped = [wrapped]
    try:
        return orjson.dumps(wrapped)[_SPARE:-_SPARE]
    except orjson.JSONEncodeError as error:
        raise ProtocolError(f"the {what} is nested deeper than {MAX_DEPTH}", code="json_too_deep") from error


def keys_are_plainly_unique(data: bytes, written: bytes) -> bool:
    r"""Tell without a second parse that no key of `data` stands twice; False means: not known, look closely.

    `written` is what was parsed, written again: it has each key once, so if it is the very same bytes, so had they
    (most clients write as compactly as we do). Otherwise, without white space before a colon every key ends in
    `":`; strings add the same number of them to both, unless an escape hides a quote or a colon. A key that stands
    twice is lost in parsing, and with it at least one `":`.
    """
    if written == data:
        return True
    if data.find(b"\\u00") >= 0 and _HIDDEN.search(data):
        return False
    if _may_be_loose(data) and _LOOSE_COLON.search(data):
        return False
    return data.count(b'":') == written.count(b'":')


def _may_be_loose(data: bytes) -> bool:
    """Tell whether white space stands before a colon: found twenty times as fast as by a pattern."""
    if data.find(b" :") >= 0:
        return True
    for blank, before in _BREAKS:  # noqa: SIM110 - a generator costs more than the search
        if data.find(blank) >= 0 and data.find(before) >= 0:
            return True
    return False


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
