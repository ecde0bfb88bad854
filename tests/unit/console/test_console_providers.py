"""How providers fare, in words: the worst of circuits, shares of requests, and what there is room for."""

from dataclasses import replace

import pytest

from firewall.console.routes.faring import Faring
from firewall.console.routes.providers import MOST_MODELS, Health, ModelSeen, ProviderSeen
from firewall.core.breaker import State
from firewall.routing.choosing.measures import Measures, Observed
from firewall.routing.choosing.tally import Fared
from firewall.routing.trying.circuits import Circuit, Standing
from tests.support.approving import StillClock
from tests.support.choosing import HOUSES

WELL = ModelSeen("m", fared=Fared(99, 1, 0))
AWAY = ModelSeen("x", State.OPEN, 30, fared=Fared(1, 9, 0))


@pytest.mark.parametrize(
    ("models", "health"),
    [
        ((), Health.QUIET),
        ((ModelSeen("m"),), Health.QUIET),
        ((WELL,), Health.WELL),
        ((WELL, AWAY), Health.PARTLY),
        ((AWAY, ModelSeen("named-only")), Health.AWAY),
        ((AWAY, replace(AWAY, name="y", state=State.HALF_OPEN)), Health.AWAY),
        ((ModelSeen("m", fared=Fared(8, 2, 0)),), Health.FAILING),
    ],
)
def test_health_is_told_by_circuits_first_and_failures_then(models: tuple[ModelSeen, ...], health: Health) -> None:
    """One word for a provider: of its models that were asked, whether some or all are left alone."""
    assert ProviderSeen("p", "anthropic", "saas", "", models).health is health


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ModelSeen("m", State.OPEN, 30), "left alone for 30 s"),
        (ModelSeen("m", State.OPEN, 121), "left alone for 3 min"),
        (ModelSeen("m", State.OPEN, 30, keys=3, shut=1), "left alone for 30 s (1 of 3 keys)"),
        (ModelSeen("m", State.HALF_OPEN), "to be tried again"),
        (ModelSeen("m", State.HALF_OPEN, is_probing=True), "being tried"),
        (WELL, "in use"),
        (ModelSeen("m"), "not asked"),
    ],
)
def test_a_circuit_is_said_in_words(model: ModelSeen, words: str) -> None:
    """What happens to the next call."""
    assert model.circuit == words


def test_shares_are_rounded_up() -> None:
    """One failure in a thousand is not none, and none is none."""
    assert ModelSeen("m", fared=Fared(999, 1, 0)).failed_percent == 1
    assert ModelSeen("m", fared=Fared(1000, 0, 5)).stood_in_percent == 1
    assert ModelSeen("m").failed_percent == ModelSeen("m").stood_in_percent == 0


def test_those_in_trouble_are_shown_first_and_many_are_counted() -> None:
    """A page stays a page, whatever names callers made up."""
    many = tuple(ModelSeen(f"m-{number:04}", fared=Fared(number, 0, 0)) for number in range(500))
    seen = ProviderSeen("p", "anthropic", "saas", "", (*many, AWAY))
    assert [one.name for one in seen.shown[:2]] == ["x", "m-0499"]
    assert (len(seen.shown), seen.more) == (MOST_MODELS, 501 - MOST_MODELS)


def test_what_is_known_is_put_together() -> None:
    """Models of routes, those asked lately and those left alone, each with the worst of its circuits."""
    clock, measures = StillClock(), Measures()
    now_us = clock.now_us()
    measures.observe(Observed("saas/asked", now_us, 250_000))
    measures.stood_in("saas/asked", now_us)
    measures.began("saas/asked")
    standing = [
        Standing(Circuit("saas", "asked", "k1"), State.CLOSED, 0.0),
        Standing(Circuit("saas", "asked", "k2"), State.OPEN, 12.5),
        Standing(Circuit("saas", "old-and-closed", "k1"), State.CLOSED, 0.0),
        Standing(Circuit("euro", "away", "k1"), State.HALF_OPEN, 0.0, is_probing=True),
    ]
    desk = Faring(
        providers=HOUSES,
        names=lambda: {"saas/named", "own/named"},
        standing=lambda: standing,
        measures=measures,
        clock=clock,
        shared=lambda: "shared, 1 told of",
    )
    found = desk.look()
    saas, euro, own = (
        next(one for one in found.providers if one.name == name) for name in ("saas", "euro", "own")
    )
    assert saas.models == (
        ModelSeen("asked", State.OPEN, 13, keys=2, shut=1, fared=Fared(1, 0, 1), first_ms=250, busy=1),
        ModelSeen("named", keys=0),
    )
    assert euro.models == (ModelSeen("away", State.HALF_OPEN, 1, is_probing=True, keys=1, shut=1),)
    assert [one.name for one in own.models] == ["named"]
    assert (list(found.troubled), found.shared) == (["saas", "euro"], "shared, 1 told of")
