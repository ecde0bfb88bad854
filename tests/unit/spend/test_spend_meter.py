"""What a call owes at its end, how sure that is, and when a running answer must stop."""

from dataclasses import replace
from pathlib import Path

from firewall.codecs.interface import Beside, Usage
from firewall.core.budget import Budget, Scope, Window
from firewall.core.money import Price, Rate, Tier, Tokens
from firewall.core.spending import Part, Settle, State
from firewall.core.work import Committed, Unit
from firewall.spend.meter import MOST_COUNTED, Meter, Used, counted
from firewall.spend.prices import Sold
from firewall.spend.quotes import Longest
from firewall.spend.rates import Drawn, tokens_a_minute
from firewall.spend.service import Spending
from tests.support.spending import CHEAP, DEAR, NAMELESS, Purse, ask, bound, purse

DAY = Budget(Scope.TEAM, Window.DAY, hard_micros=1_000)
WHOLE = Usage(input_tokens=40, output_tokens=10, is_reported=True)


async def begun(spending: Spending, *sold: object, streamed: bool = False, **more: object) -> Meter:
    """Hold a call's money and return its meter."""
    opened = await spending.open(ask(*sold, **more), is_streamed=streamed)  # type: ignore[arg-type]  # as `ask` takes them
    assert isinstance(await spending.sequencer.submit(Unit(steps=opened.steps)), Committed)
    return Meter(spending, opened, entry=7)


async def settled(found: Purse, meter: Meter, usage: Usage) -> tuple[State, int | None]:
    """Settle and return what the ledger says."""
    said = meter.settle(usage)
    await found.installation.writer.submit(Unit(steps=said.steps))
    return said.line.state, said.line.cost_micros


async def test_the_provider_s_count_is_what_is_owed(tmp_path: Path) -> None:
    """Everything held comes back, and what was used is booked."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(DAY), CHEAP)
        meter.answered_by("here", "cheap", attempts=2)
        assert await settled(found, meter, WHOLE) == (State.EXACT, 60)
        assert list(found.accounts().values()) == [(60, 0)]
        said = meter.settle(WHOLE)
        assert (said.line.entry, said.line.attempts, said.line.reserved_micros) == (7, 2, 200)
        assert said.facts == {"call": "cal_0", "cost": "exact", "cost_micros": 60, "price": said.line.price}
        assert meter.cost_of(WHOLE) == 60


async def test_a_count_too_large_for_the_ledger_is_booked_all_the_same(tmp_path: Path) -> None:
    """A provider that says nonsense does not make a call free: the most that any call can use is booked."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(DAY), CHEAP)
        meter.answered_by("here", "cheap")
        said = Usage(input_tokens=2**64 - 1, output_tokens=2**64 - 1, is_reported=True)
        assert await settled(found, meter, said) == (State.EXACT, 3 * MOST_COUNTED)
        assert list(found.accounts().values()) == [(3 * MOST_COUNTED, 0)]


async def test_a_fallback_that_answers_is_paid_at_its_own_price(tmp_path: Path) -> None:
    """The line names who answered, not who was asked first."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=9_000)), CHEAP, DEAR)
        meter.answered_by("there", "dear")
        assert await settled(found, meter, WHOLE) == (State.EXACT, 900)
        assert meter.settle(WHOLE).line.model == "dear"


async def test_accounts_of_models_pay_for_their_own(tmp_path: Path) -> None:
    """Both models' accounts held; the one that answered is charged and the other gets all of it back."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.MODEL, Window.DAY, hard_micros=9_000)), CHEAP, DEAR)
        meter.answered_by("here", "cheap")
        await settled(found, meter, WHOLE)
        assert {key.split(":")[1]: one for key, one in found.accounts().items()} == {
            "cheap": (60, 0),
            "dear": (0, 0),
        }


