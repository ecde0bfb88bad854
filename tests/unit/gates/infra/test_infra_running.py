"""What a revocation does to an exchange that is under way."""

import asyncio

import pytest

from firewall.gates.infra.running import Exchange, RevokedError, revoking


async def _under_way(exchange: Exchange, begun: asyncio.Event) -> str:
    with exchange:
        begun.set()
        await asyncio.Event().wait()
    return "never"


async def test_a_revocation_ends_what_loses_nothing() -> None:
    """A read that is waited for, or an answer that streams, of that token or of a child: ended at once."""
    running: set[Exchange] = set()
    begun = asyncio.Event()
    task = asyncio.create_task(_under_way(Exchange(running, ("tok_2", "tok_1"), may_end=True), begun))
    await begun.wait()
    revoking(running)("tok_9")
    await asyncio.sleep(0)
    assert not task.done()
    revoking(running)("tok_1")
    with pytest.raises(RevokedError):
        await task
    assert not running
    assert not task.cancelled()


async def test_a_change_is_waited_for_and_not_passed_on() -> None:
    """What was sent and may have happened is not let go of; its answer goes nowhere."""
    running: set[Exchange] = set()
    with Exchange(running, ("tok_1",), may_end=False) as exchange:
        revoking(running)("tok_1")
        await asyncio.sleep(0)  # no cancellation comes
        with pytest.raises(RevokedError):
            exchange.answered()


async def test_another_cancellation_stays_one() -> None:
    """The server that goes down cancels as well: that is not dressed up."""
    running: set[Exchange] = set()
    begun = asyncio.Event()
    task = asyncio.create_task(_under_way(Exchange(running, ("tok_1",), may_end=True), begun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not running
