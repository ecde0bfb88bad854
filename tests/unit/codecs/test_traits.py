"""What the bytes of a request may hold: told from the new part alone, and never less than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs import traits
from firewall.codecs.neutral.marks import marked
from firewall.codecs.traits import WORDS, Histories, Trait, holds
from firewall.core.running import BLOCK, Digests

EVERY_WORD = [(trait, word) for trait, words in WORDS.items() for word in words]


def held(histories: Histories, body: bytes) -> set[Trait]:
    """Return what a body may hold."""
    found = histories.traits(Digests(body))
    return {trait for trait in Trait if found.may_hold(trait, body)}


@pytest.mark.parametrize(("trait", "word"), EVERY_WORD, ids=repr)
@pytest.mark.parametrize("at", [0, 900, BLOCK - 3, BLOCK, 3 * BLOCK + 5])
def test_a_word_is_found_wherever_it_stands(trait: Trait, word: bytes, at: int) -> None:
    """Also across the end of a block, in a new request as in one that comes again; and it is one trait alone."""
    body = b"." * at + word + b"." * 700
    histories = Histories()
    assert held(histories, body) == held(histories, body) == {trait}


def test_a_mark_is_thinking_of_another_provider() -> None:
    """As the writers of answers put it."""
    assert holds(marked("anthropic", "seal").encode(), Trait.FOREIGN_THINKING)


def test_plain_text_holds_nothing() -> None:
    """Nor do its start and its end know of what stands between them in another request."""
    histories = Histories()
    start, end = b"a" * 3 * BLOCK, b"z" * 3 * BLOCK
    assert held(histories, start + b'"image"' + end) == {Trait.MEDIA}
    assert held(histories, start + end) == set()
    assert held(histories, start + b"and so on" + end) == set()


PARTS = st.lists(
    st.sampled_from(
        [b"a" * BLOCK, b"b" * 1500, b"image", b"im", b"age", b"stayhand", b".v1.", b"\\u", b"00", b"c" * 700]
    ),
    max_size=8,
).map(b"".join)


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_never_less_than_a_search_finds(bodies: list[bytes]) -> None:
    """However requests share their starts and ends, and wherever a word is put together."""
    histories = Histories()
    for body in bodies:
        assert held(histories, body) >= {trait for trait in Trait if holds(body, trait)}


def test_a_changed_body_is_searched_itself() -> None:
    """What is known of one body is not believed of another."""
    body = b"no such thing"
    found = Histories().traits(Digests(body))
    assert not found.may_hold(Trait.MEDIA, body)
    assert found.may_hold(Trait.MEDIA, b'{"type":"image"}')
    assert not Histories().traits(Digests(b"image")).may_hold(Trait.MEDIA, body)


def test_a_longer_history_is_searched_where_it_grew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a start and an end that are known, little more than what was added."""
    seen: list[int] = []
    search = traits._places

    def counting(data: bytes, start: int, end: int) -> tuple[dict[Trait, int], dict[Trait, int]]:
        seen.append(end - start)
        return search(data, start, end)

    monkeypatch.setattr(traits, "_places", counting)
    histories = Histories()
    history, added, tools = b"a" * 20 * BLOCK, b"n" * 900, b"z" * 20 * BLOCK
    for body in (history + tools, history + tools, history + added + tools):
        held(histories, body)
    assert len(seen) == 2
    assert seen[1] < len(added) + 3 * BLOCK


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is searched again."""
    monkeypatch.setattr(traits, "MOST_KEPT", 4)
    histories = Histories()
    bodies = [b"%d" % at * 5000 + b"image" * (at % 2) for at in range(9)]
    for _ in range(2):
        assert [held(histories, body) for body in bodies] == [
            {Trait.MEDIA} if at % 2 else set() for at in range(9)
        ]
    assert len(histories._kept) <= 4
