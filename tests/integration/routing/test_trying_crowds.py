"""Many calls at once: how often failing providers are asked, who waits for whom, and who is turned away."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from firewall.core.breaker import Rule, State
from firewall.core.dialect import Dialect
from firewall.core.patience import Backoff
from firewall.core.terms import Care, Terms
from firewall.routing.call import Plan, UnansweredError
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.port import Timeouts
from firewall.routing.trying.asker import MOST_WAITED_S
from firewall.routing.trying.run import World
from tests.support.trying import House, Tried, call_of, house_of, queued

CHAT = Dialect.OPENAI_CHAT


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Providers on one faulty server; waits are noted and not waited."""

    async def no_wait(_: float) -> None:
        await asyncio.sleep(0)

    async with house_of(World(time.monotonic, no_wait, lambda: 0.5)) as found:
        yield found


async def outcome(house: House, plan: Plan, token: str = "tok_1") -> Tried | UnansweredError:  # noqa: S107 - an id
    """Ask, and return what came of it."""
    try:
        return await house.ask(call_of(CHAT, token=token), plan)
    except UnansweredError as error:
        return error


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "one-by-one"])
async def test_when_everything_is_down_providers_get_little_more_than_the_calls(
    house: House, *, at_once: bool
) -> None:
    """However calls come, retries and fallbacks together add at most half of them, and open circuits much less."""
    care = Care(Rule(least=5, cooldown_s=60))
    down = [house.candidate(f"p{at}", Scenario.UNAVAILABLE, CHAT, care=care) for at in range(2)]
    plan = Plan("drill", tuple(down), terms=Terms(retries=2))
    calls = 60
    if at_once:
        found = list(await asyncio.gather(*(outcome(house, plan) for _ in range(calls))))
    else:
        found = [await outcome(house, plan) for _ in range(calls)]
    assert house.faulty.asked.total() <= 1.5 * calls
    assert all(isinstance(one, UnansweredError) or one.status == 503 for one in found)
    if not at_once:
        assert house.faulty.asked.total() <= 20


@pytest.mark.parametrize("calls", [1, 5, 20, 100])
@pytest.mark.parametrize("down", [Scenario.RESET_BEFORE_HEADERS, Scenario.UNAVAILABLE], ids=str)
@pytest.mark.parametrize("has_answered", [False, True], ids=["cold", "warm"])
async def test_no_crowd_is_so_small_that_it_becomes_a_storm(
    calls: int, down: Scenario, *, has_answered: bool
) -> None:
    """Two providers down, no circuit open yet: at most half as many requests again as there are calls.

    A lone call still asks everybody in its chain once, and who has just answered once more.
    """
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with house_of(World(lambda: 0.0, wait, lambda: 0.99)) as house:
        fine = house.plan(CHAT, Scenario.FINE, Scenario.FINE)
        for one in fine.candidates * (5 if has_answered else 0):
            await outcome(house, Plan("drill", (one,)))
        before = house.faulty.asked.total()
        dead = house.plan(CHAT, down, down, terms=Terms(retries=3))
        found = await asyncio.gather(*(outcome(house, dead) for _ in range(calls)))
        assert all(isinstance(one, UnansweredError) or one.status == 503 for one in found)
        tried = sum(one.heard.attempts for one in found if one.heard is not None)
        at_server = house.faulty.asked.total() - before
        assert at_server == tried
        lone = 2 + (has_answered and down is Scenario.RESET_BEFORE_HEADERS)
        assert tried <= max(1.5 * calls, lone)
        by_name = Counter(item.candidate.provider.name for one in found if one.heard for item in one.heard.tried)
        assert by_name["p0"] >= calls
        assert by_name["p1"] >= 1
        assert max(waits, default=0.0) < 0.5


async def test_when_everybody_is_left_alone_the_answer_comes_at_once(house: House) -> None:
    """With every circuit open nobody is asked: 503, a stable code, and when to come back."""
    care = Care(Rule(least=2, cooldown_s=60))
    plan = Plan("drill", tuple(house.candidate(f"p{at}", Scenario.REFUSE, CHAT, care=care) for at in range(2)))
    for _ in range(3):
        await outcome(house, plan)
    assert [one.state for one in house.circuits.listing()] == [State.OPEN, State.OPEN]
    error = await outcome(house, plan)
    assert isinstance(error, UnansweredError)
    assert (error.status, error.code, error.heard) == (503, "providers_unavailable", None)
    assert error.retry_after_s is not None
    assert 1 <= error.retry_after_s <= 60


