"""Background work that may fail and takes nothing with it."""

import asyncio
import logging

import pytest

from firewall.app.keeping import kept_running


async def test_what_fails_is_told_and_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error ends neither the work nor what runs beside it; each is told with its trace."""
    failures = iter([ValueError("unforeseen"), OSError("unforeseen")])
    is_well = asyncio.Event()

    async def run() -> None:
        for error in failures:
            raise error
        is_well.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        beside = group.create_task(asyncio.Event().wait())
        work = group.create_task(kept_running(run, "watching", again_s=0.0))
        await is_well.wait()
        assert not beside.done()
        assert not work.done()
        work.cancel()
        beside.cancel()
    said = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert [one.getMessage() for one in said] == ["watching failed and begins again in 0 s"] * 2
    assert all(one.exc_info for one in said)


async def test_cancelling_ends_it() -> None:
    """Who stops the process waits for nothing."""
    work = asyncio.create_task(kept_running(asyncio.Event().wait, "waiting"))  # type: ignore[arg-type] # returns True
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
