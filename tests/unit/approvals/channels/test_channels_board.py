"""Who is told, when, how often, and that it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from firewall.approvals.channels.board import MAX_CASES, Channels, Line, Schedule
from firewall.approvals.channels.delivery import Delivery
from firewall.approvals.channels.port import Trouble
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Settled
from tests.support.approving import START_US, StillClock, until
from tests.support.telling import Pauses, Remembering, notice


@dataclass
class House:
    """Channels over a clock whose pauses end when a test moves it."""

    clock: StillClock
    channels: Channels
    senders: list[Remembering]

    async def forward(self, seconds: float) -> None:
        """Let time pass and everybody look."""
        self.clock.forward(seconds)
        for _ in range(50):
            await asyncio.sleep(0)


@asynccontextmanager
async def _house(*schedules: Schedule) -> AsyncIterator[House]:
    clock = StillClock()

    async def pause(seconds: float) -> None:
        end = clock.now_us() + seconds * 1e6
        while clock.now_us() < end:  # noqa: ASYNC110 - the test moves the clock
            await asyncio.sleep(0)

    senders = [Remembering() for _ in schedules]
    lines = [
        Line(Delivery(sender, name=f"line{number}", clock=clock, pause=pause), schedule)
        for number, (sender, schedule) in enumerate(zip(senders, schedules, strict=True))
    ]
    channels = Channels(lines, clock)
    running = asyncio.create_task(channels.run())
    try:
        yield House(clock, channels, senders)
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_what_waits_is_told_at_once_and_its_end_as_well() -> None:
    """A channel hears of the opening and of the decision, in this order and once each."""
    async with _house(Schedule()) as house:
        (sender,) = house.senders
        house.channels.opened(notice())
        await until(lambda: sender.kinds == ["Opened"])
        house.channels.settled("apr_x", ApprovalStatus.DENIED)
        house.channels.settled("apr_x", ApprovalStatus.CANCELLED)
        await until(lambda: len(sender.sent) == 2)
        assert sender.sent[1] == Settled(notice(), ApprovalStatus.DENIED)
        await house.forward(3600)
        assert len(sender.sent) == 2


async def test_an_escalation_comes_only_when_nobody_has_decided() -> None:
    """`after` waits from the opening on; what is decided before is never told there, not even its end."""
    async with _house(Schedule(), Schedule(after_s=300)) as house:
        first, later = house.senders
        house.channels.opened(notice())
        house.channels.opened(notice(id="apr_y"))
        await until(lambda: len(first.sent) == 2)
        await house.forward(299)
        assert later.sent == []
        house.channels.settled("apr_y", ApprovalStatus.APPROVED)
        await house.forward(2)
        assert [one.notice.id for one in later.sent if not isinstance(one, Alert)] == ["apr_x"]
        house.channels.settled("apr_x", ApprovalStatus.DENIED)
        await until(lambda: later.kinds == ["Opened", "Settled"])


async def test_reminders_come_until_it_is_over() -> None:
    """`every` tells again while nobody decides, and stops with the decision."""
    async with _house(Schedule(every_s=60)) as house:
        (sender,) = house.senders
        house.channels.opened(notice())
        await until(lambda: sender.kinds == ["Opened"])
        for count in (1, 2, 3):
            await house.forward(61)
            assert sender.kinds == ["Opened", *["Reminded"] * count]
        house.channels.settled("apr_x", ApprovalStatus.EXPIRED)
        await until(lambda: sender.kinds[-1] == "Settled")
        await house.forward(600)
        assert len(sender.sent) == 5


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (Schedule(environments=("prod*",)), True),
        (Schedule(environments=("staging",)), False),
        (Schedule(effects=("privilege", "destructive")), True),
        (Schedule(effects=("privilege",)), False),
        (Schedule(groups=("oncall",)), True),
        (Schedule(groups=("managers",)), False),
    ],
)
def test_a_channel_is_told_what_its_row_says(schedule: Schedule, *, told: bool) -> None:
    """Environments are patterns; a group's channel hears of what this group could decide."""
    assert schedule.concerns(notice(groups=("oncall",))) is told


def test_what_anybody_may_decide_concerns_every_group() -> None:
    """A row that asks for no group leaves nobody's channel out."""
    assert Schedule(groups=("managers",)).concerns(notice())


async def test_a_failing_channel_holds_up_no_other_and_never_raises() -> None:
    """Also one that breaks with an error that nobody expected; what that is about says so, and is told later."""
    async with _house(Schedule(), Schedule()) as house:
        broken, well = house.senders
        broken.failures = [RuntimeError("https://hooks.example/secret")]
        house.channels.opened(notice())
        await until(lambda: well.kinds == ["Opened"] and bool(house.channels.troubles("apr_x")))
        again_at = START_US + 1_000_000
        assert house.channels.troubles("apr_x") == (Trouble("line0", "waits", "RuntimeError", 1, again_at),)
        house.channels.opened(notice(id="apr_y"))
        await until(lambda: broken.kinds == ["Opened"])
        house.clock.forward(1)
        await until(lambda: broken.kinds == ["Opened"] * 2)
        assert house.channels.troubles("apr_x") == ()