async def test_every_attempt_that_a_provider_charges_for_is_owed(tmp_path: Path) -> None:
    """A cascade's cheap answer and the dear one after it: both are booked, each at its own price."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=9_000)), CHEAP, DEAR)
        meter.answered_by("there", "dear", attempts=2)
        meter.also = (Used(CHEAP, WHOLE),)
        assert await settled(found, meter, WHOLE) == (State.EXACT, 960)
        assert meter.settle(WHOLE).line.used.input == 80


async def test_a_settlement_knows_whether_anything_is_held(tmp_path: Path) -> None:
    """What was held is given back; where no account draws, nothing was held and nothing is looked for."""
    key = "team:-:day:2026-09-21"
    async with purse(tmp_path) as found:
        for budgets, held in (((DAY,), (Part(key, 200, 1000),)), ((), ())):
            meter = await begun(found.spending(*budgets), CHEAP)
            meter.answered_by("here", "cheap")
            steps = meter.settle(WHOLE).steps
            assert [step.held for step in steps if isinstance(step, Settle)] == [held]
            await found.installation.writer.submit(Unit(steps=steps))
        assert list(found.accounts().values()) == [(60, 0)]


async def test_nobody_asked_nothing_owed(tmp_path: Path) -> None:
    """A call that joined another, or was refused before it left, gives all of it back and says so."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(DAY), CHEAP)
        assert await settled(found, meter, WHOLE) == (State.UNASKED, 0)
        assert list(found.accounts().values()) == [(0, 0)]


async def test_an_error_of_the_provider_costs_nothing(tmp_path: Path) -> None:
    """Providers do not charge for answers that are errors."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(DAY), CHEAP)
        meter.answered_by("here", "cheap")
        meter.was_refused = True
        assert await settled(found, meter, Usage()) == (State.EXACT, 0)


async def test_an_answer_that_broke_off_is_an_upper_estimate_and_says_so(tmp_path: Path) -> None:
    """Whoever hangs up pays what was read and could have been written by then, never more than was held."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter = await begun(spending, CHEAP, of=bound(300, 1_000_000))
        meter.answered_by("here", "cheap")
        meter.fed(9_000)
        state, micros = await settled(found, meter, Usage(input_tokens=40, output_tokens=1))
        assert state is State.ESTIMATED
        assert micros is not None
        assert 40 + 2 * 3_000 <= micros <= 40 + 2 * 60_000
        silent = await begun(spending, CHEAP, of=bound(300, 10))
        silent.answered_by("here", "cheap")
        silent.fed(9_000)
        assert await settled(found, silent, Usage()) == (State.ESTIMATED, 100 + 2 * 10)


async def test_an_unknown_price_is_no_number(tmp_path: Path) -> None:
    """The tokens are in the ledger, the cost is not: nothing is never booked for what nobody knows."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, soft_micros=5)), NAMELESS)
        meter.answered_by("here", "nameless")
        assert await settled(found, meter, WHOLE) == (State.UNKNOWN, None)
        assert "cost_micros" not in meter.settle(WHOLE).facts
        assert (meter.cost_of(WHOLE), meter.settle(WHOLE).line.used.output) == (None, 10)


async def test_somebody_who_was_not_planned_is_paid_as_well(tmp_path: Path) -> None:
    """Whatever name answers, its price decides, or nobody's."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=9_000)), CHEAP)
        meter.answered_by("there", "dear")
        assert await settled(found, meter, WHOLE) == (State.EXACT, 900)


def aloud(_: Sold) -> Longest:
    """Say that a model shows all that it writes."""
    return Longest(thinks=False)


async def sliced(found: Purse, *budgets: Budget, tokens: int, most: int) -> Meter:
    """Begin a streamed answer of a model that thinks nothing unseen, held in slices."""
    spending = found.spending(*budgets, slice_tokens=tokens)
    spending.longest = aloud
    meter = await begun(spending, CHEAP, of=bound(100, most), streamed=True)
    meter.answered_by("here", "cheap")
    return meter


