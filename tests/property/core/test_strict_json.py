"""No duplicate key ever slips past the cheap look."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads

KEYS = st.sampled_from(["a", "b", 'q"', "c:", '":', "\u00e9", "\\", "\n"])
SPACES = st.sampled_from(["", " ", "\n", "\t", " \r\n", "  ", " \t", "\t\t", "\n ", "\r"])


def _spelled(text: str, *, escaped: bool) -> str:
    if not escaped:
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"'


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> tuple[str, bool]:
    """Return the text of an object and whether a key stands twice in it."""
    parts, seen, doubled = [], set(), False
    for _ in range(draw(st.integers(0, 4))):
        key = draw(KEYS)
        doubled |= key in seen
        seen.add(key)
        if depth and draw(st.booleans()):
            value, inner = draw(objects(depth=depth - 1))
            doubled |= inner
        else:
            value = _spelled(draw(KEYS), escaped=draw(st.booleans()))
        name = _spelled(key, escaped=draw(st.booleans()))
        parts.append(f"{name}{draw(SPACES)}:{draw(SPACES)}{value}")
    return "{" + ",".join(parts) + "}", doubled


@given(objects())
def test_duplicates_are_always_found_and_nothing_else_is(found: tuple[str, bool]) -> None:
    """An object is refused exactly when a key stands twice, however it is spelled and spaced."""
    text, doubled = found
    if doubled:
        with pytest.raises(ProtocolError, match="twice"):
            loads(text.encode())
    else:
        assert loads(text.encode()) == json.loads(text)
