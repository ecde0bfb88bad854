"""A call under a cap holds its worst case before it is sent, or is refused with a code."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.budget import Account, Budget, Scope, Window
from firewall.core.money import Tokens, cost
from firewall.core.work import Committed, Unit, Unmet
from firewall.spend.charging import drawn, draws_from
from firewall.spend.prices import Prices
from firewall.spend.quotes import Longest
from firewall.spend.service import PriceUnknownError
from tests.support.approving import START_US
from tests.support.spending import CHEAP, DEAR, NAMELESS, PRICES, ask, bound, purse

TEAM = Budget(Scope.TEAM, Window.DAY, hard_micros=1_000)
MODEL = Budget(Scope.MODEL, Window.DAY, hard_micros=1_000)


async def test_the_worst_case_of_all_candidates_is_held(tmp_path: Path) -> None:
    """Whoever answers, and whoever broke off before and charges: a hundred tokens in and fifty out of each."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10_000))
        opened = await spending.open(ask(CHEAP, DEAR, team="a"))
        assert opened.reserved_micros == 100 * 10 + 50 * 50 + 200
        assert isinstance(await spending.sequencer.submit(Unit(steps=opened.steps)), Committed)
        (held,) = found.accounts().values()
        assert held == (0, 3_700)
        assert opened.facts == {"call": "cal_0", "reserved_micros": 3_700}


async def test_several_answers_hold_for_all_of_them(tmp_path: Path) -> None:
    """`n` answers are `n` times the output."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10_000))
        assert (await spending.open(ask(CHEAP, of=bound(answers=4)))).reserved_micros == 100 + 4 * 100


async def test_long_inputs_are_held_at_their_tier(tmp_path: Path) -> None:
    """A call that could reach the dearer tier holds at that rate."""
    async with purse(tmp_path) as found:
        spending = found.spending(TEAM)
        opened = await spending.open(ask(DEAR, of=bound(100_001, 0)))
        assert opened.reserved_micros == 100_001 * 20


async def test_what_is_not_said_is_as_much_as_the_model_reads_and_writes(tmp_path: Path) -> None:
    """Without a limit of its own, a call may be as long as its model's window and output."""
    async with purse(tmp_path) as found:
        spending = found.spending(TEAM)
        spending.longest = lambda _: Longest(window=1_000, output=100, own_window=1_000)
        opened = await spending.open(ask(CHEAP, of=bound(50_000, None)))
        assert opened.reserved_micros == 1_000 + 1_024 + 2 * 100
        endless = bound(0, None)
        spending.longest = lambda _: Longest()
        assert (await spending.open(ask(CHEAP, of=endless))).reserved_micros == 2 * 128_000


async def test_nothing_is_held_where_nothing_is_capped(tmp_path: Path) -> None:
    """Without budgets and caps a call costs no step, and an unknown price is no reason to refuse it."""
    async with purse(tmp_path) as found:
        opened = await found.spending().open(ask(NAMELESS))
        assert (opened.steps, opened.reserved_micros, opened.facts) == ((), 0, {"call": "cal_0"})


async def test_an_unknown_price_is_refused_under_a_cap(tmp_path: Path) -> None:
    """What nobody can reckon cannot be capped; a soft budget only watches."""
    async with purse(tmp_path) as found:
        with pytest.raises(PriceUnknownError) as caught:
            await found.spending(TEAM).open(ask(NAMELESS))
        assert (caught.value.code, caught.value.status) == ("price_unknown", 403)
        with pytest.raises(PriceUnknownError):
            await found.spending().open(ask(NAMELESS, caps=(("tok_1", 5),)))
        watched = await found.spending(Budget(Scope.TEAM, Window.DAY, soft_micros=5)).open(ask(NAMELESS))
        assert (len(watched.accounts), watched.reserved_micros) == (1, 0)


async def test_a_chain_goes_on_without_the_model_that_nobody_priced(tmp_path: Path) -> None:
    """Under a cap only priced candidates are asked; without one of those the call is refused."""
    async with purse(tmp_path) as found:
        opened = await found.spending(TEAM).open(ask(NAMELESS, CHEAP))
        assert [offer.sold for offer in opened.offers] == [CHEAP]


async def test_a_full_budget_leaves_the_cheaper_models(tmp_path: Path) -> None:
    """The dearest candidate that draws from the full account is left out; with one left the call is refused."""
    async with purse(tmp_path) as found:
        spending = found.spending(MODEL)
        opened = await spending.open(ask(DEAR, CHEAP))
        said = await spending.sequencer.submit(Unit(steps=opened.steps))
        assert isinstance(said, Unmet)
        fewer = spending.fewer(opened, said.found)
        assert fewer is not None
        assert ([offer.sold for offer in fewer.offers], fewer.reserved_micros) == ([CHEAP], 200)
        assert isinstance(await spending.sequencer.submit(Unit(steps=fewer.steps)), Committed)
        assert spending.fewer(fewer, fewer.accounts[0].key) is None
        assert spending.fewer(opened, "no such account") is None
        shared = await found.spending(TEAM).open(ask(CHEAP, DEAR))
        cheaper = spending.fewer(shared, shared.accounts[0].key)
        assert cheaper is not None
        assert [offer.sold for offer in cheaper.offers] == [CHEAP]


