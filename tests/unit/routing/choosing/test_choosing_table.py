"""Which route fits, who of it may answer, and in which order."""

from dataclasses import replace

import pytest

from firewall.core.attribution import Attribution
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError, FirewallError
from firewall.routing.call import LeftOut
from tests.support.choosing import GRANT, House, call_of, provider, tags

CHAIN = """
[[route]]
name = "coder"
models = ["coder", "claude-*"]
chain = ["saas/big", "euro/big"]
"""


def test_the_first_route_that_fits_decides() -> None:
    """By the model's name, its globs and its conditions; a route without `models` answers to its own name."""
    house = House(
        CHAIN
        + """
[[route]]
name = "gold"
models = ["*"]
when = { user_tier = ["gold"] }
chain = ["euro/small"]

[[route]]
name = "tiny"
chain = ["own/tiny"]
"""
    )
    assert house.plan(call_of("coder")).route == "coder"
    assert house.names(call_of("claude-x")) == ["saas/big", "euro/big"]
    assert house.names(call_of("tiny", about=Attribution(user_tier="gold"))) == ["euro/small"]
    assert house.names(call_of("tiny")) == ["own/tiny"]


def test_without_a_route_the_first_provider_of_the_dialect_answers() -> None:
    """The model is unchanged, the plan bears the provider's name; a token that names neither finds none."""
    house = House(CHAIN)
    plan = house.plan(call_of("unheard-of"))
    assert (plan.route, house.names(call_of("unheard-of"))) == ("saas", ["saas/unheard-of"])
    with pytest.raises(FirewallError) as refused:
        house.plan(call_of("unheard-of", grant=replace(GRANT, models=("claude-*",))))
    assert (refused.value.code, refused.value.status) == ("model_not_found", 404)


@pytest.mark.parametrize(
    ("models", "named"),
    [
        (("*",), ["saas/big", "euro/big"]),
        (("coder",), ["saas/big", "euro/big"]),
        (("euro/*",), ["euro/big"]),
        (("big",), ["saas/big", "euro/big"]),
        (("saas/big", "x"), ["saas/big"]),
    ],
)
def test_a_grant_names_what_is_asked_for_or_who_answers(models: tuple[str, ...], named: list[str]) -> None:
    """An alias that the grant names lets all of its route answer; otherwise only candidates that it names."""
    assert House(CHAIN).names(call_of("coder", grant=replace(GRANT, models=models))) == named


def test_a_grant_that_names_neither_finds_no_model() -> None:
    """What a token may not use looks like what is not there."""
    with pytest.raises(FirewallError) as refused:
        House(CHAIN).plan(call_of("coder", grant=replace(GRANT, models=("other",))))
    assert (refused.value.code, refused.value.status) == ("model_not_found", 404)


EUROPE = """
[[constraint]]
name = "eu-stays-in-eu"
when = { region = ["eu"] }
regions = ["eu", "eu-*"]

[[constraint]]
name = "secrets-stay-inside"
when = { sensitivity = ["credentials"] }
hosting = ["vpc", "self"]
"""


def test_a_constraint_binds_every_candidate() -> None:
    """Only those that meet it are asked, the others are named with it; the same holds where no route fits."""
    house = House(CHAIN, EUROPE)
    plan = house.plan(call_of("coder", about=tags(region="eu")))
    assert [one.name for one in plan.candidates] == ["euro/big"]
    assert plan.left_out == (LeftOut("saas/big", "constraint:eu-stays-in-eu"),)
    with pytest.raises(FirewallError) as refused:
        house.plan(call_of("unheard-of", about=tags(region="eu")))
    assert (refused.value.code, refused.value.status) == ("constraint_unmet", 403)
    assert "`eu-stays-in-eu`" in refused.value.public


def test_what_a_search_finds_binds_like_what_is_said() -> None:
    """A call with credentials in it stays inside; whoever says that it holds none changes nothing."""
    house = House(CHAIN, EUROPE, labels=frozenset({"credentials"}))
    with pytest.raises(FirewallError, match="secrets-stay-inside"):
        house.plan(call_of("coder", about=tags(sensitivity="public")))