async def test_the_first_token_of_a_crowd_is_not_a_storm() -> None:
    """The primary dies under forty calls at once: all of them are answered by the healthy fallback."""
    async with house_of(World(time.monotonic), timeouts=Timeouts(30, 30, 30, 60)) as house:
        plan = house.plan(CHAT, Scenario.REFUSE, Scenario.FINE)
        found = await asyncio.gather(*(outcome(house, plan) for _ in range(40)))
        assert [isinstance(one, Tried) and one.status == 200 for one in found] == [True] * 40
        assert house.faulty.asked == {"p1": 40}


@pytest.mark.parametrize("retries", [1, 5])
async def test_nobody_waits_long_for_those_who_are_down(retries: int) -> None:
    """A call spends at most half a second between requests to those who are down, whatever its route permits."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with house_of(World(lambda: 5.0 * len(waits), wait, lambda: 0.99)) as other:
        terms = Terms(retries=retries, backoff=Backoff(0.3, 0.3), retry_after_cap_s=30)
        await outcome(other, other.plan(CHAT, Scenario.RESET_BEFORE_HEADERS, Scenario.REFUSE, terms=terms))
        assert sum(waits) <= MOST_WAITED_S


async def test_a_circuit_that_opened_costs_its_callers_nothing() -> None:
    """Once the primary's circuit is open its calls go to the fallback first, and one probe closes it again."""
    now = [0.0]
    async with house_of(World(lambda: now[0])) as other:
        care = Care(Rule(least=2, cooldown_s=5))
        once = other.candidate("p0", Scenario.UNAVAILABLE, CHAT, care=care)
        plan = Plan("drill", (once, other.candidate("p1", Scenario.FINE, CHAT)))
        for _ in range(3):
            await outcome(other, plan)
        assert other.faulty.asked == {"p0": 2, "p1": 3}
        mended = other.candidate("p0", Scenario.FINE, CHAT, care=care)
        again = Plan("drill", (mended, plan.candidates[1]))
        found = await outcome(other, again)
        assert isinstance(found, Tried)
        assert found.outcomes == ["p1:ok"]
        now[0] = 6.0
        found = await outcome(other, again)
        assert isinstance(found, Tried)
        assert found.outcomes == ["p0:ok"]
        assert other.circuits.listing()[0].state is State.CLOSED


async def test_more_than_a_provider_takes_wait_and_more_than_that_are_turned_away(house: House) -> None:
    """One at a time, two may wait: of six calls at once three are answered, three get 503 with Retry-After."""
    one = house.candidate("p0", Scenario.FINE, CHAT, care=queued(1, waiting=2))
    found = await asyncio.gather(*(outcome(house, Plan("drill", (one,))) for _ in range(6)))
    refused = [item for item in found if isinstance(item, UnansweredError)]
    assert [(item.status, item.code, item.retry_after_s) for item in refused] == [(503, "provider_busy", 30)] * 3
    assert house.faulty.asked["p0"] == 3
    assert house.frame.asker.lines.listing() == [("p0", 0, 0)]


async def test_who_is_full_sends_calls_elsewhere(house: House) -> None:
    """A full provider is passed over where the route has somebody else."""
    full = house.candidate("p0", Scenario.FINE, CHAT, care=queued(1, waiting=0))
    plan = Plan("drill", (full, house.candidate("p1", Scenario.FINE, CHAT)))
    found = await asyncio.gather(*(outcome(house, plan) for _ in range(4)))
    assert all(isinstance(one, Tried) for one in found)
    assert house.faulty.asked == {"p0": 1, "p1": 3}


async def test_a_slow_first_is_joined_by_the_second(house: House) -> None:
    """Hedging: after the wait the next candidate is asked too, the first answer counts, the other is left."""
    slow = house.candidate("p0", Scenario.SLOW_FIRST_TOKEN, CHAT)
    fine = house.candidate("p1", Scenario.FINE, CHAT)
    terms = Terms(hedge_after_s=0.01)
    plan = Plan("drill", (slow, fine), terms=terms)
    found = await outcome(house, plan)
    assert isinstance(found, Tried)
    assert (found.heard.candidate.name, found.outcomes) == ("p1/m-1", ["p0:given_up", "p1:ok"])
    assert found.heard.attempts == 2
    assert found.heard.tried[0].may_cost
    tools = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}
    with_tools = await house.ask(call_of(CHAT, stream=True, extra=tools), plan)
    assert with_tools.outcomes == ["p0:timeout", "p1:ok"]


async def test_a_quick_first_is_not_joined(house: House) -> None:
    """Nobody else is asked when the answer is there in time."""
    plan = house.plan(CHAT, Scenario.FINE, Scenario.FINE, terms=Terms(hedge_after_s=30))
    found = await outcome(house, plan)
    assert isinstance(found, Tried)
    assert found.outcomes == ["p0:ok"]
    assert house.faulty.asked["p1"] == 0
