"""Bytes between an agent and a target after both have left HTTP, until one of them or a limit ends it.

Nothing is masked here: a WebSocket's frames cannot change their length. What is watched for is the target's own
credential as it was sent: a target that says it back is cut off before that piece goes on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.work import Plain
from firewall.gates.infra.targets import SocketLimits
from firewall.routing.duplex import Duplex, End


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

    async def run(self, agent: Duplex, target: Duplex, limits: SocketLimits, forms: Sequence[bytes]) -> None:
        """Carry until it ends; both connections are closed then. `forms`: the credential's spellings.

        Cancelling ends it at once, with nothing more passed on.
        """
        loop = asyncio.get_running_loop()
        self._last_at = loop.time()
        ways = {
            loop.create_task(self._to_target(agent, target)),
            loop.create_task(self._to_agent(target, agent, _Spotter(forms))),
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

    async def _to_agent(self, target: Duplex, agent: Duplex, spotter: "_Spotter") -> Ending:
        while piece := await target.read():
            if spotter.sees(piece):
                return Ending.CREDENTIAL
            await agent.write(piece)
            self.to_agent_bytes += len(piece)
            self._last_at = asyncio.get_running_loop().time()
        return _ending(target, Ending.TARGET)


class _Spotter:
    """Finds a secret in any of its spellings in a stream, wherever it is cut; it never holds bytes back."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        self._forms = tuple(forms)
        self._keep = max((len(form) for form in forms), default=1) - 1
        self._tail = b""

    def sees(self, piece: bytes) -> bool:
        """Tell whether a spelling ends in this piece."""
        seen = self._tail + piece
        self._tail = seen[-self._keep :] if self._keep else b""
        return any(form in seen for form in self._forms)


def _ending(side: Duplex, closed: Ending) -> Ending:
    match side.end:
        case End.DRAINED:
            return Ending.DRAINED
        case End.BROKEN:
            return Ending.BROKEN
        case _:
            return closed
