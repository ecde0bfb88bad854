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


_PIECES = st.text(
    st.sampled_from("abAB_ 1-\u00df\u0130\u0390\uff21\ufb01\u0301\u0345\u03c3\u03c2\n\0"), max_size=40
)


@given(_PIECES, st.one_of(st.none(), _PIECES))
def test_a_word_that_is_looked_for_is_one_that_would_be_cut(text: str, other: str | None) -> None:
    """Always: looking for words alone finds what cutting the whole text into words does."""
    sought = set(words.asked(text if other is None else other)) | {"a", "b", "ab", "a_b"}
    assert words.lacking(sought, [text]) == (sought - set(words.said(text)), True)


@given(_PIECES)
def test_every_word_of_a_folded_question_is_one_of_the_same_text(text: str) -> None:
    """Always, with letters that become marks and several letters when capitals are taken away."""
    assert set(words.asked(text)) <= set(words.said(text))


def test_a_text_that_never_ends_is_cut() -> None:
    """Of a text that is too long or says too much no word is kept, and that is said."""
    assert words.gathered(["x" * (words.MOST_CHARS - 1), "more"]) == (set(), False)
    assert words.gathered(" ".join(f"w{at}" for at in range(words.MOST_WORDS + 1)).split()) == (set(), False)
    assert words.gathered(["few words"]) == ({"few", "words"}, True)
    assert words.lacking(["more", "absent"], ["x " * (words.MOST_CHARS // 2), "more"]) == ({"absent"}, True)
    assert words.lacking(["more"], ["x " * (words.MOST_LOOKED // 2), "more"]) == ({"more"}, False)
    assert words.lacking(["x" * 64], ["x" * 80]) == (set(), True)


def test_every_text_and_number_below_a_value_is_yielded() -> None:
    """Keys are ours and say nothing; numbers are words."""
    value = {"a": ["one", {"b": "two"}], "c": 3, "d": None, "e": True}
    assert sorted(words.strings(value)) == ["3", "one", "two"]
