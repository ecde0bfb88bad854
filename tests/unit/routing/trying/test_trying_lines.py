"""Waiting for a provider: who goes next, who is turned away, and that every place comes back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.terms import QueueTerms
from firewall.routing.trying.lines import FREE, FullError, Line, Lines


async def test_tokens_take_turns_and_priority_goes_first() -> None:
    """One token's ten requests do not keep another's one waiting; a higher priority passes both."""
    line = Line("p", QueueTerms(concurrent=1, waiting=10, wait_s=30))
    holder = await line.enter("a", 0)
    order: list[str] = []

    async def wait(name: str, token: str, priority: int = 0) -> None:
        place = await line.enter(token, priority)
        order.append(name)
        place.leave()

    tasks = []
    for name, token, priority in (("a1", "a", 0), ("a2", "a", 0), ("a3", "a", 0), ("b1", "b", 0), ("c1", "c", 5)):
        tasks.append(asyncio.ensure_future(wait(name, token, priority)))
        await asyncio.sleep(0)
    holder.leave()
    await asyncio.gather(*tasks)
    assert order == ["c1", "a1", "b1", "a2", "a3"]
    assert (line.busy, line.waiting) == (0, 0)


async def test_who_waits_too_long_is_turned_away() -> None:
    """With a status and a time that a client understands; the place stays whose it is."""
    line = Line("p", QueueTerms(concurrent=1, waiting=1, wait_s=0.01))
    holder = await line.enter("a", 0)
    with pytest.raises(FullError) as caught:
        await line.enter("b", 0)
    assert (caught.value.status, caught.value.code, caught.value.retry_after_s) == (503, "provider_busy", 1)
    assert (line.busy, line.waiting) == (1, 0)
    holder.leave()
    holder.leave()
    assert line.busy == 0


async def test_without_a_bound_there_is_no_line() -> None:
    """Nothing is counted where any number may be under way; lines are kept by name."""
    lines = Lines()
    line = lines.of("p", QueueTerms())
    assert await line.enter("a", 0) is FREE
    assert lines.of("p", QueueTerms(concurrent=2)) is line
    assert lines.listing() == [("p", 0, 0)]


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "quit"]), st.integers(0, 3)), max_size=40))
def test_places_are_never_given_twice_nor_lost(moves: list[tuple[str, int]]) -> None:
    """Whoever comes, gives up or is done in whatever order: at most two are under way, and none is forgotten."""

    async def play() -> None:
        line = Line("p", QueueTerms(concurrent=2, waiting=5, wait_s=30))
        tasks: list[asyncio.Task[object]] = []
        for move, which in moves:
            if move == "enter":
                tasks.append(asyncio.ensure_future(line.enter(f"t{which}", which % 2)))
            elif tasks:
                task = tasks.pop(which % len(tasks))
                if move == "quit" or not task.done():
                    task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if task.done() and not task.cancelled() and task.exception() is None:
                    task.result().leave()  # type: ignore[attr-defined]  # a task of `enter` gives a place
            await asyncio.sleep(0)
            assert 0 <= line.busy <= 2
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(found, BaseException):
                found.leave()  # type: ignore[attr-defined]  # as above
        assert (line.busy, line.waiting) == (0, 0)

    asyncio.run(play())
