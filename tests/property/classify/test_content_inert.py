"""Always: nothing that hides comes out of `inert`, and what shows itself is never touched."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from firewall.classify.content.inert import inert

_NEVER = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2060-\u206f\u3164\uffa0\ufff0-\ufffb\ud800-\udfff]|\r(?!\n)"
)
"""What no script and no emoji needs."""
_HOSTILE = st.sampled_from(
    "\x1b\x07\x9b\r\n\0\u200b\u200c\u200d\u200e\u200f\u061c\u202e\u2066\u2069\u00ad\ufeff\ufe0f\ufe00\U000e0041"
    "\U000e007f\U000e0100\U000e01ef\u3164\u034f\u180b\u1160\u2060a1\u0645\u05d0\u0915\u0e01\u9580\U0001f600\u2764 "
    "\U0001f3f4"
)
_TEXTS = st.lists(_HOSTILE | st.characters(), max_size=60).map("".join)
_PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Lo")), max_size=200)


@given(_TEXTS)
def test_nothing_that_hides_comes_out(text: str) -> None:
    """No control, override, isolate, filler or half of a pair is in what comes out, whatever went in."""
    shown = inert(text).text
    assert not _NEVER.search(shown)
    shown.encode("utf-8")


@given(_TEXTS)
def test_what_hides_never_stands_in_a_row(text: str) -> None:
    """Of joiners, selectors and tags that stay, no two of one kind stand together: they carry no message."""
    shown = inert(text).text
    assert not re.search("[\u200b-\u200d\u034f\u180b-\u180f]{2}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}", shown)
    assert not re.search("[\u200e\u200f\u061c]{2}|[\U000e0000-\U000e00ff]{7}", shown)


@given(_TEXTS)
@example("\u0645\u200d\x1b")
def test_showing_again_changes_nothing(text: str) -> None:
    """What was made inert is inert."""
    shown = inert(text).text
    assert inert(shown).text == shown


@given(_TEXTS)
def test_what_shows_itself_stays_in_order(text: str) -> None:
    """Letters, digits and line breaks that went in come out, all of them, in their order."""
    kept = [char for char in text if (char.isalnum() and char not in "\u115f\u1160\u3164\uffa0") or char == "\n"]
    rest = iter(inert(text).text)
    assert all(char in rest for char in kept)


@given(_PLAIN)
def test_plain_text_is_not_touched(text: str) -> None:
    """Letters, numbers, punctuation, symbols and blanks come out as they are, and nothing is said of them."""
    shown = inert(text)
    assert shown.text == text
    assert not shown.hidden