async def test_a_stream_stops_when_its_slices_are_used_up(tmp_path: Path) -> None:
    """It holds as much again until the budget gives no more; each is an entry and comes back at the end."""
    async with purse(tmp_path) as found:
        meter = await sliced(found, DAY, tokens=100, most=10_000)
        assert meter.opened.reserved_micros == 300
        pieces = 0
        while await meter.pay(50):
            pieces += 1
            assert pieces < 100
        assert meter.is_spent
        assert pieces == 8
        assert list(found.accounts().values()) == [(0, 900)]
        assert found.kinds() == ["spend.reserved"] * 2
        state, micros = await settled(found, meter, replace(WHOLE, output_tokens=400))
        assert (state, micros, list(found.accounts().values())) == (State.EXACT, 840, [(840, 0)])


async def test_slices_cover_a_token_for_every_byte(tmp_path: Path) -> None:
    """Whatever script is written: by the time that bytes are passed on, as many tokens are held for."""
    async with purse(tmp_path) as found:
        meter = await sliced(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9), tokens=100, most=1_000)
        for piece in (1, 99, 1, 400, 3, 5_000, 70_000):
            assert await meter.pay(piece)
            held = sum(held for _, held in found.accounts().values())
            assert held >= 100 + 2 * min(1_000, meter._seen)
        assert sum(held for _, held in found.accounts().values()) == 100 + 2 * 1_000


async def test_what_a_model_may_think_unseen_is_held_from_the_start(tmp_path: Path) -> None:
    """Thoughts that nobody shows are paid: only of a model that is known to have none is a slice held."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10**9), slice_tokens=10)
        meter = await begun(spending, CHEAP, of=bound(100, 1_000), streamed=True)
        meter.answered_by("here", "cheap")
        assert meter.opened.reserved_micros == 100 + 2 * 1_000
        assert await meter.pay(50_000)
        assert found.kinds() == []


async def test_more_of_a_long_request_is_held_at_the_rate_of_long_ones(tmp_path: Path) -> None:
    """What is written costs more after a long input, the tenth slice as the first."""
    tiers = Price(input=Rate(1_000_000), output=Rate(2_000_000, (Tier(100, 9_000_000),)))
    async with purse(tmp_path) as found:
        meter = await sliced(found, Budget(Scope.TEAM, Window.DAY, hard_micros=10**9), tokens=10, most=1_000)
        offer = replace(meter.opened.offers[0], price=tiers, standard=tiers, input_tokens=200)
        opened = replace(meter.opened, offers=(offer,))
        assert [part.micros for part in opened.parts(10, of=CHEAP)] == [90]


async def test_a_candidate_is_asked_once_more_only_for_money(tmp_path: Path) -> None:
    """What may be charged twice is held twice, or not asked: a cap is not overspent by repetitions."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=450)), CHEAP)
        assert meter.opened.reserved_micros == 200
        assert await meter.again(CHEAP)
        assert not await meter.again(CHEAP)
        assert list(found.accounts().values()) == [(0, 400)]
        assert meter.opened.reserved_micros == 400
        assert await settled(found, meter, WHOLE) == (State.UNASKED, 0)
        assert list(found.accounts().values()) == [(0, 0)]


async def test_what_a_provider_does_beside_an_answer_is_owed(tmp_path: Path) -> None:
    """Summing up at the answer's price, an advisor at its own: neither is among the answer's counts."""
    async with purse(tmp_path) as found:
        spending = found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=10**9))
        meter = await begun(spending, CHEAP)
        meter.answered_by("here", "cheap")
        beside = (Beside("", replace(WHOLE, input_tokens=1_000)), Beside("nameless", WHOLE))
        summed = replace(WHOLE, beside=beside[:1])
        assert meter.cost_of(summed) == 60 + 1_020
        assert meter.cost_of(replace(WHOLE, beside=beside)) is None
        assert await settled(found, meter, summed) == (State.EXACT, 60 + 1_020)
        assert list(found.accounts().values()) == [(60 + 1_020, 0)]


