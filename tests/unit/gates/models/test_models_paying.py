"""Admission with money: what a call of a chain holds, whom its money reaches for, and what attempts are owed."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.codecs.interface import Usage
from firewall.core.budget import Budget, Scope, Window
from firewall.core.dialect import Dialect
from firewall.core.errors import LimitError
from firewall.core.spending import State
from firewall.core.work import Unmet
from firewall.gates.models.clients import client_of
from firewall.gates.models.errors import PATIENCE_S, error_answer
from firewall.gates.models.paying import again_of, cost_header, full, heard, sold_of, unheard
from firewall.routing.call import Attempt, Grading, Heard, Plan, Surface
from firewall.spend.estimate import MOST_ASIDE_READ, MOST_ASIDE_WROTE
from firewall.spend.rates import Limit
from firewall.spend.service import PriceUnknownError
from tests.support.spending import purse
from tests.support.tills import CHEAP, DEAR, PLAN, SAID, answer, call, candidate, requester, till

COUNTED = Usage(input_tokens=40, output_tokens=10, is_reported=True)


async def test_a_route_moves_to_its_cheaper_model_when_money_is_short(tmp_path: Path) -> None:
    """What is left does not reach for the dear one: the cheap one answers, and the plan says so."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=10_000))
        meter, plan = await paying.enter(call(), PLAN, requester(), SAID)
        assert [one.name for one in plan.candidates] == ["here/cheap"]
        assert meter.opened.reserved_micros == 1_124 + 100
        assert found.kinds() == ["model.requested"]


async def test_whoever_judges_or_grades_is_held_for_as_often_as_it_may_be_asked(tmp_path: Path) -> None:
    """A question of ours is longer than the call may be, and comes once for each step: all of it is held."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=10**9))
        plain, _ = await paying.enter(call(), Plan("coder", (CHEAP,)), requester(), SAID)
        steps = Plan("coder", (CHEAP,), tiers=((CHEAP,), (CHEAP,)), judge=(CHEAP,))
        judged, _ = await paying.enter(call(), steps, requester(), SAID)
        graded = Plan("coder", (CHEAP,), grading=Grading(CHEAP, ((0, (CHEAP,)),), (0.5,)))
        asked, _ = await paying.enter(call(), graded, requester(), SAID)
        one = MOST_ASIDE_READ + 2 * MOST_ASIDE_WROTE
        held = [each.opened.reserved_micros for each in (plain, judged, asked)]
        assert held == [held[0], held[0] + 2 * one, held[0] + one]


async def test_a_model_that_a_tool_names_is_held_for(tmp_path: Path) -> None:
    """An advisor is asked by the provider and paid like a candidate: without its price a cap refuses the call."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=10**9))
        made = replace(call(), request=replace(call().request, beside=("cheap-adviser",)))
        with pytest.raises(PriceUnknownError, match="here/cheap-adviser"):
            await paying.enter(made, Plan("coder", (CHEAP,)), requester(), SAID)
        both = replace(made, request=replace(made.request, beside=("cheap",)))
        meter, _ = await paying.enter(both, Plan("coder", (candidate("here", "cheap"),)), requester(), SAID)
        assert [one.sold.model for one in meter.opened.offers] == ["cheap"]


async def test_money_is_asked_for_before_a_repetition(tmp_path: Path) -> None:
    """Where something is held, a candidate that may charge twice is held for twice; elsewhere nobody is asked."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=3_000))
        meter, _ = await paying.enter(call(), Plan("coder", (CHEAP,)), requester(), SAID)
        pays = again_of(meter)
        assert pays is not None
        assert [await pays(CHEAP), await pays(CHEAP)] == [True, False]
        free, _ = till(found)
        unheld, _ = await free.enter(call(), Plan("coder", (CHEAP,)), requester(), SAID)
        assert again_of(unheld) is None


async def test_a_judge_is_never_what_money_leaves_out(tmp_path: Path) -> None:
    """Without it no answer could pass: one that answers as well is not the one to go, however dear."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=10_000))
        steps = Plan("coder", (CHEAP, DEAR), tiers=((CHEAP,), (DEAR,)), judge=(DEAR,))
        with pytest.raises(LimitError):
            await paying.enter(call(), steps, requester(), SAID)


async def test_money_for_all_keeps_the_whole_chain(tmp_path: Path) -> None:
    """With enough of it nobody is left out."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.ROUTE, Window.DAY, hard_micros=10**9))
        _, plan = await paying.enter(call(), PLAN, requester(), SAID)
        assert plan is PLAN


@pytest.mark.parametrize(
    ("caps", "limits", "code", "kind"),
    [
        ({"money": 100}, (), "budget_exhausted", "money"),
        ({"requests": 1}, (), "rate_limited", "requests"),
        ({"tokens": 30}, (), "rate_limited", "tokens"),
        ({}, (Limit(Scope.MODEL, requests_per_minute=1),), "rate_limited", "requests"),
    ],
)
async def test_every_refusal_is_an_entry_and_holds_nothing(
    tmp_path: Path, caps: dict[str, int], limits: tuple[Limit, ...], code: str, kind: str
) -> None:
    """429 with a code and a time to come back; the log says which limit it was."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, limits=limits)
        if "money" not in caps:
            await paying.enter(call(), PLAN, requester(**caps), SAID)
        with pytest.raises(LimitError) as caught:
            await paying.enter(call(), PLAN, requester(**caps), SAID)
        assert (caught.value.code, caught.value.retry_after_s > 0) == (code, True)
        assert found.kinds()[-1] == "limit.hit"
        body = found.installation.reader.execute("SELECT body FROM audit_entries ORDER BY seq DESC").fetchone()[0]
        assert f'"limit":"{kind}"'.encode() in body
        assert sum(held for _, held in found.accounts().values()) == 0


