"""What clients say about themselves: the forms in which it goes on to servers.

A claim proves nothing. What is not of these forms is the client's own fault, and must never reach a server on
behalf of us (2026-07-28, basic, "Implementation", "ClientCapabilities").
"""

from collections.abc import Mapping

import orjson

MAX_NAME_CHARS = 256
MAX_TEXT_CHARS = 1024
MAX_CAPABILITIES_BYTES = 16 << 10
_TEXTS = frozenset({"title", "description", "websiteUrl"})


def capabilities_of(value: object) -> dict[str, object]:
    """Return the capabilities that are objects; none at all where there are too many bytes of them."""
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, object] = {name: one for name, one in value.items() if isinstance(one, dict)}
    return found if len(orjson.dumps(found)) <= MAX_CAPABILITIES_BYTES else {}


def info_of(value: object) -> dict[str, object]:
    """Return a name and a version with the texts beside them; empty: without a short name and version."""
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, object] = {name: value.get(name) for name in ("name", "version")}
    if not all(is_text(one, MAX_NAME_CHARS) for one in found.values()):
        return {}
    return found | {name: one for name, one in value.items() if name in _TEXTS and is_text(one, MAX_TEXT_CHARS)}


def is_text(value: object, most: int) -> bool:
    """Tell whether something is text of one printable line and at most so many characters."""
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable()