async def test_what_holds_its_worst_case_never_stops(tmp_path: Path) -> None:
    """However many bytes a provider wraps its tokens in."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(DAY), CHEAP)
        assert all([await meter.pay(10_000) for _ in range(50)])


async def test_a_stream_without_accounts_has_slices_for_ever(tmp_path: Path) -> None:
    """Nobody's budget is used, so nothing stops it."""
    async with purse(tmp_path) as found:
        opened = await found.spending(slice_tokens=10).open(ask(CHEAP), is_streamed=True)
        meter = Meter(found.spending(), opened, entry=1)
        assert all([await meter.pay(1_000) for _ in range(5)])
        assert found.kinds() == []


async def test_a_closed_log_extends_nothing(tmp_path: Path) -> None:
    """What cannot be held is not there."""
    async with purse(tmp_path) as found:
        meter = await sliced(found, DAY, tokens=10, most=400)
        await found.installation.writer.stop()
        assert not await meter.pay(1_000)


async def test_tokens_a_minute_are_put_right(tmp_path: Path) -> None:
    """What was drawn before the call is replaced by what it used."""
    async with purse(tmp_path) as found:
        spending = found.spending()
        opened = await spending.open(ask(CHEAP))
        rate = tokens_a_minute(1_000)
        meter = Meter(spending, opened, 1, (Drawn("tokens:tok_1", rate, 30),))
        meter.answered_by("here", "cheap")
        (pay,) = [step for step in meter.settle(WHOLE).steps if hasattr(step, "cells")]
        assert (pay.key, pay.cells) == ("tokens:tok_1", 20)


def test_counts_become_what_prices_need() -> None:
    """Each kind of the provider's count has its place."""
    usage = Usage(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    said = counted(usage)
    assert (said.input, said.cache_read, said.output, said.cache_write, said.cache_write_1h) == (1, 2, 3, 4, 5)
    assert (said.reasoning, said.input_image, said.input_audio, said.output_image) == (6, 7, 8, 9)
    assert (said.output_audio, said.searches) == (10, 11)


def test_every_count_keeps_its_place() -> None:
    """Each kind that a provider counts is paid as that kind; none is larger than the ledger has room for."""
    usage = Usage(
        input_tokens=1, cached_input_tokens=2, cache_write_tokens=3, cache_write_1h_tokens=4, input_image_tokens=5,
        input_audio_tokens=6, output_tokens=7, reasoning_tokens=8, output_image_tokens=9, output_audio_tokens=10,
        searches=11,
    )  # fmt: skip
    tokens = Tokens(
        input=1, cache_read=2, cache_write=3, cache_write_1h=4, input_image=5, input_audio=6, output=7,
        reasoning=8, output_image=9, output_audio=10, searches=11,
    )  # fmt: skip
    assert counted(usage) == tokens
    assert counted(replace(usage, searches=2**62)) == replace(tokens, searches=MOST_COUNTED)


async def test_an_answer_that_took_anothers_place_is_counted_apart(tmp_path: Path) -> None:
    """What broke off is owed by what came of it, not by what another model wrote afterwards; both are booked."""
    async with purse(tmp_path) as found:
        meter = await begun(found.spending(Budget(Scope.TEAM, Window.DAY, hard_micros=9_000)), CHEAP, DEAR)
        meter.answered_by("here", "cheap")
        meter.fed(30)
        meter.begins_again()
        assert meter.settle(Usage()).line.state is State.UNASKED
        meter.also = (Used(CHEAP, Usage(input_tokens=40)),)
        broken = meter.settle(Usage()).line
        meter.fed(3_000_000)
        assert meter.settle(Usage()).line.cost_micros == broken.cost_micros
        assert (broken.state, broken.used.input) == (State.ESTIMATED, 40)
        meter.answered_by("there", "dear", attempts=2)
        line = meter.settle(WHOLE).line
        assert (line.state, line.attempts, line.provider) == (State.ESTIMATED, 2, "there")
        assert line.used.input == 80
