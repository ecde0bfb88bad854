"""Prices are what vendors publish, in whole micro-USD, and a model that nobody knows has none."""

from datetime import UTC, date, datetime

import pytest

from firewall.core.errors import ConfigError
from firewall.core.money import Price, Rate, Tier, Tokens, cost
from firewall.spend.overrides import Override, overrides_of
from firewall.spend.prices import Prices, Sold

AT = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1_000_000
URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
PRICES = Prices()


def sold(provider: str, model: str) -> Sold:
    """Name a model at its vendor."""
    return Sold(provider, model, URLS[provider])


def rate(dollars: float | None) -> int:
    """Return dollars for a million tokens as micro-USD."""
    return round((dollars or 0) * 1_000_000)


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("openai", "gpt-5", (1.25, 10, 0.125)),
        ("openai", "gpt-5-mini", (0.25, 2, 0.025)),
        ("openai", "gpt-5.1", (1.25, 10, None)),
        ("openai", "gpt-5.2", (1.75, 14, 0.175)),
        ("openai", "gpt-5.4", (2.5, 15, 0.25)),
        ("openai", "gpt-5.4-mini", (0.75, 4.5, 0.075)),
        ("openai", "gpt-5.4-nano", (0.2, 1.25, 0.02)),
        ("openai", "gpt-5.5", (5, 30, 0.5)),
        ("openai", "gpt-5.6-sol", (4, 20, 0.4)),
        ("openai", "gpt-6-sol", (2, 10, 0.2)),
        ("anthropic", "claude-sonnet-4-6", (3, 15, 0.3)),
        ("anthropic", "claude-opus-4-7", (5, 25, 0.5)),
        ("anthropic", "claude-opus-5", (5, 25, None)),
        ("anthropic", "claude-sonnet-5", (2, 10, 0.2)),
        ("anthropic", "claude-opus-5-5", (4, 20, 0.2)),
        ("anthropic", "claude-haiku-4-5", (1, 5, 0.1)),
        ("anthropic", "claude-haiku-5-5", (0.1, 0.5, None)),
        ("gemini", "gemini-2.5-pro", (1.25, 10, None)),
        ("gemini", "gemini-3.1-pro-preview", (2, 12, None)),
        ("gemini", "gemini-3-flash-preview", (0.5, 3, None)),
        ("gemini", "gemini-3.8-flash", (0.75, 3.75, None)),
    ],
)
def test_prices_are_the_published_ones(
    provider: str, model: str, dollars: tuple[float, float, float | None]
) -> None:
    """Input, output and cached input agree with the vendors' tables and a second list (November 2026)."""
    price = PRICES.of(sold(provider, model), AT)
    assert price is not None
    assert (price.input.base, price.output.base) == (rate(dollars[0]), rate(dollars[1]))
    if dollars[2] is not None:
        assert price.cache_read is not None
        assert price.cache_read.base == rate(dollars[2])


