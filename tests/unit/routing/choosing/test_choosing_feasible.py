"""A candidate must be able to answer, be approved, be known not to cost too much, and be one for such data."""

from dataclasses import replace

import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.routing.call import Candidate, LeftOut, ModelCall
from firewall.routing.choosing.facts import Facts
from firewall.routing.choosing.feasible import Bench, Why, misfit, nobody
from firewall.routing.choosing.known import Models
from tests.support.choosing import GRANT, House, call_of, provider, tags

ROUTE = '[[route]]\nname = "r"\nchain = ["saas/small", "saas/big"]\n'
TOOL = {"name": "t", "input_schema": {"type": "object"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4000}}


def model(text: str, name: str = "small") -> str:
    """Return a table about one model."""
    return f'[[model]]\nname = "{name}"\n{text}\n'


@pytest.mark.parametrize(
    ("said", "body", "why"),
    [
        ("context_window = 1000", {"messages": [{"role": "user", "content": "word " * 2000}]}, "context_window"),
        ("context_window = 1000", {"max_tokens": 2000}, "context_window"),
        ("max_output_tokens = 99", {}, "max_output_tokens"),
        ('capabilities = ["images"]', {"tools": [TOOL]}, "tools"),
        ('capabilities = ["tools"]', {"messages": [{"role": "user", "content": [IMAGE]}]}, "images"),
        ("context_window = 3000", {"messages": [{"role": "user", "content": [IMAGE]}]}, ""),
        ('context_window = 1000\ncapabilities = ["tools"]', {"tools": [TOOL]}, ""),
    ],
)
def test_who_cannot_answer_is_left_out(said: str, body: dict[str, object], why: str) -> None:
    """By window, bound, tools and pictures; what nobody says of a model leaves it in, and a picture is no text."""
    plan = House(ROUTE, model(said)).plan(call_of("r", **body))
    left = (LeftOut("saas/small", why),) if why else ()
    assert (plan.left_out, plan.candidates[-1].name) == (left, "saas/big")


def test_the_first_table_that_says_a_thing_decides_it() -> None:
    """Of several tables about one model each field comes from the first that has it."""
    text = model("context_window = 100000", "sm*") + model("context_window = 1\nmax_output_tokens = 5")
    plan = House(ROUTE, text).plan(call_of("r", max_tokens=5))
    assert plan.left_out == ()
    assert House(ROUTE, text).plan(call_of("r", max_tokens=6)).left_out[0].why == "max_output_tokens"


def test_an_estimate_alone_refuses_nobody_who_could_fit() -> None:
    """The input's size is an estimate: with nobody else left, only what surely is too large is refused."""
    text = model("context_window = 1000") + model("context_window = 1000", "big")
    near, far = "word " * 900, "word " * 3000
    house = House(ROUTE, text)
    assert house.names(call_of("r", messages=[{"role": "user", "content": near}])) == ["saas/small", "saas/big"]
    with pytest.raises(FirewallError) as refused:
        house.plan(call_of("r", messages=[{"role": "user", "content": far}]))
    assert (refused.value.code, refused.value.status) == ("context_window_exceeded", 400)


def test_an_unknown_price_is_refused_where_spending_is_limited() -> None:
    """With a cap on the token only who has a price answers; without one everybody may."""
    house = House(ROUTE, prices={"saas/big": 3})
    capped = replace(GRANT, money_cap_micros=1_000_000)
    assert house.names(call_of("r")) == ["saas/small", "saas/big"]
    assert house.names(call_of("r", grant=capped)) == ["saas/big"]
    with pytest.raises(FirewallError) as refused:
        House(ROUTE).plan(call_of("r", grant=capped))
    assert (refused.value.code, refused.value.status) == ("price_unknown", 403)


def test_a_route_may_limit_what_one_call_costs() -> None:
    """By the worst case: all that is read and all that may be written; an unknown price is too high."""
    route = ROUTE + "max_micros = 1000\n"
    house = House(route, prices={"saas/small": 5, "saas/big": 50})
    assert house.names(call_of("r")) == ["saas/small"]
    with pytest.raises(FirewallError) as refused:
        house.plan(call_of("r", max_tokens=900))
    assert refused.value.code == "price_too_high"
    assert House(route, prices={"saas/big": 1}).plan(call_of("r")).left_out == (LeftOut("saas/small", "unpriced"),)


def test_only_approved_models_answer_where_that_is_required() -> None:
    """`require_approved` leaves out every model that nobody has put a name to, on and off the routes."""
    approved = 'approved_by = "alice"\napproved_at = 2026-11-02'
    house = House(ROUTE, "require_approved = true\n" + model(approved))
    assert house.names(call_of("r")) == ["saas/small"]
    assert house.names(call_of("small")) == ["saas/small"]
    with pytest.raises(FirewallError) as refused:
        house.plan(call_of("big"))
    assert (refused.value.code, refused.value.status) == ("model_unapproved", 403)


