"""Methods and global functions of JavaScript on known values: the few that hide text, and the everyday ones."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from firewall.classify.decode import as_text, from_base64, from_hex

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


def as_string(value: Value) -> str | None:
    """Write a value as JavaScript would into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        parts = ["" if item is None else as_string(item) for item in value]
        return None if None in parts else ",".join(part for part in parts if part is not None)
    return None if isinstance(value, dict) else str(value)


def applied(value: Value, method: str, given: list[Value]) -> Value:
    """Return what a method gives; None where it is not followed."""
    texts = [item for item in given if isinstance(item, str)]
    if isinstance(value, str) and len(texts) == len(given):
        simple: dict[str, Callable[[], Value]] = {
            "trim": value.strip,
            "toString": lambda: value if all(text in _UTF8 for text in texts) else None,
            "toLowerCase": value.lower,
            "toUpperCase": value.upper,
            "concat": lambda: value + "".join(texts),
            "split": lambda: _split(value, texts),
            "replace": lambda: value.replace(texts[0], texts[1], 1) if _is_plain(texts) else None,
            "replaceAll": lambda: value.replace(texts[0], texts[1]) if _is_plain(texts) else None,
        }
        return simple[method]() if method in simple else None
    if isinstance(value, list) and method in ("join", "reverse", "concat", "sort"):
        return _listed(value, method, given)
    return None


_UTF8 = ("utf8", "utf-8")


def _is_plain(texts: list[str]) -> bool:
    """Tell whether a text is replaced by just another one: `$&` and its kin stand for parts of the first."""
    return len(texts) == 2 and "$" not in texts[1]


def _split(value: str, texts: list[str]) -> Value:
    return list(value) if texts == [""] else list(value.split(texts[0])) if texts else [value]


def _listed(value: list[Value], method: str, given: list[Value]) -> Value:
    if method == "join":
        sign = "," if not given else as_string(given[0])
        texts = [as_string(item) for item in value]
        return None if sign is None or None in texts else sign.join(text for text in texts if text is not None)
    if method == "reverse":
        return list(reversed(value))
    if method == "sort":
        words = sorted(item for item in value if isinstance(item, str))
        return [*words] if len(words) == len(value) and not given else None
    if method == "concat":
        return [*value, *(part for item in given for part in (item if isinstance(item, list) else [item]))]
    return None


def _decoded(text: str) -> str | None:
    return as_text(from_base64(text))


_DECODERS: Mapping[str, Callable[[str], str | None]] = {
    "String": str,
    "atob": _decoded,
    "decodeURIComponent": unquote,
    "unescape": unquote,
}


def converted(name: str, value: Value) -> str | None:
    """Return what a global function of one argument makes of a value."""
    text, reader = as_string(value), _DECODERS.get(name)
    return reader(text) if reader is not None and text is not None else None


def static(name: str, given: list[Value]) -> Value:
    """Return what `Object.keys(…)` and its kin give; None where they are not followed."""
    if name == "String.fromCharCode" and all(isinstance(item, int) and 0 <= item < 0x10000 for item in given):
        return "".join(chr(item) for item in given if isinstance(item, int))
    if name == "JSON.stringify":
        return json.dumps(given[0], ensure_ascii=False)
    if name == "Buffer.from" and isinstance(given[0], str):
        return _buffer(given[0], given[1] if len(given) > 1 else "utf8")
    if isinstance(given[0], dict):
        keys: dict[str, list[Value]] = {
            "Object.values": list(given[0].values()),
            "Object.keys": list(given[0]),
            "Object.entries": [[key, value] for key, value in given[0].items()],
        }
        return keys.get(name)
    return None


def _buffer(text: str, code: Value) -> str | None:
    if code in ("base64", "base64url"):
        return as_text(from_base64(text))
    if code == "hex":
        return as_text(from_hex(text))
    return text if code in _UTF8 else None
