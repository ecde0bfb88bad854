"""Words that are looked for all at once are found where each is found by itself."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.content.signals import SIGNALS
from firewall.classify.content.sought import Sought

_SIGNS = "ab.|\\/[]{}()^$*+?-# <é忘\n"
_KNOWN = sorted({word for signal in SIGNALS for word in signal.words.words})


@given(
    st.lists(st.text(_SIGNS, min_size=1, max_size=4), min_size=1, max_size=6),
    st.text(_SIGNS + "\ud800", max_size=30),
)
def test_words_of_any_signs_are_found_as_they_are_written(words: list[str], text: str) -> None:
    """No sign means anything but itself, whatever stands beside it, halves of pairs included."""
    assert Sought(words).stands_in(text) is any(word in text for word in words)


@given(st.lists(st.sampled_from(_KNOWN) | st.text(max_size=8), max_size=6))
def test_words_of_signals_are_found_wherever_they_stand(pieces: list[str]) -> None:
    """What is looked for in texts that servers send is found between anything."""
    text = "".join(piece[:-1] if len(piece) % 2 else piece for piece in pieces)
    for signal in SIGNALS:
        assert signal.words.stands_in(text) is any(word in text for word in signal.words.words)
