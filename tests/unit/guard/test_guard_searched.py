"""What was searched before: the new part is found from both ends, and nothing hides between known parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.running import BLOCK, Digests
from firewall.guard import searched
from firewall.guard.searched import OVERLAP, Searched, Unsearched


def noise(seed: int, size: int) -> bytes:
    """Return bytes that repeat nowhere."""
    return b"".join(b"%07d," % (seed * 1_000_000 + at) for at in range(-(-size // 8)))[:size]


def seen(store: Searched, body: bytes, owner: str = "olga") -> Unsearched:
    """Ask for the new part, and say that it was searched."""
    part = store.new_part(owner, Digests(body))
    store.keep(part)
    return part


def test_the_same_request_has_no_new_part() -> None:
    """Of any length; for another owner it is new."""
    for size in (0, 10, BLOCK, 3 * BLOCK + 5):
        store, body = Searched(), noise(1, size)
        first = seen(store, body)
        assert (first.start, first.end) == (0, size)
        again = seen(store, body)
        assert again.start == again.end
        other = store.new_part("oleg", Digests(body))
        assert (other.start, other.end) == (0, size)


def test_what_is_not_kept_stays_new() -> None:
    """Only what was searched is known."""
    store, body = Searched(), noise(1, 3 * BLOCK)
    for _ in range(2):
        part = store.new_part("olga", Digests(body))
        assert (part.start, part.end) == (0, len(body))


def test_a_longer_history_is_new_where_it_grew() -> None:
    """Before a tail of tools that stays the same: little more than what was added is searched."""
    store = Searched()
    history, tools, added = noise(1, 20 * BLOCK), noise(2, 20 * BLOCK), noise(3, 900)
    seen(store, history + tools)
    body = history + added + tools
    part = seen(store, body)
    assert part.start <= len(history)
    assert part.end >= len(history) + len(added)
    assert part.end - part.start <= len(added) + 2 * BLOCK + 2 * OVERLAP


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_every_place_is_searched_with_what_stands_around_it(one: list[int], other: list[int]) -> None:
    """A value of the second request lies in its new part, or lay as it is in the first: however both are made."""
    store = Searched()
    parts = [noise(at, BLOCK + at * 300) for at in range(5)]
    first, second = (b"".join(parts[at] for at in row) for row in (one, other))
    seen(store, first)
    part = store.new_part("olga", Digests(second))
    for at in range(0, max(1, len(second) - 40), 97):
        value = second[at : at + 40]
        is_new = part.start <= at and at + 40 <= part.end
        assert is_new or value in first


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and then searched again."""
    monkeypatch.setattr(searched, "MOST_MARKS", 4)
    store = Searched()
    bodies = [noise(at, 100) for at in range(3)]
    for body in bodies:
        seen(store, body)
    parts = [store.new_part("olga", Digests(body)) for body in bodies]
    assert [part.start == part.end for part in parts] == [False, True, True]
