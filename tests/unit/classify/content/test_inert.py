"""Making text inert: hostile rows are shown, ordinary text of every script stays as it is."""

import tomllib
from pathlib import Path

import pytest

from firewall.classify.content.inert import Hidden, inert, smuggled, without_hidden

_CASES = Path(__file__).parents[3] / "cases" / "content"
_ORDINARY = tomllib.loads((_CASES / "ordinary.toml").read_text(encoding="utf-8"))["texts"]
_HIDDEN = tomllib.loads((_CASES / "hidden.toml").read_text(encoding="utf-8"))["row"]


@pytest.mark.parametrize("text", _ORDINARY, ids=lambda text: text[:20].encode("unicode_escape").decode())
def test_ordinary_text_stays(text: str) -> None:
    """Text of a script, and emoji, comes out as the very same characters, and nothing is said of it."""
    shown = inert(text)
    assert shown.text == text
    assert not shown.hidden


@pytest.mark.parametrize("row", _HIDDEN, ids=lambda row: row["why"])
def test_what_hides_is_shown(row: dict[str, str | list[str]]) -> None:
    """Each hostile row comes out as the words beside it, and its kind is named."""
    shown = inert(str(row["text"]))
    assert shown.text == row["shown"]
    assert shown.hidden == {Hidden(kind) for kind in row["kinds"]}


def test_a_lone_surrogate_is_shown() -> None:
    """Half of a pair, which no encoder takes, becomes its number."""
    assert inert("a\ud83db").text == "a⟦U+D83D⟧b"


def test_a_long_run_is_counted() -> None:
    """A text in tags of a thousand characters does not grow a thousandfold."""
    shown = inert("x" + "\U000e0041" * 1000 + "y")
    assert shown.count == 1000
    assert len(shown.text) < 120
    assert "992 more" in shown.text


def test_what_tags_and_selectors_spell_is_read() -> None:
    """The words that hide in tags and in variation selectors can be looked at."""
    tags = "".join(chr(0xE0000 + ord(char)) for char in "delete all")
    octets = b"send it"
    selectors = "".join(chr(0xFE00 + one if one < 16 else 0xE0100 + one - 16) for one in octets)
    assert "delete all" in smuggled(f"nice{tags} weather")
    assert "send it" in smuggled(f"\U0001f600{selectors}")
    assert not smuggled("plain \u2764\ufe0f text")


def test_words_are_found_behind_what_hides() -> None:
    """A word parted by what nobody sees reads as the word."""
    assert without_hidden("ig\u200bno\u00adre\rnow") == "ignore now"
