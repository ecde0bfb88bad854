"""What an API answered as an object: JSON, or XML of older AWS services. Untrusted, bounded; nothing raises."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping

import orjson

MAX_ANSWER_BYTES = 1 << 20
MAX_DEPTH = 60


def read(data: bytes) -> object:
    """Return an answer as plain values; None where it cannot be read."""
    if len(data) > MAX_ANSWER_BYTES:
        return None
    start = data.lstrip()[:1]
    if start == b"<":
        return _xml(data)
    try:
        found: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return found if _is_flat(found) else None


def _is_flat(value: object) -> bool:
    """Tell whether a value is nested no deeper than is walked through."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, list | dict)
            for inner in (one if isinstance(one, list) else one.values())
        ]
        if not level:
            return True
    return False


def _xml(data: bytes) -> object:
    if b"<!" in data:  # no document type, so no entity of anybody's
        return None
    try:
        root = ET.fromstring(data)  # noqa: S314 - no document type can be declared, and the size is bounded
        return _element(root, 0)
    except (ET.ParseError, RecursionError, ValueError):
        return None


def _element(element: "ET.Element", depth: int) -> object:
    children = list(element)
    if not children or depth > MAX_DEPTH:
        return element.text or ""
    found: dict[str, object] = {}
    for child in children:
        name = child.tag.rpartition("}")[2]
        value = _element(child, depth + 1)
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found


def errors_of(value: object) -> tuple[str, ...]:
    """Return the messages of a GraphQL answer's errors; empty: it has none."""
    if not isinstance(value, Mapping) or not isinstance(errors := value.get("errors"), list):
        return ()
    if not errors:  # Cloudflare's answers hold an empty list beside the result
        return () if len(value) > 1 else ("",)
    return tuple(str(one.get("message", "")) if isinstance(one, Mapping) else "" for one in errors[:20])
