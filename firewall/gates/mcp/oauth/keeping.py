"""Keeps logins in the vault: recorded, then written, then used."""

import asyncio
from functools import partial

from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Record, Unit
from firewall.gates.mcp.oauth.held import Held, Shelf, vault_name
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.sealing import Purpose, Stored
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
        """Record that a login is new, and keep it in the place of any other. Raises: StoreError, VaultError."""
        name = vault_name(server)
        old = await self._stored(name)
        await self._record(name, held, old, by=by)
        now_us = self._clock.now_us()
        if old is None:
            await asyncio.to_thread(self._vault.add, name, Purpose.OAUTH, held.dump(), now_us=now_us)
        else:
            await asyncio.to_thread(self._vault.rotate, name, held.dump(), now_us=now_us)

    async def renew(self, server: str, before: Held | None, held: Held) -> bool:
        """Record and keep a login in the place of `before`; False where that is not what is kept any more.

        Raises: StoreError, VaultError, ConfigError.
        """
        name = vault_name(server)
        old = await self._stored(name)
        if self.read(server) != before or (old is None) is not (before is None):
            return False
        await self._record(name, held, old, by=SELF)
        now_us = self._clock.now_us()
        try:
            if old is None:
                await asyncio.to_thread(self._vault.add, name, Purpose.OAUTH, held.dump(), now_us=now_us)
            else:
                change = partial(self._vault.rotate, name, held.dump(), now_us=now_us, version=old.version)
                await asyncio.to_thread(change)
        except VaultError as error:
            if error.wrong in (Wrong.EXISTS, Wrong.MISSING):  # changed or removed since it was looked at
                return False
            raise
        return True

    async def _stored(self, name: str) -> Stored | None:
        known = await asyncio.to_thread(self._vault.listing)
        return next((one for one in known if one.name == name), None)

    async def _record(self, name: str, held: Held, old: Stored | None, *, by: str) -> None:
        record = Record(
            kind="credential.rotated" if old else "credential.added",
            data={"purpose": Purpose.OAUTH.value, "version": old.version + 1 if old else 1},
            person=by,
            principal=by,
            private={"name": name, "by": by, "issuer": held.issuer},
        )
        await self._sequencer.submit(Unit(records=(record,)))
