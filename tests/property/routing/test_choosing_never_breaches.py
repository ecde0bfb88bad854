"""Whatever the routes, the strategy and the call: nobody is asked who may not be, first or as a fallback."""

from dataclasses import replace
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.errors import FirewallError
from firewall.core.grant import any_matches
from firewall.routing.call import Candidate, ModelCall
from tests.support.choosing import GRANT, House, call_of, tags

MODELS: Final = """
require_approved = true

[[model]]
name = "good*"
approved_by = "alice"
approved_at = 2026-11-02

[[model]]
name = "good-open"
data_classes = ["internal"]

[[constraint]]
name = "inside"
when = { sensitivity = ["credentials", "personal"] }
hosting = ["vpc", "self"]

[[constraint]]
name = "europe"
when = { region = ["eu"] }
regions = ["eu-*"]
"""
WHO, WHAT = ("saas", "euro", "own", "vpc"), ("good", "good-open", "bad")
MEMBERS = [f"{house}/{model}" for house in WHO for model in WHAT]
STRATEGIES = ["priority", "latency", "cost", "least_busy"]
chains = st.lists(st.sampled_from([*MEMBERS, "inner"]), min_size=1, max_size=6, unique=True)


def listed(words: list[str]) -> str:
    """Write a list of TOML."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def planned(house: House, call: ModelCall) -> tuple[tuple[Candidate, ...], str]:
    """Return everybody who may be asked, or nobody and the code of the refusal."""
    try:
        plan = house.plan(call)
    except FirewallError as refused:
        return (), refused.code
    assert {one for tier in plan.tiers for one in tier} <= set(plan.candidates)
    return (*plan.candidates, *plan.smaller, *plan.asked), ""


@settings(max_examples=60)
@given(
    outer=chains,
    inner=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=4, unique=True),
    strategy=st.sampled_from(STRATEGIES),
    aside=st.sampled_from(["", *MEMBERS]),
    smaller=st.lists(st.sampled_from(MEMBERS), max_size=2, unique=True),
    region=st.sampled_from(["", "eu", "us", "us, eu"]),
    labels=st.sets(st.sampled_from(["credentials", "personal", "internal"])),
    models=st.sampled_from([("*",), ("r",), ("saas/*", "own/good"), ("bad",)]),
    asked=st.sampled_from(["r", "good", "bad"]),
)
def test_no_plan_has_a_candidate_that_breaches(
    outer: list[str],
    inner: list[str],
    strategy: str,
    aside: str,
    smaller: list[str],
    region: str,
    labels: set[str],
    models: tuple[str, ...],
    asked: str,
) -> None:
    """Every candidate keeps to hosting, region, approval, data classes and the grant, or nobody is asked."""
    routes = (
        f'[[route]]\nname = "r"\nchain = {listed(outer)}\nstrategy = "{strategy}"\n'
        f"degrade = {listed(smaller)}\n"
        + (f'checks = {{ judge = "{aside}", criterion = "good" }}\n' if aside else "")
        + f'[[route]]\nname = "inner"\nchain = {listed(inner)}\n'
    )
    house = House(routes, MODELS, labels=frozenset(labels))
    grant = replace(GRANT, models=models)
    plan, code = planned(house, call_of(asked, grant=grant, about=tags(region=region)))
    assert code in ("", "constraint_unmet", "data_class_unmet", "model_unapproved", "model_not_found")
    assert bool(plan) == (not code)
    for one in plan:
        assert one.model.startswith("good")
        assert asked in models or models == ("*",) or any_matches(models, one.name) or one.model in models
        _holds(one, "eu" in region, labels)


def _holds(one: Candidate, stays: bool, labels: set[str]) -> None:  # noqa: FBT001 - a claim about the call
    assert not stays or one.provider.region.startswith("eu-")
    assert not labels & {"credentials", "personal"} or one.provider.hosting in ("vpc", "self")
    assert one.model != "good-open" or labels <= {"internal"}