@pytest.mark.parametrize(
    ("provider", "model", "over", "dollars"),
    [
        ("openai", "gpt-5.4", 272_000, 5.0),
        ("openai", "gpt-5.5", 272_000, 10.0),
        ("anthropic", "claude-haiku-5-5", 100_000, 0.5),
        ("anthropic", "claude-sonnet-4-5", 200_000, 6.0),
        ("gemini", "gemini-2.5-pro", 200_000, 2.5),
        ("gemini", "gemini-3.1-pro-preview", 200_000, 4.0),
    ],
)
def test_long_inputs_cost_more(provider: str, model: str, over: int, dollars: float) -> None:
    """The tier begins one token after its limit and holds for all tokens of the call."""
    price = PRICES.of(sold(provider, model), AT)
    assert price is not None
    assert price.input.at(over) == price.input.base
    assert price.input.at(over + 1) == rate(dollars)
    assert cost(price, Tokens(input=over + 1)) == -(-(over + 1) * rate(dollars) // 1_000_000)


def test_caches_of_minutes_and_hours_have_their_own_prices() -> None:
    """Writing to Anthropic's cache costs a quarter more, for an hour twice as much; reading a tenth."""
    price = PRICES.of(sold("anthropic", "claude-sonnet-4-6"), AT)
    assert price is not None
    assert (price.cache_read, price.cache_write, price.cache_write_1h) == (
        Rate(300_000),
        Rate(3_750_000),
        Rate(6_000_000),
    )
    assert price.search == Rate(10_000_000)


@pytest.mark.parametrize(
    ("provider", "model", "variant", "dollars"),
    [
        ("openai", "gpt-5.4", {"processing": "batch"}, (1.25, 7.5)),
        ("openai", "gpt-5.4", {"service_tier": "flex"}, (1.25, 7.5)),
        ("openai", "gpt-5.4", {"service_tier": "priority"}, (5, 30)),
        ("openai", "gpt-5.4", {"service_tier": "nobody knows"}, (2.5, 15)),
        ("anthropic", "claude-sonnet-4-6", {"processing": "batch"}, (1.5, 7.5)),
        ("anthropic", "claude-opus-5", {"speed": "fast"}, (10, 50)),
        ("gemini", "gemini-2.5-pro", {"processing": "batch"}, (0.625, 5)),
    ],
)
def test_batch_and_service_tiers(
    provider: str, model: str, variant: dict[str, str], dollars: tuple[float, float]
) -> None:
    """Batches cost half, priority twice; a variant without a price of its own costs the standard one."""
    price = PRICES.of(sold(provider, model), AT, variant)
    assert price is not None
    assert (price.input.base, price.output.base) == (rate(dollars[0]), rate(dollars[1]))


def test_images_are_paid_as_images() -> None:
    """What is drawn and what is looked at has rates of its own where the vendor has them."""
    drawing = PRICES.of(sold("openai", "gpt-image-2"), AT)
    mixed = PRICES.of(sold("gemini", "gemini-2.5-flash-image"), AT)
    assert drawing is not None
    assert mixed is not None
    assert cost(drawing, Tokens(input=2_000, input_image=1_000, output=4_160)) == 5_000 + 8_000 + 124_800
    assert cost(mixed, Tokens(input=1_000, output=1_390, output_image=1_290)) == 300 + 250 + 38_700


def test_prices_change_on_a_day() -> None:
    """The long-input tier of one model ended in March 2026: a call from before is paid as it was then."""
    model = sold("anthropic", "claude-sonnet-4-6")
    before = PRICES.of(model, int(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp()) * 1_000_000)
    after = PRICES.of(model, int(datetime(2026, 3, 13, 12, tzinfo=UTC).timestamp()) * 1_000_000)
    assert before is not None
    assert after is not None
    assert (before.input.at(300_000), after.input.at(300_000)) == (6_000_000, 3_000_000)
    assert (before.as_of, after.as_of) == ("2026-03-12", "2026-03-13")
    assert after.source.startswith("genai-prices ")


@pytest.mark.parametrize(
    "unknown",
    [
        Sold("openai", "no-such-model", URLS["openai"]),
        Sold("vllm", "gpt-5", "http://127.0.0.1:8000/v1"),
        Sold("vllm", "gpt-5"),
        Sold("mirror", "gpt-5", URLS["openai"], seller="no such seller"),
        Sold("openai", "whisper-1", URLS["openai"]),
        Sold("openrouter", "deepseek/deepseek-chat:free", "https://openrouter.ai/api/v1"),
    ],
)
def test_what_nobody_knows_has_no_price(unknown: Sold) -> None:
    """An unknown model, a server of one's own, what is sold by the minute or for nothing: None, never nothing."""
    assert PRICES.of(unknown, AT) is None


def test_a_seller_may_be_named() -> None:
    """Behind a proxy of one's own the list's prices hold when the configuration says whose they are."""
    assert PRICES.of(Sold("mirror", "gpt-5", "http://10.0.0.1/v1", seller="openai"), AT) is not None


def table(**changes: object) -> dict[str, object]:
    """Build a table with a price."""
    plain: dict[str, object] = {
        "provider": "vllm",
        "name": "qwen*",
        "input_micros_per_million": 100_000,
        "output_micros_per_million": 400_000,
        "context_window": 32_768,
    }
    return {key: value for key, value in (plain | changes).items() if value is not None}


async def test_our_own_prices_win() -> None:
    """The first table that fits decides, with its tier; what it does not name is the list's."""
    own = overrides_of(
        [
            table(long_over_tokens=1_000, long_input_micros_per_million=900_000, request_micros=3),
            table(provider=None, name="gpt-5", cache_read_micros_per_million=1, search_micros_per_thousand=5),
            {"name": "gpt-5", "approved_by": "alice"},
        ]
    )
    prices = Prices(own)
    await prices.ready()
    assert prices.of(Sold("vllm", "qwen3-32b"), AT) == Price(
        input=Rate(100_000, (Tier(1_000, 900_000),)),
        output=Rate(400_000),
        request_micros=3,
        source="models.toml",
        as_of="2026-11-21",
    )
    cheap = prices.of(sold("openai", "gpt-5"), AT)
    assert cheap is not None
    assert (cheap.input, cheap.cache_read, cheap.search) == (Rate(100_000), Rate(1), Rate(5))
    assert prices.of(sold("openai", "gpt-5-mini"), AT) == PRICES.of(sold("openai", "gpt-5-mini"), AT)


def test_a_price_of_our_own_begins_on_its_day() -> None:
    """Before that day the list's price, or none, holds."""
    prices = Prices(overrides_of([table(prices_from=date(2026, 11, 22))]))
    assert prices.of(Sold("vllm", "qwen3-32b"), AT) is None
    later = prices.of(Sold("vllm", "qwen3-32b"), AT + 86_400_000_000)
    assert later is not None
    assert later.as_of == "2026-11-22"


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({}, "no list of tables"),
        ([7], "no table"),
        ([table(output_micros_per_million=None)], "half a price"),
        ([table(input_micros_per_million=0.1)], "whole micro-USD"),
        ([table(input_micros_per_million=-1)], "whole micro-USD"),
        ([table(input_micros_per_million=10**13)], "whole micro-USD"),
        ([table(inptu_micros_per_million=1)], "no price that calls have"),
        ([table(name="")], "names whom"),
        ([table(prices_from="today")], "is a day"),
        ([table(long_input_micros_per_million=1)], "long_over_tokens"),
    ],
)
def test_half_a_price_is_refused(tables: object, says: str) -> None:
    """What cannot be a price is refused where it is read, by table and key."""
    with pytest.raises(ConfigError, match=says):
        overrides_of(tables)


