"""What the sharing of circuits relies on, held against a real Redis and against the fake of the tests alike."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.sharing import CircuitStore, Named, Told
from firewall.storage.redis.circuits import Place, RedisCircuits
from tests.support.redis_server import redis_server
from tests.support.shared_circuits import MemoryCircuits

MARK, OTHER = "a" * 32, "b" * 32
NAMED = Named("primary", "m-1", "0123abcd")


def opened(mark: str = MARK, *, epoch: str = "1" * 32, trips: int = 1, wait_s: int = 60) -> Told:
    """Return what is told of a circuit that opened."""
    return Told(mark, NAMED, epoch, trips, wait_s * 1000)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CircuitStore]:
    """The fake, and the real thing."""
    if request.param == "memory":
        yield MemoryCircuits(time.monotonic)
        return
    with redis_server(tmp_path) as server:
        found = RedisCircuits(Place("127.0.0.1", server.port))
        yield found
        await found.aclose()


async def only(store: CircuitStore) -> Told:
    """Return the one circuit that is told of."""
    [told] = await store.look()
    return told


async def test_what_one_tells_another_hears(store: CircuitStore) -> None:
    """Mark, names, epoch and trips as they were told, and what is left of the wait."""
    assert await store.look() == ()
    await store.open(opened(trips=3))
    told = await only(store)
    assert replace(told, wait_ms=0) == replace(opened(trips=3), wait_ms=0)
    assert 20_000 < told.wait_ms <= 60_000
    await store.open(opened(OTHER))
    assert {one.mark for one in await store.look()} == {MARK, OTHER}


async def test_no_later_failure_makes_a_wait_shorter(store: CircuitStore) -> None:
    """Whoever opens it as well for less time changes the epoch and nothing else; for more time, the wait."""
    await store.open(opened(trips=4, wait_s=600))
    await store.open(opened(epoch="2" * 32, wait_s=1))
    told = await only(store)
    assert (told.epoch, told.trips, told.wait_ms > 400_000) == ("2" * 32, 4, True)
    await store.open(opened(epoch="3" * 32, trips=5, wait_s=6000))
    told = await only(store)
    assert (told.epoch, told.trips, told.wait_ms > 4_000_000) == ("3" * 32, 5, True)


async def test_only_the_probe_of_this_epoch_closes(store: CircuitStore) -> None:
    """What was asked before it opened again decides nothing; a closed one may open anew, from the beginning."""
    await store.open(opened(trips=4, wait_s=600))
    await store.close(replace(opened(), epoch="9" * 32, is_closed=True))
    assert not (await only(store)).is_closed
    await store.close(replace(opened(), is_closed=True))
    assert (await only(store)).is_closed
    await store.open(opened(epoch="2" * 32, trips=1, wait_s=5))
    told = await only(store)
    assert (told.is_closed, told.trips, told.wait_ms <= 5000) == (False, 1, True)
    await store.close(replace(opened(OTHER), is_closed=True))
    assert [one.mark for one in await store.look()] == [MARK]


async def test_one_of_all_has_the_right_to_probe(store: CircuitStore) -> None:
    """Who has it keeps it; nobody else keeps it, gives it back, or takes it, until its owner gives it back."""
    assert await store.take(MARK, "one")
    assert not await store.take(MARK, "two")
    assert await store.take(OTHER, "two")
    assert await store.keep(MARK, "one")
    assert not await store.keep(MARK, "two")
    await store.release(MARK, "two")
    assert not await store.take(MARK, "two")
    await store.release(MARK, "one")
    assert await store.take(MARK, "two")
    assert not await store.keep(MARK, "one")
