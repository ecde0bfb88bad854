"""Brackets are counted before a text is parsed: the count is of the text alone and bounded."""

import pytest

from firewall.classify.code.brackets import BRACES, EVERY, MAX_OPEN, MAX_STRAY, unbalanced


@pytest.mark.parametrize(("opening", "closing"), ["()", "{}", "[]"])
def test_as_deep_as_the_limit_is_read(opening: str, closing: str) -> None:
    """As many brackets within each other as the limit says are read, one more is too many."""
    assert not unbalanced(opening * MAX_OPEN + closing * MAX_OPEN, EVERY)
    assert unbalanced(opening * (MAX_OPEN + 1), EVERY)


@pytest.mark.parametrize("closing", [")", "}", "]"])
def test_brackets_that_close_nothing_are_counted(closing: str) -> None:
    """Some closing brackets may stand alone, as in the cases of a shell; more than the limit are too many."""
    assert not unbalanced(closing * MAX_STRAY, EVERY)
    assert unbalanced(closing * (MAX_STRAY + 1), EVERY)


def test_brackets_one_after_the_other_are_not_deep() -> None:
    """Any number of closed brackets side by side is read."""
    assert not unbalanced("(a){b}[c]" * 10_000, EVERY)


def test_square_brackets_are_none_of_a_shell() -> None:
    """Where square brackets are tests and patterns they do not count."""
    assert not unbalanced("[" * 1000, BRACES)
    assert unbalanced("[" * 1000, EVERY)
