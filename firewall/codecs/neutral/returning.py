"""Thinking of other providers, taken out of a request that stays in its dialect.

A session that was answered by another provider for a while holds thinking with our marks (`marks`). Its own
provider would refuse those signatures for ever. Only requests that hold a mark are touched: all others stay byte
for byte.
"""

from collections.abc import Mapping

import orjson

from firewall.codecs.neutral.marks import MARK

_SIGNS = ("signature", "thoughtSignature", "thought_signature", "encrypted_content", "data")
_HISTORIES = ("messages", "input", "contents")
_LISTS = ("content", "parts", "summary")
_BYTES = MARK.encode()


def without_foreign_thinking(body: bytes, value: Mapping[str, object]) -> bytes:
    """Return the body without marked thinking; `body` itself where it holds no mark. `value` is it, parsed."""
    if _BYTES not in body:
        return body
    changed = dict(value)
    for key in _HISTORIES:
        items = changed.get(key)
        if isinstance(items, list):
            changed[key] = [one for item in items if (one := _without(item)) is not None]
    return orjson.dumps(changed) if changed != value else body


def _without(item: object) -> object | None:
    """Return a turn or item without marked parts, None when nothing is left of it."""
    if not isinstance(item, dict):
        return item
    if _is_marked(item):
        return None
    for key in _LISTS:
        parts = item.get(key)
        if isinstance(parts, list):
            kept = [part for part in parts if not _is_marked(part)]
            if len(kept) != len(parts):
                return {**item, key: kept} if kept else None
    return item


def _is_marked(part: object) -> bool:
    if not isinstance(part, dict):
        return False
    return any(isinstance(sign := part.get(name), str) and sign.startswith(MARK) for name in _SIGNS)