@pytest.mark.parametrize(
    ("classes", "labels", "fits"),
    [
        ('["personal"]', {"personal", "personal:iban"}, True),
        ('["personal"]', {"credentials"}, False),
        ('["personal:email"]', {"personal:iban"}, False),
        ("[]", {"internal"}, False),
        ("[]", set(), True),
        ('["*"]', {"internal", "credentials"}, True),
    ],
)
def test_a_model_sees_only_data_that_it_is_for(classes: str, labels: set[str], fits: bool) -> None:  # noqa: FBT001 - a row
    """Every label of the call must be among the model's classes, itself or the kind that it belongs to."""
    house = House(ROUTE, model(f"data_classes = {classes}"), labels=frozenset(labels))
    assert ("saas/small" in house.names(call_of("r"))) is fits


def test_data_of_a_kind_that_no_model_is_for_is_refused() -> None:
    """With the code that says so."""
    text = model("data_classes = []") + model("data_classes = []", "big")
    with pytest.raises(FirewallError) as refused:
        House(ROUTE, text).plan(call_of("r", about=tags(sensitivity="internal")))
    assert (refused.value.code, refused.value.status) == ("data_class_unmet", 403)


def test_who_cannot_be_asked_in_the_callers_dialect_is_left_out() -> None:
    """Nobody translates between the two: the candidate is none, and the refusal says so."""
    facts = Facts("gemini-x")
    bench = Bench(
        facts=facts,
        grant=GRANT,
        dialect=Dialect.ANTHROPIC,
        models=Models(),
        binding=(),
        quote=lambda _: None,
        is_capped=False,
        speaks=lambda client, there: client is there,
    )
    why = misfit(Candidate(provider("g", dialect=Dialect.GEMINI), "m"), bench)
    assert why == Why.DIALECT
    refused = nobody("r", "m", [LeftOut("g/m", why)])
    assert (refused.code, refused.status) == ("untranslatable", 400)


KEPT = '[[route]]\nname = "r"\nmodels = ["*"]\nchain = ["euro/m", "saas/m", "own/m"]\n'


def kept_by(*issuers: str) -> ModelCall:
    """Return a call that refers to what these providers keep."""
    return replace(call_of("r"), issuers=frozenset(issuers))


def test_what_a_provider_keeps_is_asked_of_that_provider_alone() -> None:
    """Wherever it stands in the chain; the others are left out, so nobody falls over to them either."""
    plan = House(KEPT).plan(kept_by("saas"))
    assert [one.name for one in plan.candidates] == ["saas/m"]
    assert plan.left_out == (LeftOut("euro/m", "reference"), LeftOut("own/m", "reference"))
    assert House(KEPT).names(call_of("r")) == ["euro/m", "saas/m", "own/m"]


@pytest.mark.parametrize("issuers", [("gone",), ("saas", "euro")])
def test_what_nobody_here_keeps_is_refused(issuers: tuple[str, ...]) -> None:
    """Its provider is in no chain any more, or there are two: a clear 400 before anything is sent."""
    with pytest.raises(FirewallError) as refused:
        House(KEPT).plan(kept_by(*issuers))
    assert (refused.value.code, refused.value.status) == ("reference_elsewhere", 400)


def test_without_a_route_the_keeper_must_be_the_one_who_answers() -> None:
    """The first provider of the dialect answers what no route fits, or nobody does."""
    assert House().names(kept_by("saas")) == ["saas/r"]
    with pytest.raises(FirewallError) as refused:
        House().plan(kept_by("own"))
    assert refused.value.code == "reference_elsewhere"


def test_what_stands_in_the_keepers_way_is_what_is_told() -> None:
    """That others do not keep it is no news then."""
    text = '[[constraint]]\nname = "vpc-only"\nhosting = ["vpc"]\n'
    with pytest.raises(FirewallError) as refused:
        House(KEPT, text).plan(kept_by("saas"))
    assert refused.value.code == "constraint_unmet"


def test_a_judge_keeps_nothing() -> None:
    """Who is only shown an answer needs not be who keeps the conversation."""
    routes = '[[route]]\nname = "r"\nchain = ["saas/m"]\nchecks = { judge = "euro/judge", criterion = "polite" }\n'
    plan = House(routes).plan(kept_by("saas"))
    assert ([one.name for one in plan.candidates], [one.name for one in plan.judge]) == (
        ["saas/m"],
        ["euro/judge"],
    )