def test_no_price_of_the_list_is_read_as_less_than_it_says() -> None:
    """Every listed price of the three vendors becomes whole micro-USD without losing any of it."""
    from genai_prices import data_snapshot  # the list itself is the oracle

    now = datetime.fromtimestamp(AT / 1e6, UTC)
    seen = 0
    for provider in data_snapshot.get_snapshot().providers:
        if provider.id not in ("openai", "anthropic", "google"):
            continue
        for model in provider.models:
            listed = model.get_prices(now)
            ours = PRICES.of(Sold(provider.id, model.id, seller=provider.id), AT)
            if ours is None:
                continue
            seen += 1
            base = getattr(listed.input_mtok, "base", listed.input_mtok)
            assert ours.input.base >= base * 1_000_000 > ours.input.base - 1
    assert seen > 150


def test_the_dearest_rates_are_of_the_hour() -> None:
    """What is looked up once is looked up anew for another hour, and of an unknown model there is nothing."""
    day = datetime(2026, 11, 22, tzinfo=UTC)
    later = Price(input=Rate(9_000_000), output=Rate(9_000_000))
    rows = (
        Override("here", "m", later, starts=day.date()),
        Override("here", "m", Price(input=Rate(1_000_000), output=Rate(2_000_000))),
    )
    prices, at_us = Prices(rows), int(day.timestamp() * 1e6)
    found = [prices.ceiling(Sold("here", "m"), at) for at in (at_us - 1, at_us, at_us - 1)]
    assert [one.most(10, 10) if one else None for one in found] == [30, 180, 30]
    assert prices.ceiling(Sold("here", "unheard-of"), at_us) is None


def test_the_dearest_rates_of_one_model_are_never_those_of_another() -> None:
    """Models that are made and forgotten by the thousand each have their own rates, and equal ones the same."""
    rows = tuple(Override("here", f"m{at}", Price(input=Rate(at), output=Rate(at))) for at in range(1, 40))
    prices = Prices(rows)
    for _ in range(3):
        for at in range(1, 40):
            found = prices.ceiling(Sold("here", f"m{at}"), AT)
            assert found is not None
            assert found.most(1_000_000, 0) == at
