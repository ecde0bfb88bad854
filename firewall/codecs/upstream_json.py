"""JSON as providers send it, read as strictly as a client's but cheaply: a stream has hundreds of frames.

FAIL-CLOSED: a document that two readers could understand differently is refused, never passed on.
"""

import json
import re
from typing import NoReturn

import orjson

from firewall.core import strict_json
from firewall.core.errors import ProtocolError

JsonObject = dict[str, object]

_LOOSE_COLON = re.compile(rb'"[ \t\n\r]+:')
_HIDDEN = re.compile(rb"\\u00(?:22|3[aA])")
"""An escaped quote or colon; other escapes, as Google writes `<`, `=` and `'`, hide neither."""


def malformed(what: str, *, code: str = "stream_malformed") -> NoReturn:
    """Refuse what the provider sent.

    Raises: ProtocolError (502), always.
    """
    raise ProtocolError(f"the provider's answer cannot be read: {what}", code=code, side="upstream")


def loads_object(data: bytes) -> JsonObject:
    """Parse one object.

    Raises: ProtocolError (502) `upstream_json_invalid` when it is none, has a key twice or is nested too deeply.
    """
    try:
        value: object = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError):
        malformed("a document is not valid JSON", code="upstream_json_invalid")
    if type(value) is not dict:
        malformed("a document is not a JSON object", code="upstream_json_invalid")
    if _may_be_deep(data) or not _is_plain(data, value):
        _look_closely(data)
    return value


def is_strict_object(data: bytes) -> bool:
    """Tell whether `data` is one JSON object that all readers understand alike (arguments of a call)."""
    try:
        loads_object(data)
    except ProtocolError:
        return False
    return True


def _may_be_deep(data: bytes) -> bool:
    limit = strict_json.MAX_DEPTH
    return len(data) > 2 * limit and data.count(b"{") + data.count(b"[") > limit


def _is_plain(data: bytes, value: object) -> bool:
    r"""Tell cheaply that no key stands twice; False means: not known.

    Written again, a value has each key once: if that gives the very same bytes, so had they. Otherwise, without
    white space before a colon every key ends in `":`; strings add the same number of them to the input and to
    what is written from the parsed value, unless an escape hides a quote or a colon. A key that stands twice is
    lost in parsing, and with it at least one `":`.
    """
    written = orjson.dumps(value)
    if written == data:
        return True
    if _HIDDEN.search(data) or _LOOSE_COLON.search(data):
        return False
    return data.count(b'":') == written.count(b'":')


def _look_closely(data: bytes) -> None:
    def check(pairs: list[tuple[str, object]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            malformed("a key stands twice", code="upstream_json_invalid")

    try:
        strict_json.loads(data, what="answer")
        json.loads(data, object_pairs_hook=check)
    except ProtocolError as error:
        if error.side == "upstream":
            raise
        raise ProtocolError(error.public, code="upstream_json_invalid", side="upstream") from error
    except (ValueError, RecursionError):
        malformed("a document is not valid JSON", code="upstream_json_invalid")
