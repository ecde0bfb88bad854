"""Keeps logins in the vault: recorded, then written, then used."""

import asyncio

from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Record, Unit
from firewall.gates.mcp.oauth.held import Held, Shelf, vault_name
from firewall.tokens.vault.sealing import Purpose
from firewall.tokens.vault.store import Vault

SELF = "stayhand"
"""Who renews tokens where no person does."""


class Keeping:
    """The logins of all servers."""

    def __init__(self, vault: Vault, sequencer: Sequencer, clock: Clock) -> None:
        self._vault = vault
        self._sequencer = sequencer
        self._clock = clock
        self._shelf = Shelf(vault)

    def now_s(self) -> int:
        """Return unix time in seconds."""
        return self._clock.now_us() // 1_000_000

    def read(self, server: str) -> Held | None:
        """Return what is kept of a server, None where nobody is logged in. Raises: ConfigError."""
        return self._shelf.read(server)

    async def write(self, server: str, held: Held, *, by: str = SELF) -> None:
        """Record that a login is new, and keep it. Raises: StoreError, VaultError."""
        name = vault_name(server)
        known = {one.name: one for one in await asyncio.to_thread(self._vault.listing)}
        old = known.get(name)
        record = Record(
            kind="credential.rotated" if old else "credential.added",
            data={"purpose": Purpose.OAUTH.value, "version": old.version + 1 if old else 1},
            person=by,
            principal=by,
            private={"name": name, "by": by, "issuer": held.issuer},
        )
        await self._sequencer.submit(Unit(records=(record,)))
        now_us = self._clock.now_us()
        if old is None:
            await asyncio.to_thread(self._vault.add, name, Purpose.OAUTH, held.dump(), now_us=now_us)
        else:
            await asyncio.to_thread(self._vault.rotate, name, held.dump(), now_us=now_us)
