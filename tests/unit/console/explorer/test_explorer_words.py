"""How texts, resources and questions are cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.console.explorer import words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rm -rf /srv/data", {"rm", "rf", "srv", "data"}),
        ("volumeDelete", {"volumedelete", "volume", "delete"}),
        ("payroll_2026", {"payroll_2026", "payroll", "2026"}),
        ("eu-west-1", {"eu", "west", "1"}),
        ("\uff26\uff35\uff2c\uff2c Straße", {"full", "strasse"}),
        ("a" * 80, {"a" * 64}),
        ("!? …", set()),
    ],
)
def test_texts_are_cut_into_whole_words_and_their_parts(text: str, found: set[str]) -> None:
    """Words are what stands between other signs; compatibility forms and capitals are alike."""
    assert set(words.said(text)) == found


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        ("volume:railway/vol_1", {"volume:railway/vol_1", "volume", "volume:railway", "vol_1"}),
        ("file:/srv/data", {"file:/srv/data", "file", "file:", "file:/srv", "data"}),
        ("", set()),
        ("Table", {"table"}),
    ],
)
def test_a_resource_is_found_by_what_it_lies_in(resource: str, names: set[str]) -> None:
    """A resource has its own name, those of what it lies in, and its last part."""
    assert set(words.named(resource)) == names


@pytest.mark.parametrize("asked", ["volume:railway", "volume:railway/", "volume:railway/*", " VOLUME:railway/* "])
def test_a_star_or_border_at_the_end_of_a_question_says_nothing(asked: str) -> None:
    """People write a folder in several ways."""
    assert words.wanted(asked) in set(words.named("volume:railway/vol_1"))


@given(st.text(max_size=200))
def test_every_word_of_a_question_is_one_of_the_same_text(text: str) -> None:
    """Always: who copies a text from an entry into the form finds that entry."""
    assert set(words.asked(text)) <= set(words.said(text))


def test_a_text_that_never_ends_is_cut() -> None:
    """What is left out is said."""
    found, is_all = words.gathered(["x" * (words.MOST_CHARS - 1), "more"])
    assert (found, is_all) == ({"x" * 64}, False)
    assert not words.gathered(" ".join(f"w{at}" for at in range(words.MOST_WORDS + 1)).split())[1]
    assert words.gathered(["few words"]) == ({"few", "words"}, True)


def test_every_text_and_number_below_a_value_is_yielded() -> None:
    """Keys are ours and say nothing; numbers are words."""
    value = {"a": ["one", {"b": "two"}], "c": 3, "d": None, "e": True}
    assert sorted(words.strings(value)) == ["3", "one", "two"]
