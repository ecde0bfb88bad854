"""Requests and tokens a minute, for whom they are configured."""

from dataclasses import replace

from firewall.core.budget import Scope
from firewall.spend.rates import Drawn, Limit, paid, requests_of, tokens_a_minute, tokens_of
from tests.support.spending import CHEAP, DEAR, ask, bound

LIMITS = (
    Limit(Scope.TEAM, requests_per_minute=60, holders="plat*"),
    Limit(Scope.MODEL, requests_per_minute=6, tokens_per_minute=1_000),
    Limit(Scope.PROVIDER, tokens_per_minute=10, holders="there"),
    Limit(Scope.OWNER, requests_per_minute=600),
    Limit(Scope.TOKEN, requests_per_minute=60),
)


def test_requests_are_drawn_from_every_holder_that_a_limit_names() -> None:
    """The model and the provider are those that are asked first."""
    keys = [take.key for take in requests_of(LIMITS, ask(team="platform").payer, CHEAP)]
    assert keys == [
        "requests:team:platform",
        "requests:model:cheap",
        "requests:owner:prn_owner",
        "requests:token:tok_1",
    ]
    assert "requests:team:other" not in [take.key for take in requests_of(LIMITS, ask(team="other").payer, CHEAP)]


def test_what_asks_no_model_draws_from_no_model_and_no_provider() -> None:
    """A list of models is its caller's request alone: nobody else's bucket empties by it."""
    keys = [take.key for take in requests_of(LIMITS, ask(team="platform").payer, None)]
    assert keys == ["requests:team:platform", "requests:owner:prn_owner", "requests:token:tok_1"]


def test_tokens_are_drawn_by_a_likely_count_and_never_more_than_a_minute_has() -> None:
    """A request larger than the whole limit waits for a full bucket instead of being refused for ever."""
    found = tokens_of(LIMITS, (("tok_1", 500), ("owner:o", 0)), ask(DEAR, of=bound(300)))
    assert [(one.key, one.cells) for one in found] == [
        ("tokens:tok_1", 100),
        ("tokens:model:dear", 100),
        ("tokens:provider:there", 10),
    ]
    assert tokens_of((), (("tok_1", 5),), ask(of=replace(bound(), likely_tokens=0)))[0].cells == 1


def test_what_was_used_replaces_what_was_drawn() -> None:
    """More is a debt, less is given back, the same is nothing."""
    rate = tokens_a_minute(100)
    drawn = tuple(Drawn(f"k{cells}", rate, cells) for cells in (10, 50, 70))
    assert [(pay.key, pay.cells) for pay in paid(drawn, 50)] == [("k10", 40), ("k70", -20)]
    assert (rate.limit, rate.burst) == (100, 100)
