"""What waited before a server began: told again as channels have room for it, and opened no earlier."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from firewall.approvals import service as module
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, Decision
from firewall.core.errors import StoreError
from tests.support.approving import ALICE, MemoryLog, StillClock, Told, approvals, until, wanted


async def three(log: MemoryLog, clock: StillClock) -> list[Approval]:
    """Open three approvals, a second apart, before the server that is tested begins."""
    found = []
    for letter in "def":
        found.append(await approvals(log, clock).open(replace(wanted(), digest=letter * 64)))
        clock.forward(1)
    return found


@asynccontextmanager
async def begun(service: Approvals) -> AsyncIterator[None]:
    """Run what a server does for approvals."""
    running = asyncio.create_task(service.run())
    try:
        yield
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_each_is_opened_when_a_channel_has_room_for_it() -> None:
    """The newest first; what was answered until its turn came is told to nobody."""
    log, clock, told = MemoryLog(), StillClock(), Told()
    oldest, answered, newest = await three(log, clock)
    places = told.places = asyncio.Semaphore(1)
    service = approvals(log, clock, told)
    async with begun(service):
        await until(lambda: bool(told.resumed))
        await service.decide(answered.id, Decision.DENY, by=ALICE)
        assert [one.id for one in told.resumed] == [newest.id]
        places.release()
        places.release()
        await until(lambda: len(told.resumed) == 2)
    assert [one.id for one in told.resumed] == [newest.id, oldest.id]


async def test_nothing_is_opened_where_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without channels starts with a long queue as it does with none."""
    log, clock, told = MemoryLog(), StillClock(), Told()
    await three(log, clock)
    service = approvals(log, clock, told)
    asked, looked = asyncio.Event(), list[str]()

    async def room() -> bool:
        asked.set()
        return False

    monkeypatch.setattr(told, "room", room)
    monkeypatch.setattr(log, "get", looked.append)
    async with begun(service):
        await asked.wait()
        await asyncio.sleep(0)
    assert (looked, told.resumed) == ([], [])


@pytest.mark.parametrize("failures", [1, 9])
async def test_a_store_that_fails_for_one_keeps_nobody_from_being_told_of_the_others(
    monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """It is tried again; what can never be read is left out in the end."""
    log, clock, told = MemoryLog(), StillClock(), Told()
    oldest, second, newest = await three(log, clock)
    monkeypatch.setattr(module, "RESUME_PAUSES_S", (0.0, 0.0))
    usual, left = log.get, [failures]

    def get(approval_id: str) -> Approval | None:
        if approval_id == second.id and left[0] > 0:
            left[0] -= 1
            raise StoreError("the store is busy")
        return usual(approval_id)

    monkeypatch.setattr(log, "get", get)
    async with begun(approvals(log, clock, told)):
        await until(lambda: oldest.id in [one.id for one in told.resumed])
    read = [second.id] if failures == 1 else []
    assert [one.id for one in told.resumed] == [newest.id, *read, oldest.id]
