"""Normal forms of texts that somebody made long to sort or long to write."""

import sys
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core import folding
from firewall.core.folding import MANY, MOST_MARKS, MOST_WIDE, Form, has_long_run, normal

FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")
_RUN = "\u0301\u0323"
_MIXED = st.text(
    st.sampled_from("aeZ \u00e9\u1f82\u0301\u0323\u0344\u0f73\uff9e\u1100\u1161\u11a8\ufdfa\u3300\uff21\ufb01\n"),
    max_size=60,
)


def _decomposed_run(text: str) -> int:
    """Return the most non-starters in a row of what a text decomposes to."""
    longest = run = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        longest = max(longest, run)
    return longest


@given(st.one_of(st.text(max_size=200), _MIXED))
def test_a_text_without_long_runs_is_what_the_library_makes_of_it(text: str) -> None:
    """Always: nothing else is changed."""
    if not has_long_run(text):
        for form in FORMS:
            assert normal(text, form) == unicodedata.normalize(form, text)


@given(
    st.lists(
        st.sampled_from(["a", "\u1f82", "\u0f73" * 9, "\u0344" * 33, _RUN * 20, "\uff9e\u0301" * 40]), max_size=8
    )
)
def test_what_is_sorted_at_once_is_short(parts: list[str]) -> None:
    """Always: a broken text has no run that would take long, however its marks are written."""
    for form in FORMS:
        found = normal("".join(parts), form)
        assert _decomposed_run(unicodedata.normalize("NFD", found)) <= 3 * (MOST_MARKS + 1)
        assert unicodedata.normalize("NFD", found).count("a") == parts.count("a")


def test_marks_are_found_in_all_of_unicode() -> None:
    """Every character that begins with a mark when it is decomposed belongs to a run, and no other does."""
    marks, wide = folding._patterns()
    for number in range(sys.maxunicode + 1):
        if 0xD800 <= number < 0xE000:
            continue
        char = chr(number)
        whole = unicodedata.normalize("NFKD", char)
        assert bool(unicodedata.combining(whole[0])) == bool(marks.search(char * (MOST_MARKS + 1))), hex(number)
        assert (len(whole) >= MANY) == bool(wide.search(char)), hex(number)


def _cost(work: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    work(text)
    return time.process_time() - started


@pytest.mark.parametrize("form", FORMS)
def test_a_run_of_marks_takes_no_more_than_its_length(form: Form) -> None:
    """A quarter of a million marks costs at most forty times what a tenth of them does; squared: a hundred."""
    whole = "a" + _RUN * (128 << 10)
    tenth = min(_cost(lambda text: normal(text, form), whole[: len(whole) // 10]) for _ in range(3))
    assert min(_cost(lambda text: normal(text, form), whole) for _ in range(3)) < 40 * tenth + 0.05
    assert _decomposed_run(normal(whole, form)) <= MOST_MARKS + 1


def test_characters_that_stand_for_many_are_written_out_a_thousand_times() -> None:
    """What is made of a text is not eighteen times as long."""
    text = "\ufdfa" * (MOST_WIDE + 3) + " behind"
    found = normal(text, "NFKC")
    assert found == unicodedata.normalize("NFKC", "\ufdfa" * MOST_WIDE) + "\ufffd" * 3 + " behind"
    assert len(normal("\ufdfa" * (256 << 10), "NFKC")) < 2 * (256 << 10)
    assert normal(text, "NFC") == text
