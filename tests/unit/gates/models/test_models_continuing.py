"""Whom a request goes to that tells a model of refusals."""

from firewall.gates.models.continuing import narrowed
from firewall.routing.call import Candidate, Grading, Heard, Plan
from firewall.routing.checks import Checks
from tests.support.choosing import provider

SMALL, LARGE, JUDGE = (Candidate(provider("saas"), name) for name in ("small", "large", "judge"))
TIERS = ((SMALL,), (LARGE,))
PLAN = Plan(
    "steps",
    (SMALL, LARGE),
    smaller=(SMALL,),
    tiers=TIERS,
    checks=Checks(min_chars=1),
    judge=(JUDGE,),
    grading=Grading(JUDGE, ((0, (SMALL,)), (1, (LARGE,))), (0.5,)),
    mask=frozenset({"credentials"}),
)


def test_only_who_answered_is_asked_again() -> None:
    """No step, judge or grader beside: they would be asked without money being held for them."""
    found = narrowed(PLAN, Heard(LARGE, "steps"))
    assert (found.candidates, found.smaller, found.tiers) == ((LARGE,), (), ())
    assert (found.asked, found.grading, found.checks) == ((), None, None)
    assert (found.route, found.mask) == (PLAN.route, PLAN.mask)


def test_before_anybody_answered_the_plan_stays() -> None:
    """Nobody is known who could be asked instead."""
    assert narrowed(PLAN, None) is PLAN
