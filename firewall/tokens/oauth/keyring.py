"""The keys of an issuer, fetched when they are needed, one fetch at a time.

They are kept for ten minutes, and looked for anew when a token names one that is missing, at most twice a minute.

FAIL-CLOSED: keys that could not be renewed for an hour are used no more, so that an issuer can take one back.
"""

import asyncio
from collections.abc import Awaitable, Callable

from firewall.codecs.oauth.compact import Compact
from firewall.codecs.oauth.keys import PublicKey, fitting, keys_of
from firewall.core.errors import FirewallError

KEPT_S = 600.0
STALE_S = 3600.0
PAUSE_S = 30.0

Fetch = Callable[[], Awaitable[bytes]]
"""Fetches the document with the keys. Raises: FirewallError."""


class Keyring:
    """The keys of one issuer."""

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        """`now`: seconds of a clock that only goes forward."""
        self._fetch = fetch
        self._now = now
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failure: FirewallError | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def fitting(self, token: Compact) -> tuple[PublicKey, ...]:
        """Return the keys that may have signed a token. Raises: FirewallError where there are none to be had."""
        if not self._is_younger(KEPT_S):
            await self._renewed()
        found = self._found(token)
        if not found and self._may_try:
            await self._renewed()
            found = self._found(token)
        if not found and self._failure is not None:
            raise self._failure
        return found

    def _found(self, token: Compact) -> tuple[PublicKey, ...]:
        return fitting(self._keys, token) if self._is_younger(STALE_S) else ()

    def _is_younger(self, age_s: float) -> bool:
        return self._fetched_at is not None and self._now() - self._fetched_at < age_s

    @property
    def _may_try(self) -> bool:
        return self._tried_at is None or self._now() - self._tried_at >= PAUSE_S

    async def _renewed(self) -> None:
        """Fetch, or wait for a fetch that is under way; whoever goes away ends it for nobody else."""
        if self._fetching is None:
            if not self._may_try:
                return
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(self._done)
        await asyncio.shield(self._fetching)

    async def _renew(self) -> None:
        self._tried_at = self._now()
        try:
            self._keys = keys_of(await self._fetch())
        except FirewallError as error:
            self._failure = error
            return
        self._fetched_at, self._failure = self._now(), None

    def _done(self, _: "asyncio.Task[None]") -> None:
        self._fetching = None
