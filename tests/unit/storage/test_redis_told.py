"""What Redis says of circuits is a stranger's: read by form, size and range, or left out."""

import pytest

from firewall.core.sharing import AwayError, Named, Told, Why
from firewall.storage.redis.circuits import MOST, told_of

NOW = b"1795262400000"
GOOD = [b"a" * 32, b"1" * 32, b"1795262405000", b"2", b"0", b"primary", "modèle".encode(), b"0123abcd"]
TOLD = Told("a" * 32, Named("primary", "modèle", "0123abcd"), "1" * 32, 2, 5000)


def row(at: int, value: object) -> list[object]:
    """Return a good row with one field changed."""
    return [*GOOD[:at], value, *GOOD[at + 1 :]]


def test_a_good_row_is_read() -> None:
    """Wait by Redis' own clock, nothing of it negative."""
    assert told_of([NOW, [GOOD]]) == (TOLD,)
    [over] = told_of([NOW, [row(2, b"1795262300000")]])
    assert over.wait_ms == 0


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"A" * 32),
        (0, b"a" * 31),
        (0, None),
        (1, b""),
        (1, b"1" * 33),
        (2, b"soon"),
        (2, b"-5"),
        (2, b"1e99"),
        (2, b"9" * 16),
        (2, 1795262405000),
        (3, b""),
        (3, "²".encode()),
        (4, b"2"),
        (4, b""),
        (5, b"\xff\xfe"),
        (5, "a\u2028b".encode()),
        (6, b"x" * 257),
        (6, b"a\nb"),
        (6, [b"m"]),
        (7, b"\x00"),
    ],
)
def test_a_bad_row_is_left_out_and_no_other(at: int, value: object) -> None:
    """Whatever stands in a field: the other circuits are heard."""
    assert told_of([NOW, [row(at, value), GOOD]]) == (TOLD,)


@pytest.mark.parametrize("bad", [None, b"row", [], [*GOOD, b"more"], GOOD[:7], {}, 7])
def test_what_is_no_row_is_left_out(bad: object) -> None:
    """Whatever stands in place of a row."""
    assert told_of([NOW, [bad, GOOD]]) == (TOLD,)


def test_numbers_are_bounded() -> None:
    """Nobody waits longer than a day, or has failed more often than counts."""
    [told] = told_of([NOW, [[*GOOD[:2], b"999999999999999", b"999999999", *GOOD[4:]]]])
    assert (told.wait_ms, told.trips) == (86_400_000, 32)
    [told] = told_of([NOW, [row(3, b"0")]])
    assert told.trips == 1


@pytest.mark.parametrize(
    "said",
    [None, b"OK", [], [NOW], [NOW, None], [b"now", [GOOD]], [NOW, [GOOD] * (MOST + 1)], [NOW, [GOOD], 1], 0],
)
def test_what_is_no_answer_means_that_it_is_away(said: object) -> None:
    """Then each process decides for itself."""
    with pytest.raises(AwayError) as caught:
        told_of(said)
    assert caught.value.why is Why.ANSWER
