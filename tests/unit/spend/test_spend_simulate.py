"""What a mix of traffic costs: sums, savings and uptimes as published, and the same at other prices."""

import tomllib
from decimal import Decimal
from importlib.resources import files

import pytest

from firewall.core.errors import ConfigError
from firewall.core.money import Price, Rate
from firewall.spend.simulate import TIERS, Mix, Task, mix_of, simulate, together

PRICES = {
    "one": Price(input=Rate(3_000_000), output=Rate(15_000_000)),
    "small": Price(input=Rate(300_000), output=Rate(1_500_000)),
    TIERS[0]: Price(input=Rate(200_000), output=Rate(1_250_000)),
    TIERS[1]: Price(input=Rate(750_000), output=Rate(4_500_000)),
    TIERS[2]: Price(input=Rate(5_000_000), output=Rate(25_000_000)),
}


def published() -> Mix:
    """Read the shipped tables."""
    return mix_of(tomllib.loads(files("firewall.demo").joinpath("published_mix.toml").read_text("utf-8")), "file")


def as_said(_task: Task) -> str:
    """Leave every task to whom the file names."""
    return ""


@pytest.mark.parametrize(
    ("place", "single", "routed", "saving"), [(0, 840_000_000, 218_400_000, 74), (1, 851_000_000, 700_800_000, 18)]
)
def test_the_published_tables_add_up(place: int, single: int, routed: int, saving: int) -> None:
    """Customer support: $840 to $218, 74 %; a SaaS product: $851 to $701, 18 %."""
    found = simulate(published().scenarios[place], PRICES.get, as_said)
    assert (found.total.single, found.total.routed, found.saving_percent) == (single, routed, saving)
    assert found.is_as_published


def test_a_million_requests_in_three_tiers_cost_a_fraction() -> None:
    """$37,500 on a frontier model, between $1,500 and $7,500 where small and middle ones do most of it."""
    scenario = published().scenarios[2]
    found = simulate(scenario, PRICES.get, as_said)
    assert scenario.single_total == 37_500_000_000
    assert found.is_as_published
    for one in found.tasks:
        assert one.routed_today is not None
        assert 1_500_000_000 <= one.routed_today <= 7_500_000_000
        assert one.single_today is not None
        assert abs(one.single_today - 37_500_000_000) < 100_000_000


def test_two_providers_together_are_up_when_one_of_them_is() -> None:
    """99.7 % and 99.8 % are 99.9994 % if their failures have nothing in common."""
    mix = published()
    assert together(mix.uptime) == Decimal("0.999994") == mix.combined
    assert together({"a": Decimal("0.5"), "b": Decimal("0.5"), "c": Decimal(0)}) == Decimal("0.75")


def scenario(**changes: object) -> dict[str, object]:
    """Build a scenario of one task."""
    row = {
        "task": "t",
        "calls": 10,
        "single": 0.084,
        "single_model": "one",
        "routed": 0.01,
        "routed_model": "small",
    }
    return {"scenario": [{"name": "s", "calls": 10, "rows": [row | changes]}]}


def test_today_s_prices_take_the_tokens_that_the_file_says_or_implies() -> None:
    """$0.0084 a call at three and fifteen dollars is eight hundred tokens in and four hundred out."""
    implied = simulate(mix_of(scenario(), "f").scenarios[0], PRICES.get, as_said).tasks[0]
    assert (implied.single_today, implied.routed_today) == (84_000, 8_400)
    said = simulate(mix_of(scenario(input_tokens=1_000, output_tokens=0), "f").scenarios[0], PRICES.get, as_said)
    assert (said.total.single_today, said.total.routed_today) == (30_000, 3_000)
    chosen = simulate(mix_of(scenario(), "f").scenarios[0], PRICES.get, lambda _: "one").tasks[0]
    assert (chosen.routed_model, chosen.routed_today) == ("one", 84_000)


def test_an_unknown_price_is_no_number() -> None:
    """What nobody knows makes no total."""
    found = simulate(mix_of(scenario(routed_model="nameless"), "f").scenarios[0], PRICES.get, as_said)
    assert (found.tasks[0].routed_today, found.total.routed_today, found.saving_today_percent) == (
        None,
        None,
        None,
    )
    unknown = simulate(mix_of(scenario(single_model="nameless"), "f").scenarios[0], PRICES.get, as_said)
    assert unknown.total.single_today is None


@pytest.mark.parametrize("stated", [{"single_total": 2.0}, {"routed_total": 2.0}, {"saving_percent": 1}])
def test_tables_that_do_not_add_up_are_found(stated: dict[str, object]) -> None:
    """A total that the rows do not make, to the dollar, is not as published."""
    table = scenario()
    table["scenario"][0] |= stated  # type: ignore[index]  # a list of tables
    assert not simulate(mix_of(table, "f").scenarios[0], PRICES.get, as_said).is_as_published


@pytest.mark.parametrize(
    "table",
    [
        {"scenario": {}},
        {"scenario": [7]},
        {"scenario": [{"calls": -1}]},
        {"scenario": [{"calls": 1.5}]},
        {"scenario": [{"rows": [{"single": "much"}]}]},
        {"scenario": [{"rows": [{"single": -1}]}]},
        {"scenario": [{"rows": {}}]},
        {"uptime": {"a": 1.5}},
        {"uptime": 7},
        {"prices_published": {"m": float("nan")}},
    ],
)
def test_what_is_no_mix_is_refused(table: dict[str, object]) -> None:
    """With the file and the key."""
    with pytest.raises(ConfigError):
        mix_of(table, "file.toml")
