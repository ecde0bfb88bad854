"""Connections to providers, kept for the next request: opened to checked addresses only, bounded, never shared.

A connection serves one exchange at a time. INVARIANT: a host's name is resolved and checked by the resolver before
a socket is opened, and TLS proves that name, not the address.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from firewall.core.errors import UpstreamFault
from firewall.routing.addresses import literal
from firewall.routing.reply import BrokenError, late, unreachable
from firewall.routing.resolver import AddressRefusedError
from firewall.routing.wire import Connection

KEEP_ALIVE_S = 55.0
"""Between an agent's turns; shorter than what stands before providers closes connections after (60 s and more), so
that a request seldom meets one that is being closed."""
FRESH_S = 15.0
"""The same for what may change something at a target: nobody would know whether it did."""
CONNECTIONS = 1024
"""Open at once; held streams keep theirs, so this is well over the 200 that must flow."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses that may be spoken to."""


class Origin(NamedTuple):
    """Where a connection leads: scheme, host and port."""

    host: str
    port: int
    is_tls: bool


class Pool:
    """The connections of one kind of network; use it in one loop and `close` it there."""

    def __init__(self, *, resolve: Resolve, tls: ssl.SSLContext, most: int = CONNECTIONS) -> None:
        self._resolve = resolve
        self._tls = tls
        self._most = most
        self._open = 0
        self._idle: dict[Origin, list[Connection]] = {}
        self._all: set[Connection] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    def idle(self, origin: Origin, now: float, *, is_fresh: bool = False) -> Connection | None:
        """Return a connection that can be used at once, the one used last. `now`: by the loop's clock.

        `is_fresh`: not one that has rested for more than FRESH_S.
        """
        free = self._idle.get(origin)
        if not free:
            return None
        oldest = now - (min(FRESH_S, KEEP_ALIVE_S) if is_fresh else KEEP_ALIVE_S)
        while free:
            connection = free.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def connect(self, origin: Origin, within_s: float, *, is_fresh: bool = False) -> Connection:
        """Open a connection, waiting for a free place, the resolver, the socket and TLS together.

        Raises: BrokenError.
        """
        try:
            async with asyncio.timeout(within_s):
                while self._open >= self._most:
                    self._evict()
                    await self._place()
                    now = asyncio.get_running_loop().time()
                    if (connection := self.idle(origin, now, is_fresh=is_fresh)) is not None:
                        return connection
                return await self._dial(origin, within_s)
        except TimeoutError:
            error = late("connecting")
        except ssl.SSLError as found:
            error = BrokenError(UpstreamFault.UNAVAILABLE, "could not prove who it is", type(found).__name__)
        except AddressRefusedError:
            error = BrokenError(UpstreamFault.REJECTED, "leads to an address that is not allowed")
        except OSError as found:
            error = unreachable(f"{type(found).__name__}: {found.strerror or found}")
        raise error

    def close(self) -> None:
        """Close every connection."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in list(self._all):
            connection.abort()

    async def _dial(self, origin: Origin, within_s: float) -> Connection:
        self._open += 1
        try:
            addresses = [origin.host] if literal(origin.host) else await self._resolve(origin.host, origin.port)
            connection = await self._first(origin, addresses, within_s)
        except BaseException:
            self._open -= 1
            self._wake_one()
            raise
        self._all.add(connection)
        if not connection.is_open:  # closed between its opening and now, so `lost` found nothing to forget
            self._forget(origin, connection)
            raise ConnectionResetError("closed at once")
        return connection

    async def _first(self, origin: Origin, addresses: list[str], within_s: float) -> Connection:
        """Try the addresses in turn, each with its share of the time."""
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(within_s / len(addresses)):
                    return await self._one(origin, address)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure

    async def _one(self, origin: Origin, address: str) -> Connection:
        loop = asyncio.get_running_loop()
        free, lost = partial(self._freed, origin), partial(self._forget, origin)
        _, connection = await loop.create_connection(
            lambda: Connection(loop, free=free, lost=lost),
            address,
            origin.port,
            ssl=self._tls if origin.is_tls else None,
            server_hostname=origin.host if origin.is_tls else None,
        )
        return connection

    def _freed(self, origin: Origin, connection: Connection) -> None:
        loop = connection.loop
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_ALIVE_S, self._close_stale)
        if self._waiting:
            self._wake_one()

    def _forget(self, origin: Origin, connection: Connection) -> None:
        if connection not in self._all:
            return
        self._all.discard(connection)
        self._open -= 1
        free = self._idle.get(origin)
        if free and connection in free:
            free.remove(connection)
        self._wake_one()

    def _evict(self) -> None:
        """Close one idle connection to anywhere; its place is free when it is gone."""
        for free in self._idle.values():
            if free:
                free.pop(0).abort()
                return

    async def _place(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake_one()  # the place was ours to take: it goes to the next
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _close_stale(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - KEEP_ALIVE_S
        for free in self._idle.values():
            while free and free[0].idle_since <= oldest:
                free.pop(0).close()
        left = [free[0].idle_since for free in self._idle.values() if free]
        self._sweep = loop.call_at(min(left) + KEEP_ALIVE_S, self._close_stale) if left else None
