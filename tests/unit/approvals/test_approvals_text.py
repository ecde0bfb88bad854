"""Text of strangers: nothing invisible stays invisible, nothing is interpreted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.approvals.text import has_look_alikes, is_hidden, plain, visible

HIDDEN = [
    "\x00", "\x1b", "\x7f", "\r", "\u00a0", "\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u200b", "\u200d",
    "\u200e", "\u202a", "\u202e", "\u2028", "\u2060", "\u2066", "\u2069", "\u2800", "\u3000", "\u3164", "\ufe0f",
    "\ufeff", "\uffa0", "\ue000", "\U000e0041", "\U000e0100", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("char", HIDDEN, ids=lambda char: f"U+{ord(char):04X}")
def test_hidden_characters_are_spelled_out(char: str) -> None:
    """Controls, bidi, zero-width, odd spaces, tags, variation selectors and surrogates show as their number."""
    assert is_hidden(char)
    assert visible(f"a{char}b") == f"a⟦U+{ord(char):04X}⟧b"
    assert char not in plain(f"a{char}b")


@given(st.text())
def test_visible_text_has_no_hidden_character(text: str) -> None:
    """Whatever comes in, only line breaks and characters that show come out."""
    shown = visible(text)
    assert not any(is_hidden(char) for char in shown.replace("\n", ""))


@given(st.text(max_size=2000))
def test_a_plain_line_is_short_and_one_line(text: str) -> None:
    """A reason never has a control, a line break or more than its limit."""
    line = plain(text)
    assert len(line) <= 500
    assert not any(unicodedata.category(char).startswith("C") for char in line)


def test_letters_beyond_ascii_are_noticed() -> None:
    """A Cyrillic a among Latin letters is a look-alike; plain text and symbols are not."""
    assert has_look_alikes("d\u0430ta")
    assert not has_look_alikes("data → ok")
