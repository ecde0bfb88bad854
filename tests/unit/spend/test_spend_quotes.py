"""What is looked up once a minute is what would be found anew: another price or minute is seen at once."""

from datetime import UTC, datetime

from firewall.core.money import Price, Rate, Tier
from firewall.spend.estimate import DEAR_IMAGE_TOKENS, IMAGE_TOKENS, OVERHEAD_TOKENS, Bound
from firewall.spend.overrides import Override
from firewall.spend.prices import MINUTE_US, Prices, Sold
from firewall.spend.quotes import USUAL_OUTPUT, USUAL_WINDOW, Longest, Quotes

SOLD = Sold("here", "cheap")
AT_US = 1_790_000_000_000_000


def _prices(micros: int) -> Prices:
    return Prices((Override("here", "cheap", Price(input=Rate(micros), output=Rate(2 * micros))),))


def _unsaid(_: Sold) -> Longest:
    return Longest()


def test_prices_that_are_swapped_are_seen_by_the_next_call() -> None:
    """A load of models.toml puts other prices in force: no quote of the old ones is given any more."""
    quotes, old, new = Quotes(), _prices(1_000_000), _prices(7_000_000)
    first = quotes.of(SOLD, AT_US, old, _unsaid)
    assert first.price == old.of(SOLD, AT_US)
    assert quotes.of(SOLD, AT_US, old, _unsaid) is first
    then = quotes.of(SOLD, AT_US, new, _unsaid)
    assert then.price == new.of(SOLD, AT_US) != first.price
    assert then.ceiling is not None
    assert then.ceiling.most(100, 10) == 100 * 7 + 10 * 14


def test_a_window_that_a_list_says_bounds_no_request_that_is_longer() -> None:
    """A header may ask for a larger window: what is sent is held for; the operator's own word is one."""
    long = Bound(input_tokens=900_000, likely_tokens=1, output_tokens=1)
    listed, own = Longest(window=200_000), Longest(window=200_000, own_window=200_000)
    quotes, prices = Quotes(), _prices(1_000_000)
    assert quotes.of(SOLD, AT_US, prices, lambda _: listed).read(long) == 900_000
    assert quotes.of(SOLD, AT_US, prices, lambda _: own).read(long) == 200_000 + OVERHEAD_TOKENS


def test_a_price_beyond_the_window_says_that_some_requests_are_longer() -> None:
    """What a provider adds is then held for at more than the window that the list names."""
    tiered = Price(input=Rate(1, (Tier(200_000, 2),)), output=Rate(1))
    prices = Prices((Override("here", "cheap", tiered),))
    quote = Quotes().of(SOLD, AT_US, prices, lambda _: Longest(window=200_000))
    assert quote.read(Bound(input_tokens=None, likely_tokens=1, output_tokens=1)) == USUAL_WINDOW


def test_pictures_and_summing_up_are_counted_as_the_model_does() -> None:
    """One model counts three times as much for a picture; what is summed up is read and written once more."""
    bound = Bound(input_tokens=IMAGE_TOKENS, likely_tokens=1, output_tokens=10, images=1, compactions=1)
    quotes, prices = Quotes(), _prices(1_000_000)
    dear = quotes.of(Sold("here", "gpt-4o-mini-2024"), AT_US, prices, _unsaid)
    assert dear.read(bound) == 2 * DEAR_IMAGE_TOKENS
    plain = quotes.of(SOLD, AT_US, prices, _unsaid)
    assert (plain.read(bound), plain.wrote(bound)) == (2 * IMAGE_TOKENS, 10 + USUAL_OUTPUT)


def test_a_price_that_changes_within_the_hour_is_not_that_of_the_first_call() -> None:
    """Off-peak prices begin at half past: what was quoted at five past is not given at a quarter to."""
    sold, prices, quotes = Sold("x", "deepseek-reasoner", seller="deepseek"), Prices(), Quotes()
    early = int(datetime(2026, 11, 21, 0, 5, tzinfo=UTC).timestamp()) * 1_000_000
    later = early + 40 * MINUTE_US
    fresh = Prices()
    for at in (early, later):
        quote = quotes.of(sold, at, prices, _unsaid)
        assert (quote.price, quote.ceiling) == (fresh.of(sold, at), fresh.ceiling(sold, at))
    assert fresh.of(sold, early) != fresh.of(sold, later)


def test_another_day_is_another_price() -> None:
    """What is dated holds from its minute on: the quote of the minute before is not given."""
    quotes, prices = Quotes(), _prices(1_000_000)
    today = quotes.of(SOLD, AT_US, prices, _unsaid).price
    tomorrow = quotes.of(SOLD, AT_US + 24 * 60 * MINUTE_US, prices, _unsaid).price
    assert today is not None
    assert tomorrow is not None
    assert today.as_of < tomorrow.as_of


def test_how_long_a_model_writes_follows_whoever_says_it() -> None:
    """Another source of lengths is asked at once; who says nothing leaves the usual ones."""
    quotes, prices = Quotes(), _prices(1)
    usual = quotes.of(SOLD, AT_US, prices, _unsaid)
    assert (usual.window, usual.output) == (USUAL_WINDOW, USUAL_OUTPUT)
    short = quotes.of(SOLD, AT_US, prices, lambda _: Longest(window=1_000, output=100))
    assert (short.window, short.output) == (1_000, 100)


def test_a_model_that_nobody_sells_has_no_ceiling() -> None:
    """An unknown price is none, never nothing."""
    quote = Quotes().of(Sold("here", "nameless"), AT_US, _prices(1), _unsaid)
    assert (quote.price, quote.ceiling) == (None, None)
