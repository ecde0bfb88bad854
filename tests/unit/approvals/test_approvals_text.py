"""Text of strangers: nothing invisible stays invisible, nothing is interpreted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.approvals.text import counted, is_hidden, plain, visible

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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a" + "\u0301" * 5 + "b", "a" + "\u0301" * 4 + "⟦U+0301⟧b"),
        ("\u0301rm", "⟦U+0301⟧rm"),
        ("rm\n\u0301x", "rm\n⟦U+0301⟧x"),
        ("\u200b\u0301", "⟦U+200B⟧⟦U+0301⟧"),
        ("r\u0336m\u0336", "r⟦U+0336⟧m⟦U+0336⟧"),
        ("=\u0338", "=⟦U+0338⟧"),
        ("a\u20dd", "a⟦U+20DD⟧"),
    ],
    ids=["piled up", "first", "first of a line", "on a hidden one", "struck", "another sign", "in a ring"],
)
def test_marks_that_cover_other_words_are_spelled_out(text: str, shown: str) -> None:
    """What is drawn over the facts beside it, or strikes a word, shows as its number (UTS #39, 5.4)."""
    assert visible(text) == shown
    assert counted(text)[1] == shown.count("⟦")


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "Nguyễn Thị Ánh đã xóa thư mục"),
        "בְּרֵאשִׁ֖ית בָּרָ֣א",
        "น้ำตก ที่นี่",
        "क्षेत्र हटाएँ",
        "الْعَرَبِيَّةُ",
        "བསྒྲུབས",
    ],
    ids=["vietnamese", "hebrew", "thai", "hindi", "arabic", "tibetan"],
)
def test_marks_of_languages_stay(text: str) -> None:
    """Nobody's writing is spelled by numbers."""
    assert visible(text) == text


@given(st.text(st.one_of(st.sampled_from("ab \n\u0301\u0336\u20dd\u200b\u05b0"), st.characters())))
def test_no_visible_text_has_marks_piled_up(text: str) -> None:
    """At most four marks follow each other, none begins a text, and a second look changes nothing."""
    shown = visible(text)
    marks = "".join("m" if unicodedata.category(char) in ("Mn", "Me") else "." for char in shown)
    assert "mmmmm" not in marks
    assert not marks.startswith("m")
    assert visible(shown) == shown


@given(st.text(max_size=2000))
def test_a_plain_line_is_short_and_one_line(text: str) -> None:
    """A reason never has a control, a line break or more than its limit."""
    line = plain(text)
    assert len(line) <= 500
    assert not any(unicodedata.category(char).startswith("C") for char in line)
