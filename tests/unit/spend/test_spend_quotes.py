"""What is looked up once an hour is what would be found anew: other prices and another hour are seen at once."""

from firewall.core.money import Price, Rate
from firewall.spend.overrides import Override
from firewall.spend.prices import HOUR_US, Prices, Sold
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


def test_another_hour_is_another_price() -> None:
    """What is dated holds from its hour on: the quote of the hour before is not given."""
    quotes, prices = Quotes(), _prices(1_000_000)
    today = quotes.of(SOLD, AT_US, prices, _unsaid).price
    tomorrow = quotes.of(SOLD, AT_US + 24 * HOUR_US, prices, _unsaid).price
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