async def test_who_was_called_is_called_off_once_when_somebody_reads_it() -> None:
    """The first reader who may decide is enough; what nobody was told of is not called off."""
    async with _house(Schedule(), Schedule(after_s=300)) as house:
        first, later = house.senders
        house.channels.opened(notice())
        await until(lambda: first.kinds == ["Opened"])
        for one in ("apr_x", "apr_x", "apr_unknown"):
            house.channels.seen(one)
        await until(lambda: first.kinds == ["Opened", "Seen"])
        await house.forward(10)
        assert (len(first.sent), later.sent) == (2, [])


async def test_what_waited_before_the_start_is_told_as_a_reminder_and_is_still_escalated() -> None:
    """A restart loses nobody: who was told is reminded, who was not yet is told in time."""
    async with _house(Schedule(), Schedule(after_s=300)) as house:
        house.clock.forward(100)
        house.channels.opened(notice(), is_resumed=True)
        await until(lambda: house.senders[0].kinds == ["Reminded"])
        await house.forward(201)
        assert house.senders[1].kinds == ["Opened"]


async def test_what_is_told_of_again_is_a_reminder() -> None:
    """When others can answer who could not before; a resumption of what is known says nothing."""
    async with _house(Schedule(), Schedule(after_s=300)) as house:
        first, later = house.senders
        house.channels.opened(notice())
        await until(lambda: first.kinds == ["Opened"])
        house.channels.opened(notice(), is_resumed=True)
        house.channels.opened(notice())
        await until(lambda: first.kinds == ["Opened", "Reminded"])
        await house.forward(1)
        assert (len(first.sent), later.sent) == (2, [])


async def test_a_flood_is_turned_away_and_counted() -> None:
    """More than MAX_CASES at a time are not kept in mind; each channel says how many."""
    async with _house(Schedule()) as house:
        for number in range(MAX_CASES + 3):
            house.channels.opened(notice(id=f"apr_{number}"))
        (health,) = house.channels.health
        assert (health.given_up, health.last_failure) == (3, "queue_full")


async def test_room_is_waited_for_until_something_is_over() -> None:
    """Whoever has more to tell of than is kept in mind goes on when a place is free; without a channel never."""
    async with _house(Schedule()) as house:
        for number in range(MAX_CASES):
            assert await house.channels.room()
            house.channels.opened(notice(id=f"apr_{number}"))
        room = asyncio.create_task(house.channels.room())
        await house.forward(10)
        assert not room.done()
        house.channels.settled("apr_7", ApprovalStatus.DENIED)
        assert await room
    async with _house() as house:
        assert not await house.channels.room()


async def test_what_is_opened_before_the_channels_run_is_told_when_they_do() -> None:
    """The order in which parts start loses nothing, and a decision in between ends it."""
    clock, sender = StillClock(), Remembering()
    channels = Channels([Line(Delivery(sender, name="one", clock=clock))], clock)
    channels.opened(notice())
    channels.opened(notice(id="apr_y"))
    channels.settled("apr_y", ApprovalStatus.CANCELLED)
    running = asyncio.create_task(channels.run())
    await until(lambda: bool(sender.sent))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [one.notice.id for one in sender.sent if not isinstance(one, Alert)] == ["apr_x"]
    await channels.aclose()
    assert sender.is_closed


async def test_what_is_for_all_goes_everywhere() -> None:
    """Also to a channel that takes no alerts."""
    clock, senders = StillClock(), [Remembering(), Remembering()]
    lines = [Line(Delivery(one, name="x", clock=clock), Schedule(alerts=False)) for one in senders]
    await Channels(lines, clock).alert(Alert("break_glass", "broken", {}, is_for_all=True))
    assert [len(one.sent) for one in senders] == [1, 1]


@pytest.mark.parametrize("failure", [RuntimeError("https://hooks.example/secret"), None])
async def test_alerts_go_where_they_are_wanted(
    failure: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A channel that takes none hears none; one that breaks is tried again, and written down without its words."""
    clock, senders = StillClock(), [Remembering(), Remembering(), Remembering()]
    if failure:
        senders[0].failures = [failure] * 5
        senders[2].failures = [failure]
    lines = [
        Line(Delivery(one, name="x", clock=clock, pause=Pauses(clock)), Schedule(alerts=number != 1))
        for number, one in enumerate(senders)
    ]
    channels = Channels(lines, clock)
    await channels.alert(Alert("budget", "spent", {}))
    assert [len(one.sent) for one in senders] == [0 if failure else 1, 0, 1]
    assert [one.given_up for one in channels.health] == [1 if failure else 0, 0, 0]
    assert "hooks.example" not in caplog.text
