"""Bytes between an agent and a target after both have left HTTP, until one of them or a limit ends it.

What the target says has its credentials hidden (`frames`), and where it says its own as it was sent, it is cut off
before that piece goes on. What could still become a credential waits for a twentieth of a second at most, so that
who types at a shell sees what he types.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.work import Plain
from firewall.gates.infra.frames import CredentialSaidError, FrameError, Frames
from firewall.gates.infra.targets import SocketLimits
from firewall.routing.duplex import Duplex, End

QUIET_S = 0.05
"""How long bytes wait for what follows them."""


class Ending(StrEnum):
    """How it ended."""

    CLIENT = "client"
    """The agent's side closed."""
    TARGET = "target"
    """The target closed."""
    BROKEN = "broken"
    """A connection broke."""
    IDLE = "idle"
    TOTAL = "total"
    DRAINED = "drained"
    """This server is stopping."""
    CREDENTIAL = "credential"
    """The target said its credential."""
    MALFORMED = "malformed"
    """What the target said is no WebSocket."""
    REVOKED = "revoked"
    """The token was revoked, or whoever served this was cancelled."""


@dataclass(slots=True)
class Relay:
    """What went each way, and how it ended; filled while it runs."""

    to_target_bytes: int = 0
    to_agent_bytes: int = 0
    ended: Ending = Ending.REVOKED
    _last_at: float = 0.0

    def facts(self) -> dict[str, Plain]:
        """Return what the entry of the outcome says."""
        return {
            "sent_bytes": self.to_target_bytes,
            "received_bytes": self.to_agent_bytes,
            "ended": self.ended.value,
        }

    async def run(self, agent: Duplex, target: Duplex, limits: SocketLimits, frames: Frames) -> None:
        """Carry until it ends; both connections are closed then. `frames`: reads what the target says.

        Cancelling ends it at once, with nothing more passed on.
        """
        loop = asyncio.get_running_loop()
        self._last_at = loop.time()
        ways = {
            loop.create_task(self._to_target(agent, target)),
            loop.create_task(self._to_agent(target, agent, frames)),
        }
        try:
            self.ended = await self._until_over(ways, limits)
        except asyncio.CancelledError:
            agent.abort()
            target.abort()
            raise
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            agent.close()
            target.close()

    async def _until_over(self, ways: "set[asyncio.Task[Ending]]", limits: SocketLimits) -> Ending:
        loop = asyncio.get_running_loop()
        total_at = loop.time() + limits.total_s
        while True:
            quiet_at = self._last_at + limits.idle_s
            left_s = min(quiet_at, total_at) - loop.time()
            done, _ = await asyncio.wait(ways, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED)
            if done:
                return done.pop().result()
            if loop.time() >= total_at:
                return Ending.TOTAL
            if loop.time() >= self._last_at + limits.idle_s:
                return Ending.IDLE

    async def _to_target(self, agent: Duplex, target: Duplex) -> Ending:
        while piece := await agent.read():
            await target.write(piece)
            self.to_target_bytes += len(piece)
            self._last_at = asyncio.get_running_loop().time()
        return _ending(agent, Ending.CLIENT)

    async def _to_agent(self, target: Duplex, agent: Duplex, frames: Frames) -> Ending:
        try:
            while piece := await self._heard(target, agent, frames):
                self._last_at = asyncio.get_running_loop().time()
                await self._pass_on(agent, frames.feed(piece))
        except CredentialSaidError:
            return Ending.CREDENTIAL
        except FrameError:
            return Ending.MALFORMED
        await self._pass_on(agent, frames.flush())
        return _ending(target, Ending.TARGET)

    async def _heard(self, target: Duplex, agent: Duplex, frames: Frames) -> bytes:
        """Return what comes next; what waits for it goes on where nothing comes soon."""
        if frames.is_waiting:
            try:
                async with asyncio.timeout(QUIET_S):
                    return await target.read()
            except TimeoutError:
                await self._pass_on(agent, frames.flush())
        return await target.read()

    async def _pass_on(self, agent: Duplex, data: bytes) -> None:
        if data:
            await agent.write(data)
            self.to_agent_bytes += len(data)


def _ending(side: Duplex, closed: Ending) -> Ending:
    match side.end:
        case End.DRAINED:
            return Ending.DRAINED
        case End.BROKEN:
            return Ending.BROKEN
        case _:
            return closed