async def test_attempts_that_may_cost_are_owed_with_the_answer(tmp_path: Path) -> None:
    """One that broke off is estimated, one that was counted is exact, one that was refused costs nothing."""
    async with purse(tmp_path) as found:
        paying, lines = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter, _ = await paying.enter(call(), PLAN, requester(), SAID)
        tried = (
            Attempt(DEAR, "rate_limited", 429),
            Attempt(DEAR, "validation", 200, usage=COUNTED),
            Attempt(CHEAP, "ok", 200),
        )
        heard(meter, answer(Heard(CHEAP, "coder", attempts=3, tried=tried)))
        assert cost_header(meter, COUNTED) == [(b"x-stayhand-cost-micros", b"60")]
        assert cost_header(meter, Usage()) == []
        paying.settle(meter, COUNTED, "model.answered", {"request": meter.entry}, principal="olga/a")
        assert (lines[0].state, lines[0].cost_micros, lines[0].attempts) == (State.EXACT, 960, 3)

        broken, _ = await paying.enter(call(), PLAN, requester(), SAID)
        failed = (Attempt(DEAR, "timeout", may_cost=True),)
        unheard(broken, failed)
        assert cost_header(broken, COUNTED) == []
        paying.settle(broken, Usage(), "model.answered", {"request": broken.entry})
        assert lines[1].state is State.ESTIMATED
        assert (lines[1].cost_micros or 0) > 0


async def test_what_failed_after_an_error_that_is_passed_on_is_owed(tmp_path: Path) -> None:
    """The first provider's error is what the client is told; the second one was silent, and may charge."""
    async with purse(tmp_path) as found:
        paying, lines = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter, _ = await paying.enter(call(), PLAN, requester(), SAID)
        tried = (Attempt(CHEAP, "server_error", 500), Attempt(DEAR, "timeout", may_cost=True))
        heard(meter, answer(Heard(CHEAP, "coder", attempts=2, tried=tried), status=500))
        paying.settle(meter, Usage(), "model.answered", {})
        assert (lines[0].state, lines[0].attempts) == (State.ESTIMATED, 2)
        assert (lines[0].cost_micros or 0) >= 50 * 50


async def test_an_answer_that_came_second_in_a_race_is_owed(tmp_path: Path) -> None:
    """Both of a hedge answered in the same moment: one is given, both were made."""
    async with purse(tmp_path) as found:
        paying, lines = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter, _ = await paying.enter(call(), PLAN, requester(), SAID)
        tried = (Attempt(DEAR, "ok", 200), Attempt(CHEAP, "ok", 200))
        heard(meter, answer(Heard(CHEAP, "coder", attempts=2, tried=tried)))
        paying.settle(meter, COUNTED, "model.answered", {})
        assert lines[0].state is State.ESTIMATED
        assert (lines[0].cost_micros or 0) > 60


async def test_what_the_cache_answers_costs_nothing(tmp_path: Path) -> None:
    """Nobody was asked."""
    async with purse(tmp_path) as found:
        paying, lines = till(found)
        meter, _ = await paying.enter(call(), PLAN, requester(), SAID)
        heard(meter, answer(Heard(DEAR, "coder", cache="hit")))
        paying.settle(meter, COUNTED, "model.answered", {})
        assert (lines[0].state, lines[0].cost_micros) == (State.UNASKED, 0)


async def test_an_embedding_writes_nothing(tmp_path: Path) -> None:
    """Only its input is held."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter, _ = await paying.enter(call(Surface.EMBED), Plan("r", (CHEAP,)), requester(), SAID)
        assert meter.opened.reserved_micros == 1_124
        assert sold_of(CHEAP).model == "cheap"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("requests:tok_1", "too many requests for this token"),
        ("tokens:tok_1", "too many tokens of models a minute for this token"),
        ("tokens:team:a", "too many tokens of models a minute for this team"),
        ("requests:provider:openai", "too many requests for this provider"),
        ("requests:owner:olga", "too many requests for this owner"),
    ],
)
def test_a_full_bucket_says_whose_and_of_what(key: str, words: str) -> None:
    """And names nobody."""
    assert full(Unmet(0, "full", retry_after_us=1, found=key)).public == words


def test_a_budget_that_is_used_up_for_hours_is_not_asked_again_and_again() -> None:
    """Clients that heed it stop; a short wait is worth a repetition."""
    client = client_of({})
    for wait_s, is_final in ((5, False), (PATIENCE_S + 1, True)):
        error = LimitError("x", retry_after_s=wait_s, code="budget_exhausted")
        _, headers, _ = error_answer(error, Dialect.ANTHROPIC, client)
        assert ((b"x-should-retry", b"false") in headers) is is_final
