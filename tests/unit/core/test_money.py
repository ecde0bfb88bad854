"""Money is integer micro-USD, and a cost is rounded up, never down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.money import Price, Rate, Tier, Tokens, ceiling_of, cost, dollars, worst

SONNET = Price(
    input=Rate(3_000_000, (Tier(200_000, 6_000_000),)),
    output=Rate(15_000_000, (Tier(200_000, 22_500_000),)),
    cache_read=Rate(300_000, (Tier(200_000, 600_000),)),
    cache_write=Rate(3_750_000, (Tier(200_000, 7_500_000),)),
    cache_write_1h=Rate(6_000_000, (Tier(200_000, 12_000_000),)),
    search=Rate(10_000_000),
)
IMAGES = Price(input=Rate(5_000_000), output=Rate(30_000_000), input_image=Rate(8_000_000))


@pytest.mark.parametrize(
    ("price", "used", "micros"),
    [
        (SONNET, Tokens(input=1_000_000, output=0), 6_000_000),
        (SONNET, Tokens(input=200_000, output=1_000), 615_000),
        (SONNET, Tokens(input=200_001, output=1_000), 1_222_506),
        (SONNET, Tokens(input=100_000, cache_read=90_000), 57_000),
        (SONNET, Tokens(input=100_000, cache_read=50_000, cache_write=20_000, cache_write_1h=10_000), 210_000),
        (SONNET, Tokens(input=250_000, cache_read=250_000), 150_000),
        (SONNET, Tokens(output=1), 15),
        (SONNET, Tokens(cache_read=1, input=1), 1),
        (SONNET, Tokens(), 0),
        (SONNET, Tokens(searches=3), 30_000),
        (IMAGES, Tokens(input=1_100, input_image=1_000, output=2_000), 68_500),
        (Price(input=Rate(0), output=Rate(0), request_micros=40), Tokens(input=7), 40),
        (Price(input=Rate(1_000_000), output=Rate(2_000_000)), Tokens(output=10, reasoning=4), 20),
        (
            Price(input=Rate(0), output=Rate(2_000_000), reasoning=Rate(3_000_000)),
            Tokens(output=10, reasoning=4),
            24,
        ),
    ],
)
def test_cost_of_a_call(price: Price, used: Tokens, micros: int) -> None:
    """Tiers hold for the whole call, cached tokens cost what they cost and are not paid twice."""
    assert cost(price, used) == micros


def test_an_hour_in_a_cache_costs_at_least_what_minutes_do() -> None:
    """Where the price list has no word for the longer life, the shorter one's rate stands in for it."""
    price = Price(input=Rate(1_000_000), output=Rate(1), cache_write=Rate(1_250_000))
    assert cost(price, Tokens(input=100, cache_write_1h=100)) == 125


COUNTS = st.integers(0, 500_000)
RATES = st.builds(
    lambda base, over, micros: Rate(base, (Tier(over, micros),)),
    st.integers(0, 90_000_000),
    st.integers(1, 300_000),
    st.integers(0, 90_000_000),
)
PRICES = st.builds(
    Price,
    input=RATES,
    output=RATES,
    cache_read=st.none() | RATES,
    cache_write=st.none() | RATES,
    cache_write_1h=st.none() | RATES,
    reasoning=st.none() | RATES,
    output_image=st.none() | RATES,
    search=st.none() | RATES,
    request_micros=st.integers(0, 1000),
)


@given(PRICES, st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), st.tuples(COUNTS, COUNTS, COUNTS), st.integers(0, 9))
def test_nothing_costs_more_than_the_worst_case(
    price: Price, inputs: tuple[int, int, int, int], outputs: tuple[int, int, int], searches: int
) -> None:
    """Whatever is cached, thought or drawn within a total, the bound for that total covers it, at every tier."""
    plain, read, write, hour = inputs
    said, thought, drawn = outputs
    used = Tokens(
        input=sum(inputs),
        cache_read=read,
        cache_write=write,
        cache_write_1h=hour,
        output=sum(outputs),
        reasoning=thought,
        output_image=drawn,
        searches=searches,
    )
    most = worst(price, input_tokens=sum(inputs) + plain, output_tokens=sum(outputs) + said, searches=searches)
    assert most == ceiling_of(price).most(sum(inputs) + plain, sum(outputs) + said, searches)
    assert 0 <= cost(price, used) <= most


@given(PRICES, st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_nothing_is_rounded_away(price: Price, read: int, said: int) -> None:
    """The cost times a million is never less than tokens times rates."""
    owed = read * price.input.at(read) + said * price.output.at(read)
    assert cost(price, Tokens(input=read, output=said)) * 1_000_000 >= owed


def test_what_attempts_used_adds_up() -> None:
    """Two answers cost what both used, kind by kind."""
    both = Tokens(input=3, cache_read=1) + Tokens(input=4, output=2, searches=1)
    assert both == Tokens(input=7, cache_read=1, output=2, searches=1)


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (125, "0.000125"), (1_500_000, "1.50"), (-20_000, "-0.02"), (84_000_000_000, "84000.00")],
)
def test_money_is_shown_as_it_is(micros: int, text: str) -> None:
    """Dollars are written with every decimal that matters."""
    assert dollars(micros) == text