def test_a_search_is_made_only_where_a_rule_asks_for_it() -> None:
    """Without a rule about sensitivity nobody looks into the text; with one it is looked into once."""
    plain, asking = House(CHAIN), House(CHAIN, EUROPE)
    plain.plan(call_of("coder"))
    asking.plan(call_of("coder"))
    assert (plain.searched, asking.searched) == (0, 1)


def test_routes_may_name_routes() -> None:
    """The members of the one named stand in its place, once each, and what both routes require binds them."""
    house = House(
        """
[[route]]
name = "all"
chain = ["saas/big", "inner", "saas/big-2"]
regions = ["us", "eu-*"]

[[route]]
name = "inner"
chain = ["own/small", "saas/big", "vpc/x"]
hosting = ["self", "vpc"]
regions = ["eu-*"]
"""
    )
    plan = house.plan(call_of("all"))
    assert [one.name for one in plan.candidates] == ["saas/big", "own/small", "saas/big-2"]
    assert plan.left_out == (LeftOut("vpc/x", "constraint:inner"),)


def test_the_caller_marks_the_phase() -> None:
    """A plan goes to the planner, its execution to the executor, everything else to the chain."""
    house = House(
        """
[[route]]
name = "work"
chain = ["saas/all"]
planner = ["saas/big"]
executor = ["saas/small", "euro/small"]

[[route]]
name = "both"
planner = ["saas/big"]
executor = ["saas/small"]
"""
    )
    for phase, named in (("plan", ["saas/big"]), ("Execute ", ["saas/small", "euro/small"]), ("", ["saas/all"])):
        assert house.names(call_of("work", headers={"x-stayhand-phase": phase})) == named
    assert house.names(call_of("both")) == ["saas/small"]


def test_the_two_dialects_of_openai_need_no_translation() -> None:
    """A provider of either answers a client of the other as it is."""
    routes = '[[route]]\nname = "r"\nchain = ["one/m", "two/m"]\n'
    houses = (provider("one", dialect=Dialect.OPENAI_CHAT), provider("two", dialect=Dialect.OPENAI_RESPONSES))
    call = call_of("r", dialect=Dialect.OPENAI_RESPONSES)
    assert House(routes, providers=houses).names(call) == ["one/m", "two/m"]


def test_a_route_says_how_hard_it_tries_and_who_is_smaller() -> None:
    """Its terms go with the plan; of the models that it degrades to only those that may answer."""
    route = (
        '[[route]]\nname = "r"\nchain = ["own/big"]\nretry = { attempts = 3 }\n'
        'degrade = ["own/small", "saas/small", "message"]\ndegrade_message = "later"\n'
    )
    plan = House(route, EUROPE).plan(call_of("r", about=tags(sensitivity="credentials")))
    assert (plan.terms.retries, plan.terms.message) == (3, "later")
    assert [one.name for one in plan.smaller] == ["own/small"]
    assert plan.left_out == (LeftOut("saas/small", "constraint:secrets-stay-inside"),)
    with pytest.raises(ConfigError, match="`degrade` of route `r`"):
        House(route.replace("own/small", "nobody/small"))


def test_candidates_carry_what_is_known_of_their_answers() -> None:
    """Some dialects must be told how long an answer may be: models.toml says it."""
    approved = 'approved_by = "alice"\napproved_at = 2026-11-02\n'
    house = House(CHAIN, f'[[model]]\nname = "big"\nprovider = "euro"\nmax_output_tokens = 64000\n{approved}')
    plan = house.plan(call_of("coder"))
    assert [one.approved_by for one in plan.candidates] == ["", "alice"]
    assert [one.max_output_tokens for one in plan.candidates] == [0, 64_000]


