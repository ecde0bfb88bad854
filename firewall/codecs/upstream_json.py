"""JSON as providers send it, read as strictly as a client's but cheaply: a stream has hundreds of frames.

FAIL-CLOSED: a document that two readers could understand differently is refused, never passed on.
"""

import json
from typing import NoReturn

import orjson

from firewall.core import strict_json
from firewall.core.errors import ProtocolError

JsonObject = dict[str, object]


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
    if _may_be_deep(data) or not strict_json.keys_are_plainly_unique(data, orjson.dumps(value)):
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
    return len(data) > 2 * strict_json.MAX_DEPTH and strict_json.has_brackets(data)


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
