"""Who is asked first: a strategy orders, it neither adds nor leaves out anybody."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.routing.call import Candidate
from firewall.routing.choosing.measures import Measures, Observed
from firewall.routing.choosing.strategies import Sight, Strategy, drawn, ordered
from tests.support.choosing import House, call_of, provider

A, B, C = (Candidate(provider(name), "m") for name in "abc")
CHAIN = [((A,), 70), ((B,), 30), ((C,), 0)]
MINUTE = 60_000_000


def sight(*, draw: float = 0.0, measures: Measures | None = None, at_us: int = 0) -> Sight:
    """Return what a strategy may look at; `a` costs 5, `b` 3, `c` nobody knows what."""
    return Sight(draw, at_us, measures or Measures(), lambda one: {"a/m": 5, "b/m": 3}.get(one.name))


def letters(found: tuple[Candidate, ...]) -> str:
    """Return the providers' names in order."""
    return "".join(one.provider.name for one in found)


@pytest.mark.parametrize(("draw", "order"), [(0.0, "abc"), (0.69, "abc"), (0.7, "bac"), (0.999, "bac")])
def test_weights_decide_who_is_first(draw: float, order: str) -> None:
    """By their share of the draws; the others follow in the chain's order, weight 0 only when others fail."""
    assert letters(ordered(Strategy.WEIGHTED, CHAIN, sight(draw=draw))) == order


def test_a_draw_for_words_is_always_the_same_and_evenly_spread() -> None:
    """A session stays with whom it fell to; of many sessions a tenth falls to a tenth of the weights."""
    assert drawn("r", "s") == drawn("r", "s") != drawn("r", "t")
    shares = Counter(int(drawn("route", str(place)) * 10) for place in range(5000))
    assert set(shares) == set(range(10))
    assert all(400 < count < 600 for count in shares.values())


def test_the_cheapest_is_first_and_an_unknown_price_last() -> None:
    """By the worst case of this call."""
    assert letters(ordered(Strategy.COST, CHAIN, sight())) == "bac"


def test_the_least_busy_is_first() -> None:
    """By the answers under way, the chain's order among equals."""
    measures = Measures()
    for name in ("a/m", "a/m", "b/m"):
        measures.began(name)
    assert letters(ordered(Strategy.LEAST_BUSY, CHAIN, sight(measures=measures))) == "cba"
    measures.ended("a/m")
    measures.ended("a/m")
    measures.ended("a/m")
    assert letters(ordered(Strategy.LEAST_BUSY, CHAIN, sight(measures=measures))) == "acb"


def test_of_two_that_are_drawn_the_quicker_is_first() -> None:
    """The power of two choices: whoever is not drawn is not first, however quick."""
    measures = Measures()
    for name, took in (("a/m", 300), ("b/m", 200), ("c/m", 100)):
        measures.observe(Observed(name, 0, took))
    firsts = {
        draw: letters(ordered(Strategy.LATENCY, CHAIN, sight(draw=draw / 6, measures=measures)))
        for draw in range(6)
    }
    assert firsts == {0: "bca", 1: "cba", 2: "bca", 3: "cba", 4: "cba", 5: "cba"}


def test_what_was_slow_once_is_tried_again() -> None:
    """A measurement loses weight with time; who has much to do counts as slower; a failure counts as slow."""
    measures = Measures()
    measures.observe(Observed("a/m", 0, 1000))
    measures.observe(Observed("b/m", 10 * MINUTE, 100))
    assert measures.first_token_us("a/m", 10 * MINUTE) < measures.first_token_us("b/m", 10 * MINUTE) == 100
    assert measures.first_token_us("c/m", 0) == 0
    measures.began("b/m")
    assert measures.load("b/m", 10 * MINUTE) == 200
    measures.observe(Observed("b/m", 10 * MINUTE, 10, is_ok=False))
    assert measures.first_token_us("b/m", 10 * MINUTE) == 200


def test_a_better_measurement_counts_by_and_by_and_a_worse_one_at_once() -> None:
    """One quick answer does not make up for a slow provider."""
    measures = Measures()
    measures.observe(Observed("a/m", 0, 1000))
    measures.observe(Observed("a/m", 0, 100))
    assert 800 < measures.first_token_us("a/m", 0) < 1000
    measures.observe(Observed("a/m", 0, 5000))
    assert measures.first_token_us("a/m", 0) == 5000


