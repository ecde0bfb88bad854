"""Names to addresses, checked and pinned: the answer to DNS rebinding.

The first good answer is kept for `ttl_s`; connections use it and nothing else. INVARIANT: no address leaves here
that `addresses.refusal` refuses, and one bad address in an answer refuses the whole answer.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from firewall.routing.addresses import literal, refusal

Lookup = Callable[[str, int, socket.AddressFamily], Awaitable[list[ResolveResult]]]


class AddressRefusedError(OSError):
    """A name leads to an address that providers may not have."""


@dataclass(slots=True)
class _Pin:
    results: list[ResolveResult] = field(default_factory=list)
    fresh_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class PinningResolver(AbstractResolver):
    """Resolves once, checks, and answers the same until the pin expires."""

    def __init__(
        self,
        *,
        private_ok: bool,
        lookup: Lookup | None = None,
        ttl_s: float = 60.0,
        stale_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stale_s`: how much longer a pin serves while the name server does not answer."""
        self._private_ok = private_ok
        self._lookup = lookup
        self._ttl_s = ttl_s
        self._stale_s = stale_s
        self._clock = clock
        self._pins: dict[tuple[str, int, int], _Pin] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the pinned addresses of `host`.

        Raises: AddressRefusedError; OSError from the name server.
        """
        pin = self._pins.setdefault((host, port, family), _Pin())
        if self._clock() < pin.fresh_until:
            return list(pin.results)
        async with pin.lock:
            if self._clock() >= pin.fresh_until:
                await self._renew(pin, host, port, family)
            return list(pin.results)

    async def close(self) -> None:
        """Forget all pins."""
        self._pins.clear()

    async def _renew(self, pin: _Pin, host: str, port: int, family: socket.AddressFamily) -> None:
        lookup = self._lookup or ThreadedResolver().resolve
        try:
            found = await lookup(host, port, family)
        except OSError:
            if pin.results and self._clock() < pin.fresh_until + self._stale_s:
                return
            raise
        self._check(host, found)
        pin.results = found
        pin.fresh_until = self._clock() + self._ttl_s

    def _check(self, host: str, found: list[ResolveResult]) -> None:
        if not found:
            raise OSError(f"`{host}` has no address")
        for result in found:
            address = literal(result["host"].partition("%")[0])
            reason = "no address" if address is None else refusal(address, private_ok=self._private_ok)
            if reason is not None:
                raise AddressRefusedError(f"`{host}` leads to {reason}")
