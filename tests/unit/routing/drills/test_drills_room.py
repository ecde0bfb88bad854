"""Which calls a drill marks, and where their candidates lead."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from firewall.core.dialect import Dialect
from firewall.routing.call import Heard, Plan
from firewall.routing.drills.room import PATIENCE_S, DrillError, DrillRoom
from firewall.routing.drills.scenarios import Scenario
from tests.support.trying import call_of, candidate_at

CHAT = Dialect.OPENAI_CHAT
FIRST = candidate_at("http://127.0.0.1:1", "first", CHAT)
SECOND = candidate_at("http://127.0.0.1:2", "second", CHAT)
PLAN = Plan("r", (FIRST, SECOND))


@dataclass
class Turning:
    """A clock and a die that a test turns."""

    now: float = 0.0
    luck: float = 0.0


@pytest.fixture
async def turning() -> Turning:
    """A clock at nothing."""
    return Turning()


@pytest.fixture
async def room(turning: Turning) -> AsyncIterator[DrillRoom]:
    """A room without drills."""
    found = DrillRoom(lambda: turning.now, lambda: turning.luck)
    yield found
    await found.close()


async def test_a_token_is_marked_until_the_time_is_over(room: DrillRoom, turning: Turning) -> None:
    """Only its own calls, only so long; and disarming ends it at once."""
    drill = await room.arm(Scenario.UNAVAILABLE, seconds=10, token="tok_1", environment="staging")
    assert room.mark(call_of(CHAT, token="tok_1"), PLAN) is drill
    assert room.mark(call_of(CHAT, token="tok_2"), PLAN) is None
    turning.now = 10.0
    assert room.mark(call_of(CHAT), PLAN) is None
    turning.now = 5.0
    assert room.disarm(drill.id) is drill
    assert room.mark(call_of(CHAT), PLAN) is None
    with pytest.raises(DrillError):
        room.get(drill.id)


async def test_a_share_of_an_environment_is_marked(room: DrillRoom, turning: Turning) -> None:
    """By the draw of each call; another environment never."""
    drill = await room.arm(Scenario.UNAVAILABLE, seconds=10, token="", environment="staging", percent=30)
    turning.luck = 0.29
    assert room.mark(call_of(CHAT), PLAN) is drill
    turning.luck = 0.3
    assert room.mark(call_of(CHAT), PLAN) is None
    room.disarm(drill.id)
    await room.arm(Scenario.UNAVAILABLE, seconds=10, token="", environment="dev")
    assert room.mark(call_of(CHAT), PLAN) is None


async def test_the_first_leads_away_and_the_others_stay(room: DrillRoom) -> None:
    """To loopback, with short patience; a fallback that takes no prefill is led away as well."""
    drill = await room.arm(Scenario.STALL, seconds=10, token="", environment="staging")
    led = room.led(drill, PLAN, FIRST)
    assert led is not None
    assert led.base_url.startswith("http://127.0.0.1:")
    assert "/stall/" in led.base_url
    assert max(led.timeouts.first_byte_s, led.timeouts.idle_s) <= PATIENCE_S
    assert room.led(drill, PLAN, SECOND) is None
    assert room.led(drill, Plan("r", (SECOND,)), FIRST) is None
    drill = await room.arm(Scenario.PREFILL_REJECTED, seconds=10, token="", environment="staging")
    fallback = room.led(drill, PLAN, SECOND)
    assert fallback is not None
    assert "/no-prefill/" in fallback.base_url


async def test_what_came_of_it_is_counted(room: DrillRoom) -> None:
    """Who carried the load, and what nobody answered."""
    drill = await room.arm(Scenario.UNAVAILABLE, seconds=10, token="", environment="staging")
    for heard in (Heard(SECOND, "r"), Heard(FIRST, "r"), None):
        assert room.mark(call_of(CHAT), PLAN) is drill
        room.ended(drill, PLAN, heard)
    shown = drill.shown()
    assert (shown["calls"], shown["carried"], shown["unanswered"]) == (3, 1, 1)
    assert shown["chain"] == ["first/m-1", "second/m-1"]
    assert shown["answered"] == {"second/m-1": 1, "first/m-1": 1}


async def test_a_call_that_still_runs_is_neither_carried_nor_lost(room: DrillRoom) -> None:
    """It counts once something is known of it, and once only where its answer begins again."""
    drill = await room.arm(Scenario.UNAVAILABLE, seconds=10, token="", environment="staging")
    for _ in range(2):
        assert room.mark(call_of(CHAT), PLAN) is drill
    room.ended(drill, PLAN, Heard(FIRST, "r"))
    room.ended(drill, PLAN, Heard(SECOND, "r"), is_again=True)
    assert (drill.shown()["calls"], drill.shown()["unanswered"]) == (1, 0)
    room.ended(drill, PLAN, None)
    assert (drill.shown()["calls"], drill.shown()["unanswered"]) == (2, 1)


@pytest.mark.parametrize("environment", ["production", "prod", ""])
async def test_production_is_never_drilled(room: DrillRoom, environment: str) -> None:
    """Nor is a drill of no time, of no share or of nobody."""
    with pytest.raises(DrillError):
        await room.arm(Scenario.UNAVAILABLE, seconds=10, token="tok_1", environment=environment)
    for seconds, percent, fails in ((0, 100, 1), (10, 0, 1), (10, 100, 0), (4000, 100, 1)):
        with pytest.raises(DrillError):
            await room.arm(
                Scenario.UNAVAILABLE, seconds=seconds, token="", environment="dev", percent=percent, fails=fails
            )