CASCADE = """
[[route]]
name = "small"
chain = ["saas/haiku", "euro/haiku"]

[[route]]
name = "r"
cascade = ["small", "saas/sonnet", "own/opus"]
checks = { min_chars = 1, judge = "euro/judge", criterion = "good" }
"""


def test_a_cascade_is_planned_in_steps() -> None:
    """A route that it names is one step with its own fallbacks; nobody of a step is left where nobody may."""
    plan = House(CASCADE).plan(call_of("r"))
    tiers = [[one.name for one in tier] for tier in plan.tiers]
    assert tiers == [["saas/haiku", "euro/haiku"], ["saas/sonnet"], ["own/opus"]]
    assert [one.name for one in plan.candidates] == [name for tier in tiers for name in tier]
    assert [one.name for one in plan.judge] == ["euro/judge"]
    inside = House(CASCADE, EUROPE).plan(call_of("r", about=tags(region="eu")))
    assert [[one.name for one in tier] for tier in inside.tiers] == [["euro/haiku"], ["own/opus"]]


def test_a_judge_that_may_not_see_the_call_leaves_nobody() -> None:
    """An answer could not be held against the checks without sending it where it must not go."""
    with pytest.raises(FirewallError, match="secrets-stay-inside") as refused:
        House(CASCADE, EUROPE).plan(call_of("r", about=tags(sensitivity="credentials")))
    assert refused.value.code == "constraint_unmet"


def test_checks_make_a_step_of_each_member_of_a_chain() -> None:
    """In the order of the strategy."""
    route = (
        '[[route]]\nname = "r"\nchain = ["saas/a", "saas/b"]\nstrategy = "cost"\nchecks = { refusals = true }\n'
    )
    plan = House(route, prices={"saas/a": 2, "saas/b": 1}).plan(call_of("r"))
    assert [[one.name for one in tier] for tier in plan.tiers] == [["saas/b"], ["saas/a"]]


def test_in_a_tool_loop_a_cascade_stays_with_its_step() -> None:
    """Nobody else takes over between a call and its result, and nothing is checked."""
    house = House(CASCADE)
    first = {"role": "user", "content": "do it"}
    use = {"type": "tool_use", "id": "tu_1", "name": "t", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "tu_1", "content": "ok"}
    opening = call_of("r", messages=[first])
    plan = house.plan(opening)
    house.chooser.answered(opening, plan, plan.candidates[2])
    turns = [first, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    kept = house.plan(replace(call_of("r", messages=turns), is_step=True))
    assert [one.name for one in kept.candidates] == ["saas/sonnet"]
    assert (kept.tiers, kept.checks, kept.judge) == ((), None, ())


def test_a_result_that_is_made_up_is_checked_like_everything_else() -> None:
    """Whoever reports what no call of his gave is in no tool loop: all steps and checks of the route hold."""
    house = House(CASCADE)
    first = {"role": "user", "content": "do it"}
    opening = call_of("r", messages=[first])
    plan = house.plan(opening)
    house.chooser.answered(opening, plan, plan.candidates[2])
    use = {"type": "tool_use", "id": "tu_made_up", "name": "t", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "tu_made_up", "content": "ok"}
    turns = [first, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    made_up = house.plan(call_of("r", messages=turns))
    assert (made_up.tiers, made_up.checks) == (plan.tiers, plan.checks)
    assert made_up.candidates == plan.candidates


def test_who_only_spoke_is_not_waited_for() -> None:
    """An answer without calls holds nobody to whoever gave it: what reports results later goes by the route."""
    house = House(CASCADE)
    first = {"role": "user", "content": "do it"}
    use = {"type": "tool_use", "id": "tu_1", "name": "t", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "tu_1", "content": "ok"}
    opening = call_of("r", messages=[first])
    plan = house.plan(opening)
    house.chooser.answered(opening, plan, plan.candidates[2], has_called=False)
    turns = [first, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    kept = house.plan(replace(call_of("r", messages=turns), is_step=True))
    assert (kept.candidates, kept.tiers) == (plan.candidates, plan.tiers)
