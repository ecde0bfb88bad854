"""The vault's desk and routes: credentials are added, rotated, removed, listed and tried, by admins alone.

INVARIANT: a value comes in and never goes out; what is written down is its name (sealed), its purpose and version.
The entry that says what changes is durable before the change; a change that fails has an entry of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.console.shape import rfc3339
from firewall.core.ports import Clock, Sequencer
from firewall.core.secret import Secret
from firewall.core.work import Plain, Record, Unit
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.sealing import Purpose, Stored
from firewall.tokens.vault.store import Vault, check_name, check_value

Json = Mapping[str, object]
Probe = Callable[[str], Awaitable[Sequence[Json]]]
"""Tries the targets that use a credential, and says what their providers tell of it."""


class CredentialDesk(Protocol):
    """Keeps credentials; values go in and never come out."""

    async def kept(self) -> list[Json]:
        """Return what there is: name, purpose, version, when it changed, and where it is used."""
        ...

    async def keep(self, name: str, purpose: str, value: Secret, by: Approver) -> Json:
        """Keep a new credential. Raises: FirewallError."""
        ...

    async def rotate(self, name: str, value: Secret, by: Approver) -> Json:
        """Put a new value in the old one's place. Raises: FirewallError."""
        ...

    async def forget(self, name: str, by: Approver) -> Json:
        """Remove a credential. Raises: FirewallError."""
        ...

    async def try_out(self, name: str, by: Approver) -> Json:
        """Open a credential and ask the providers of its targets what it may do. Raises: FirewallError."""
        ...


class Vaulting:
    """The desk over a real vault."""

    def __init__(
        self, vault: Vault, sequencer: Sequencer, clock: Clock, *, users: Mapping[str, Sequence[str]], probe: Probe
    ) -> None:
        """`users`: which parts of the configuration name a credential."""
        self._vault = vault
        self._sequencer = sequencer
        self._clock = clock
        self._users = users
        self._probe = probe
        self._one = asyncio.Lock()

    async def kept(self) -> list[Json]:
        """Return what there is."""
        return [self._shown(one) for one in await asyncio.to_thread(self._vault.listing)]

    async def keep(self, name: str, purpose: str, value: Secret, by: Approver) -> Json:
        """Keep a new credential. Raises: VaultError."""
        check_name(name)
        check_value(value)
        use = _purpose(purpose)
        async with self._one:
            known = {one.name for one in await asyncio.to_thread(self._vault.listing)}
            if name in known:
                raise VaultError(
                    Wrong.EXISTS,
                    f"there is a credential `{name}` already",
                    hint=f"stayhand credential rotate {name}",
                )
            at = self._clock.now_us()
            stored = Stored(name, use, 1, at)
            return await self._changed(
                "credential.added", stored, by, lambda: self._vault.add(name, use, value, now_us=at)
            )

    async def rotate(self, name: str, value: Secret, by: Approver) -> Json:
        """Put a new value in the old one's place: requests from now on use it. Raises: VaultError."""
        check_value(value)
        async with self._one:
            old = await asyncio.to_thread(self._vault.stored, name)
            at = self._clock.now_us()
            stored = Stored(name, old.purpose, old.version + 1, at)
            return await self._changed(
                "credential.rotated", stored, by, lambda: self._vault.rotate(name, value, now_us=at)
            )

    async def forget(self, name: str, by: Approver) -> Json:
        """Remove a credential: whatever uses it is refused from now on. Raises: VaultError."""
        async with self._one:
            stored = await asyncio.to_thread(self._vault.stored, name)
            return await self._changed("credential.removed", stored, by, lambda: self._vault.remove(name))

    async def try_out(self, name: str, by: Approver) -> Json:
        """Open a credential and ask its providers. Raises: VaultError."""
        stored = await asyncio.to_thread(self._vault.stored, name)
        await asyncio.to_thread(self._vault.secret, name, stored.purpose)
        await self._record("credential.tested", stored, by)
        return {**self._shown(stored), "opens": True, "findings": [dict(one) for one in await self._probe(name)]}

    async def _changed(self, kind: str, stored: Stored, by: Approver, change: Callable[[], Stored]) -> Json:
        await self._record(kind, stored, by)
        try:
            done = await asyncio.to_thread(change)
        except VaultError as error:
            await self._record("credential.failed", stored, by, change=kind, code=error.code)
            raise
        return self._shown(done)

    async def _record(self, kind: str, stored: Stored, by: Approver, **more: Plain) -> None:
        record = Record(
            kind=kind,
            data={"purpose": stored.purpose.value, "version": stored.version, **more},
            person=by.name,
            principal=by.name,
            private={"name": stored.name, "by": by.name},
        )
        await self._sequencer.submit(Unit(records=(record,)))

    def _shown(self, stored: Stored) -> Json:
        return {
            "name": stored.name,
            "purpose": stored.purpose.value,
            "version": stored.version,
            "changed_at": rfc3339(stored.changed_at),
            "used_by": list(self._users.get(stored.name, ())),
        }


class CredentialRoutes:
    """The handlers of `/api/credentials…`."""

    def __init__(self, desk: CredentialDesk) -> None:
        self._desk = desk

    async def listing(self, _request: Request, _asker: Asker) -> Response:
        """List credentials, without their values."""
        return JSONResponse([dict(one) for one in await self._desk.kept()])

    async def add(self, request: Request, asker: Asker) -> Response:
        """Keep a new credential: `{"name", "purpose", "value"}`."""
        fields = await read_json(request, {"name": str, "purpose": str, "value": str}, required=("name", "value"))
        value = Secret(str(fields.pop("value")))
        name, purpose = str(fields["name"]), str(fields.get("purpose") or Purpose.TARGET.value)
        return JSONResponse(dict(await self._desk.keep(name, purpose, value, asker.known)), 201)

    async def rotate(self, request: Request, asker: Asker) -> Response:
        """Replace a credential's value: `{"value"}`."""
        fields = await read_json(request, {"value": str}, required=("value",))
        value = Secret(str(fields.pop("value")))
        return JSONResponse(dict(await self._desk.rotate(request.path_params["name"], value, asker.known)))

    async def remove(self, request: Request, asker: Asker) -> Response:
        """Remove a credential."""
        return JSONResponse(dict(await self._desk.forget(request.path_params["name"], asker.known)))

    async def try_out(self, request: Request, asker: Asker) -> Response:
        """Try a credential."""
        return JSONResponse(dict(await self._desk.try_out(request.path_params["name"], asker.known)))


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError as error:
        known = ", ".join(Purpose)
        raise VaultError(Wrong.PURPOSE, f"a credential is for one of {known}", status=422) from error
