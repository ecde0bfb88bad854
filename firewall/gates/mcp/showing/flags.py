"""Entries about what servers' words held: one for each finding, not one for each time that it is heard."""

import hashlib
from collections import OrderedDict

from firewall.codecs.mcp.messages import Message
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.showing.cleaning import Found

_MOST = 4096
_AGAIN_US = 600 * 1_000_000
_EXCERPTS = 4


class Flags:
    """Writes `content.flagged`; the same finding again within ten minutes is not written again."""

    def __init__(self, sequencer: Sequencer, clock: Clock) -> None:
        self._sequencer = sequencer
        self._clock = clock
        self._told: OrderedDict[bytes, int] = OrderedDict()

    async def found(self, server: Server, caller: Caller, about: tuple[str, str], found: Found) -> None:
        """Record what was found; `about`: the method, and the name or address that was asked for.

        Raises: StoreError; then nothing may be shown.
        """
        signals = (*found.signals, *(("secret",) if found.rules else ()), *(("cut",) if found.cut else ()))
        excerpts = [one.excerpt for one in found.aims[:_EXCERPTS]]
        if not signals or self._is_told(server, caller, (*about, *signals, *excerpts)):
            return
        data: dict[str, Plain] = {"gate": "mcp", "method": about[0], "signals": signals}
        if found.values:
            data["masked"] = len(found.values)
        await self._write(server, caller, data, {"name": about[1], "rules": sorted(found.rules), "text": excerpts})

    async def refused(self, server: Server, caller: Caller, message: Message, why: str) -> None:
        """Record that a request of a server's own was not passed on.

        Raises: StoreError.
        """
        if not self._is_told(server, caller, (message.method, why)):
            data: dict[str, Plain] = {"gate": "mcp", "method": message.method[:64], "signals": (why,)}
            await self._write(server, caller, data, {"asked": message.raw[:4096].decode("utf-8", "replace")})

    async def _write(
        self, server: Server, caller: Caller, data: dict[str, Plain], private: dict[str, object]
    ) -> None:
        record = Record(
            kind="content.flagged",
            data=data,
            person=caller.grant.owner,
            principal=caller.requester.principal,
            private={"server": server.name, **private},
        )
        await self._sequencer.submit(Unit(records=(record,)))

    def _is_told(self, server: Server, caller: Caller, words: tuple[str, ...]) -> bool:
        key = hashlib.sha256("\0".join((server.name, caller.requester.principal, *words)).encode()).digest()
        now = self._clock.now_us()
        told = self._told.pop(key, None)
        self._told[key] = now if told is None or now - told > _AGAIN_US else told
        while len(self._told) > _MOST:
            self._told.popitem(last=False)
        return told is not None and now - told <= _AGAIN_US
