"""Bars of days: nothing that was spent is invisible, nothing stands out of the picture, and words say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.console.costs.plot import (
    HEIGHT,
    WIDTH,
    Day,
    day_name,
    moment,
    money,
    percent,
    plot_of,
    portion,
    spark_of,
)

COSTS = st.dictionaries(
    st.integers(100, 140),
    st.builds(Day, micros=st.integers(0, 10**15), guessed_micros=st.integers(0, 10**15), calls=st.integers(0, 9)),
)


@given(COSTS, st.integers(0, 30))
def test_bars_stay_in_the_picture_and_every_amount_is_seen(costs: dict[int, Day], more: int) -> None:
    """One bar a day, none over another, taller where more was spent; an amount above nothing is seen."""
    plot = plot_of(costs, 105, 105 + more)
    assert [bar.day for bar in plot.bars] == [day_name(day) for day in range(105, 106 + more)]
    for bar, after in zip(plot.bars, (*plot.bars[1:], None), strict=True):
        assert bar.x >= 0
        assert bar.x + bar.width <= (after.x if after else WIDTH) + 0.01
        assert 0 <= bar.guessed_height <= bar.height <= HEIGHT
        assert bar.y + bar.height == pytest.approx(HEIGHT, abs=0.02)
        assert (bar.height > 0) == (bar.micros > 0)
    tallest = max(plot.bars, key=lambda bar: bar.micros)
    assert tallest.height == (HEIGHT if tallest.micros else 0)
    assert plot.most == money(tallest.micros)


def test_the_same_in_words() -> None:
    """The whole, the dearest day and where it goes; of nothing, that it is nothing."""
    costs = {1: Day(1_000_000), 2: Day(2_500_000, 1, 3), 4: Day(40_000)}
    assert plot_of(costs, 1, 4).words == (
        "$3.54 from 1970-01-02 to 1970-01-05; most on 1970-01-03, $2.50. "
        "The later half of these days cost $0.04, the earlier half $3.50."
    )
    assert plot_of(costs, 2, 2).words == "$2.50 from 1970-01-03 to 1970-01-03; most on 1970-01-03, $2.50."
    assert plot_of({}, 1, 2).words == "Nothing was spent from 1970-01-02 to 1970-01-03."
    bar = plot_of(costs, 2, 2).bars[0]
    assert (bar.money, bar.guessed, bar.calls) == ("$2.50", "$0.000001", 3)


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0"), (1, "$0.000001"), (9_999, "$0.009999"), (10_000, "$0.01"), (14_999, "$0.01"),
        (15_000, "$0.02"), (1_234_567_891_234, "$1,234,567.89"), (-25_000, "-$0.03"), (999_995_000, "$1,000.00"),
    ],
)  # fmt: skip
def test_money_as_people_read_it(micros: int, words: str) -> None:
    """To the cent, and exactly where it is less than one: a price of a token is not nothing."""
    assert money(micros) == words


def test_shares_and_instants() -> None:
    """Shares are rounded up; instants are UTC."""
    assert [percent(*pair) for pair in ((0, 5), (1, 1000), (1, 1), (3, 2), (5, 0))] == [0, 1, 100, 150, 0]
    assert moment(1_795_262_400_000_000) == "2026-11-21T12:00:00Z"


def test_small_bars_are_one_path() -> None:
    """A bar for each day that cost anything, the tallest as tall as there is room, and the same words."""
    small = spark_of({1: 4, 2: 0, 4: 1_000_000}, 1, 4)
    assert small.path == "M3.8 24v-1.0h22.5V24zM93.8 24v-24.0h22.5V24z"
    assert small.words == plot_of({1: Day(4), 4: Day(1_000_000)}, 1, 4).words
    assert spark_of({}, 1, 4).path == ""


def test_portions_add_up() -> None:
    """Thirds are 33 each, not 34; what cost something is never nothing; of nothing there is no part."""
    assert [portion(1, 3), portion(2, 3), portion(1, 1000), portion(0, 5), portion(5, 5), portion(0, 0)] == [
        33, 67, 1, 0, 100, 0,
    ]  # fmt: skip
