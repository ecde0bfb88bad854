"""Names to addresses, checked and pinned: the answer to DNS rebinding.

The first good answer is kept for `ttl_s`; connections use it and nothing else. INVARIANT: no address leaves here
that `addresses.refusal` refuses, and one bad address in an answer refuses the whole answer.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from firewall.routing.addresses import literal, refusal

_PATIENCE_S = 2.0
"""How long a name server may take while there is a pin that can serve instead."""
_AGAIN_S = 10.0
"""How long such a pin serves before the name server is asked again."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses as text, in the order to try them; OSError where the name server has none."""


class AddressRefusedError(OSError):
    """A name leads to an address that providers may not have."""


@dataclass(slots=True)
class _Pin:
    addresses: list[str] = field(default_factory=list)
    fresh_until: float = 0.0
    stale_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class PinningResolver:
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
        self._lookup = lookup or system_lookup
        self._ttl_s = ttl_s
        self._stale_s = stale_s
        self._clock = clock
        self._pins: dict[tuple[str, int], _Pin] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the pinned addresses of `host`.

        Raises: AddressRefusedError; OSError from the name server.
        """
        pin = self._pins.setdefault((host, port), _Pin())
        if self._clock() < pin.fresh_until:
            return list(pin.addresses)
        async with pin.lock:
            if self._clock() >= pin.fresh_until:
                await self._renew(pin, host, port)
            return list(pin.addresses)

    async def _renew(self, pin: _Pin, host: str, port: int) -> None:
        can_serve = self._clock() < pin.stale_until
        try:
            async with asyncio.timeout(_PATIENCE_S if can_serve else None):
                found = await self._lookup(host, port)
        except OSError:  # a time-out is one
            if not can_serve:
                raise
            pin.fresh_until = min(self._clock() + _AGAIN_S, pin.stale_until)
            return
        self._check(host, found)
        pin.addresses = found
        pin.fresh_until = self._clock() + self._ttl_s
        pin.stale_until = pin.fresh_until + self._stale_s

    def _check(self, host: str, found: list[str]) -> None:
        if not found:
            raise OSError(f"`{host}` has no address")
        for text in found:
            address = literal(text.partition("%")[0])
            reason = "no address" if address is None else refusal(address, private_ok=self._private_ok)
            if reason is not None:
                raise AddressRefusedError(f"`{host}` leads to {reason}")


async def system_lookup(host: str, port: int) -> list[str]:
    """Ask the operating system's resolver, in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))
