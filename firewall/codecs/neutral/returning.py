"""Thinking of other providers, taken out of a request that stays in its dialect.

A session that was answered by another provider for a while holds thinking with our marks (`marks`). Its own
provider would refuse those signatures for ever. Only requests that hold a mark are touched: all others stay byte
for byte.
"""

import orjson

from firewall.codecs.gemini.tables import SKIP_SIGNATURE
from firewall.codecs.neutral.marks import MARK
from firewall.codecs.traits import PACKED_MARK, Trait, Traits, holds

_SIGNS = ("signature", "thoughtSignature", "thought_signature", "encrypted_content", "data")
_ON_CALLS = ("thoughtSignature", "thought_signature")
_CALLS = ("functionCall", "function_call")
_HISTORIES = ("messages", "input", "contents")
_LISTS = ("content", "parts", "summary")
_STARTS = (MARK, PACKED_MARK)


def without_foreign_thinking(body: bytes, traits: Traits | None = None) -> bytes:
    """Return a request's body without marked thinking; `body` itself where it holds no mark.

    `traits`: what is known of the body.
    """
    trait = Trait.FOREIGN_THINKING
    if not (holds(body, trait) if traits is None else traits.may_hold(trait, body)):
        return body
    value: dict[str, object] = orjson.loads(body)
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
        if isinstance(parts, list) and any(_is_marked(part) for part in parts):
            kept = [_unsigned(part) for part in parts if not _is_marked(part) or _is_call(part)]
            return {**item, key: kept} if kept else None
    return item


def _is_call(part: object) -> bool:
    return isinstance(part, dict) and any(name in part for name in _CALLS)


def _unsigned(part: object) -> object:
    """Return a call without its mark, in whose place stands what the Gemini API takes for one not there."""
    if not isinstance(part, dict) or not _is_marked(part):
        return part
    return {name: SKIP_SIGNATURE if name in _ON_CALLS else one for name, one in part.items()}


def _is_marked(part: object) -> bool:
    if not isinstance(part, dict):
        return False
    return any(isinstance(sign := part.get(name), str) and sign.startswith(_STARTS) for name in _SIGNS)
