"""Bytes between an agent and a target: counted, bounded in time, and cut off where a credential appears."""

import asyncio
from unittest.mock import Mock

import pytest

from firewall.classify.credentials.masking import Masker
from firewall.gates.infra.frames import Frames
from firewall.gates.infra.relay import Ending, Relay
from firewall.gates.infra.targets import SocketLimits
from firewall.routing.duplex import Duplex, End
from tests.support.credentials import DETECTOR
from tests.support.sockets import frame

LIMITS = SocketLimits(idle_s=30, total_s=30)
SECRET = b"tgt-canary-secret"


class Side(Duplex):
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        transport = Mock(spec=asyncio.Transport)
        transport.is_closing.return_value = False
        super().__init__(transport)
        self.out: list[bytes] = []
        self.written = asyncio.Event()
        transport.write.side_effect = self._note

    def _note(self, data: bytes) -> None:
        self.out.append(data)
        self.written.set()


def frames() -> Frames:
    """Return a reader that masks, and that knows the target's own credential."""
    return Frames(lambda: Masker(DETECTOR, keeps_length=True), forms=(SECRET,))


async def carried(agent: Side, target: Side, limits: SocketLimits = LIMITS) -> Relay:
    """Run one until it ends."""
    relay = Relay()
    await relay.run(agent, target, limits, frames())
    return relay


@pytest.mark.parametrize(
    ("side", "end", "ended"),
    [
        ("agent", End.CLOSED, Ending.CLIENT),
        ("agent", End.BROKEN, Ending.BROKEN),
        ("agent", End.DRAINED, Ending.DRAINED),
        ("target", End.CLOSED, Ending.TARGET),
        ("target", End.BROKEN, Ending.BROKEN),
    ],
)
async def test_the_side_that_ends_it_is_named(side: str, end: End, ended: Ending) -> None:
    """What had come is passed on and counted before the end is told."""
    sides = {"agent": Side(), "target": Side()}
    sides[side].data_received(frame(b"last"))
    sides[side].ended(end)
    relay = await carried(sides["agent"], sides["target"])
    assert relay.ended is ended
    assert relay.to_target_bytes + relay.to_agent_bytes == 6
    assert sides["target" if side == "agent" else "agent"].out == [frame(b"last")]


@pytest.mark.parametrize("at", range(1, len(SECRET)))
async def test_a_credential_is_found_wherever_it_is_cut(at: int) -> None:
    """The piece that completes it is not passed on."""
    agent, target = Side(), Side()
    running = asyncio.ensure_future(carried(agent, target))
    target.data_received(frame(b"a " + SECRET[:at]))
    await agent.written.wait()
    target.data_received(frame(SECRET[at:] + b" more"))
    assert (await running).ended is Ending.CREDENTIAL
    assert frame(b"a " + SECRET[:at]).startswith(b"".join(agent.out))


async def test_a_word_that_nothing_follows_goes_on() -> None:
    """Who types at a shell sees what he types: what waits is let go where nothing comes for a moment."""
    agent, target = Side(), Side()
    running = asyncio.ensure_future(carried(agent, target))
    target.data_received(frame(b"l"))
    async with asyncio.timeout(10):
        while b"".join(agent.out) != frame(b"l"):
            agent.written.clear()
            await agent.written.wait()
    target.ended(End.CLOSED)
    assert (await running).ended is Ending.TARGET


async def test_what_is_no_websocket_ends_it() -> None:
    """Bytes that are no frame of a server go no further."""
    agent, target = Side(), Side()
    target.data_received(b"HTTP/1.1 200 OK")
    assert (await carried(agent, target)).ended is Ending.MALFORMED
    assert agent.out == []


async def test_what_the_agent_says_is_not_searched() -> None:
    """It does not have the credential; what it types is its own."""
    agent, target = Side(), Side()
    agent.data_received(SECRET)
    agent.ended(End.CLOSED)
    assert (await carried(agent, target)).ended is Ending.CLIENT
    assert target.out == [SECRET]


@pytest.mark.parametrize(
    ("limits", "ended"), [(SocketLimits(0, 30), Ending.IDLE), (SocketLimits(30, 0), Ending.TOTAL)]
)
async def test_limits_end_it(limits: SocketLimits, ended: Ending) -> None:
    """Nothing said for too long, and too long in all."""
    assert (await carried(Side(), Side(), limits)).ended is ended


async def test_cancelling_passes_nothing_on() -> None:
    """A revoked token ends both connections at once, and it is told as that."""
    agent, target = Side(), Side()
    relay = Relay()
    running = asyncio.ensure_future(relay.run(agent, target, LIMITS, frames()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    target.data_received(b"late")
    assert (relay.ended, agent.out) == (Ending.REVOKED, [])
    assert relay.facts() == {"sent_bytes": 0, "received_bytes": 0, "ended": "revoked"}