async def test_of_equally_dear_candidates_the_route_keeps_its_first(tmp_path: Path) -> None:
    """A budget that reaches for one of two leaves out the fallback, not whom the route puts first."""
    twin = replace(CHEAP, provider="twin")
    async with purse(tmp_path) as found:
        spending, prices = found.spending(TEAM), Prices((*PRICES, replace(PRICES[0], provider="twin")))
        spending.prices = lambda: prices
        opened = await spending.open(ask(CHEAP, twin))
        assert [offer.worst_micros for offer in opened.offers] == [200, 200]
        fewer = spending.fewer(opened, opened.accounts[0].key)
        assert fewer is not None
        assert [offer.sold for offer in fewer.offers] == [CHEAP]


@pytest.mark.parametrize(
    ("budget", "whose", "wait_s"),
    [
        (TEAM, "this team", 6 * 3600),
        (Budget(Scope.USER_TIER, Window.MONTH, hard_micros=1), "this user tier", 9 * 86_400),
    ],
)
async def test_a_refusal_says_whose_money_how_much_and_when_there_is_more(
    tmp_path: Path, budget: Budget, whose: str, wait_s: int
) -> None:
    """429 with a code, and a time to come back that lies within the window."""
    async with purse(tmp_path) as found:
        spending = found.spending(budget)
        opened = await spending.open(ask(DEAR))
        said = await spending.sequencer.submit(Unit(steps=opened.steps))
        assert isinstance(said, Unmet)
        error = spending.refusal(opened, said)
        assert (error.code, error.status) == ("budget_exhausted", 429)
        assert whose in error.public
        assert "$0.0035" in error.public
        assert 0 < error.retry_after_s <= 31 * 86_400
        assert error.retry_after_s < 86_400 or wait_s > 86_400


async def test_a_token_s_cap_and_its_ancestors_are_accounts(tmp_path: Path) -> None:
    """A child draws from its parent's cap as well."""
    async with purse(tmp_path) as found:
        spending = found.spending()
        opened = await spending.open(ask(CHEAP, caps=(("tok_1", 1_000), ("tok_0", 150))))
        said = await spending.sequencer.submit(Unit(steps=opened.steps))
        assert isinstance(said, Unmet)
        assert said.found == "token:tok_0:life:life"
        assert "this token" in spending.refusal(opened, said).public
        assert found.accounts() == {}


def test_who_pays_for_what() -> None:
    """Accounts of a model or a provider are those of who answers; all others are the caller's."""
    model = Account("k", Scope.MODEL, Window.DAY, "dear", 0, 1)
    provider = Account("k", Scope.PROVIDER, Window.DAY, "here", 0, 1)
    team = Account("k", Scope.TEAM, Window.DAY, "a", 0, 1)
    table = [(one.scope, draws_from(one, CHEAP), draws_from(one, DEAR)) for one in (model, provider, team)]
    assert table == [(Scope.MODEL, False, True), (Scope.PROVIDER, True, False), (Scope.TEAM, True, True)]
    every = [Budget(scope, Window.DAY, hard_micros=1) for scope in Scope]
    keys = [one.key.rpartition(":")[0] for one in drawn(tuple(every), ask(CHEAP, DEAR, team="a"), START_US)]
    assert keys == [
        "token:tok_1:day", "session:-:day", "owner:prn_owner:day", "team:a:day", "feature:-:day",
        "user_tier:-:day", "route:r:day", "model:cheap:day", "model:dear:day", "provider:here:day",
        "provider:there:day",
    ]  # fmt: skip


async def test_a_stream_may_hold_its_output_in_slices(tmp_path: Path) -> None:
    """Where it is configured so, a stream holds for its input and the first slice; what comes whole holds all."""
    async with purse(tmp_path) as found:
        spending = found.spending(TEAM, slice_tokens=20)
        spending.longest = lambda _: Longest(thinks=False)
        assert (await spending.open(ask(CHEAP), is_streamed=True)).reserved_micros == 100 + 40
        assert (await spending.open(ask(CHEAP, of=bound(100, 5)), is_streamed=True)).reserved_micros == 110
        assert (await spending.open(ask(CHEAP))).reserved_micros == 200


def test_the_prices_of_these_tests() -> None:
    """A token of the cheap model is a micro-dollar in and two out."""
    assert cost(PRICES[0].price, Tokens(input=1, output=1)) == 3


async def test_who_is_asked_beside_those_who_answer_is_never_left_out(tmp_path: Path) -> None:
    """Money that is short leaves out who answers, not who judges; a judge needs a price under a cap."""
    async with purse(tmp_path) as found:
        spending = found.spending(TEAM)
        judged = replace(ask(CHEAP, DEAR), beside=frozenset({DEAR}))
        opened = await spending.open(judged)
        assert opened.reserved_micros == 3_700
        assert spending.fewer(opened, opened.accounts[0].key) is None
        only_asked = replace(judged, asides=(DEAR,))
        judge = next(one for one in (await spending.open(only_asked)).offers if one.sold == DEAR)
        assert judge.worst_micros == judge.asides_micros > 0
        with pytest.raises(PriceUnknownError, match="here/nameless"):
            await spending.open(replace(ask(CHEAP, NAMELESS), beside=frozenset({NAMELESS})))
        with pytest.raises(PriceUnknownError):
            await spending.open(replace(ask(NAMELESS, CHEAP), beside=frozenset({CHEAP})))