@given(
    strategy=st.sampled_from(list(Strategy)),
    draw=st.floats(0, 1, exclude_max=True),
    weights=st.lists(st.integers(0, 3), min_size=1, max_size=5),
)
def test_everybody_of_the_chain_is_asked_once(strategy: Strategy, draw: float, weights: list[int]) -> None:
    """Whatever the strategy, the draw and the weights: nobody is added, lost, or named twice."""
    chain = [((Candidate(provider(f"p{place}"), "m"),), weight) for place, weight in enumerate(weights)]
    found = ordered(strategy, chain, sight(draw=draw))
    assert sorted(one.name for one in found) == sorted(group[0].name for group, _ in chain)


def test_who_stands_in_a_chain_and_behind_it_is_asked_at_the_first_place() -> None:
    """A route that names one again, through another route, does not put off the one it prefers."""
    first, second = (Candidate(provider(name), "m") for name in ("p0", "p1"))
    chain = [((first,), 1), ((second, first), 1)]
    assert ordered(Strategy.PRIORITY, chain, sight()) == (first, second)
    house = House(NESTED)
    assert house.names(call_of("r")) == ["saas/a", "saas/b"]


NESTED = """
[[route]]
name = "r"
chain = ["saas/a", "spare"]

[[route]]
name = "spare"
chain = ["saas/b", "saas/a"]
"""
SPLIT = """
[[route]]
name = "r"
chain = ["saas/a", "saas/b"]
strategy = "weighted"
weights = [50, 50]
"""


def test_a_session_stays_with_whom_it_fell_to() -> None:
    """And so does a conversation of a client that names no session; others fall to others."""
    house = House(SPLIT)
    by_session = {name: house.names(call_of("r", session=name))[0] for name in map(str, range(40))}
    assert set(by_session.values()) == {"saas/a", "saas/b"}
    first = {"role": "user", "content": "do it"}
    more = [first, {"role": "assistant", "content": "done"}, {"role": "user", "content": "again"}]
    for name, chosen in by_session.items():
        assert house.names(call_of("r", session=name, messages=more))[0] == chosen
    begun, gone_on = (house.names(call_of("r", messages=turns)) for turns in ([first], more))
    assert begun == gone_on
    openings = ({"role": "user", "content": f"task {place}"} for place in range(40))
    assert {house.names(call_of("r", messages=[one]))[0] for one in openings} == {"saas/a", "saas/b"}


def test_without_stickiness_every_call_is_drawn_anew() -> None:
    """`sticky = false` draws a number for each call."""
    house = House(SPLIT + "sticky = false\n", draws=[0.9, 0.1])
    call = call_of("r", session="s")
    assert [house.names(call)[0] for _ in range(2)] == ["saas/b", "saas/a"]


def test_a_growing_weight_moves_nobody_back() -> None:
    """A gradual rollout: who already has the new model keeps it when its share grows."""
    few, more = (House(SPLIT.replace("[50, 50]", weights)) for weights in ("[10, 90]", "[30, 70]"))
    for place in range(200):
        call = call_of("r", session=str(place))
        if few.names(call)[0] == "saas/a":
            assert more.names(call)[0] == "saas/a"


TOOL_TURNS = [
    {"role": "user", "content": "do it"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "tu_1", "name": "t", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "tu_1", "content": "ok"}]},
]


def test_a_tool_loop_stays_with_who_called_the_tools() -> None:
    """The turn with the results goes first to the model that asked for them; a turn of a person is free again."""
    house = House('[[route]]\nname = "r"\nchain = ["saas/a", "saas/b", "own/c"]\n')
    opening = call_of("r", messages=TOOL_TURNS[:1])
    plan = house.plan(opening)
    house.chooser.answered(opening, plan, plan.candidates[1])
    assert house.names(call_of("r", messages=TOOL_TURNS)) == ["saas/b", "saas/a", "own/c"]
    assert (
        house.names(call_of("r", messages=[{"role": "user", "content": "else"}, *TOOL_TURNS[1:]]))[0] == "saas/a"
    )
    asked = [*TOOL_TURNS, {"role": "assistant", "content": "done"}, {"role": "user", "content": "more"}]
    assert house.names(call_of("r", messages=asked))[0] == "saas/a"
