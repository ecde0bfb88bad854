"""What a call costs by the short way is what it costs kind by kind."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.money import MILLION, THOUSAND, Price, Rate, Tier, Tokens, cost

RATES = st.builds(
    Rate,
    st.integers(0, 10**8),
    st.lists(st.builds(Tier, st.integers(0, 900), st.integers(0, 10**8)), max_size=2).map(tuple),
)
PRICES = st.builds(
    Price,
    input=RATES,
    output=RATES,
    cache_read=st.none() | RATES,
    cache_write=st.none() | RATES,
    reasoning=st.none() | RATES,
    search=st.none() | RATES,
    request_micros=st.integers(0, 1000),
)
COUNTS = st.one_of(st.just(0), st.integers(0, 1000))
USED = st.builds(Tokens, **{one.name: COUNTS for one in fields(Tokens)}) | st.builds(
    Tokens, input=COUNTS, output=COUNTS
)
_KINDS: dict[str, tuple[str, ...]] = {
    "input": ("cache_read", "cache_write", "cache_write_1h", "input_image", "input_audio"),
    "output": ("reasoning", "output_image", "output_audio"),
}


@given(PRICES, USED)
def test_a_cost_is_the_sum_of_its_kinds(price: Price, used: Tokens) -> None:
    """Each kind at its own rate, what is left of a total at the total's, rounded up once."""
    owed = used.searches * (price.search.at(used.input) if price.search else 0) * (MILLION // THOUSAND)
    for total, kinds in _KINDS.items():
        left = getattr(used, total)
        for kind in kinds:
            own = getattr(price, kind) or (price.cache_write if kind == "cache_write_1h" else None)
            if own is not None:
                owed += getattr(used, kind) * own.at(used.input)
                left -= getattr(used, kind)
        owed += max(left, 0) * getattr(price, total).at(used.input)
    assert cost(price, used) == -(-owed // MILLION) + price.request_micros
