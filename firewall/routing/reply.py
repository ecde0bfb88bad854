"""An answer of a provider while it arrives, and what can go wrong with it; whoever carries it fills it."""

import asyncio
from typing import Protocol

from firewall.core.errors import UpstreamFault
from firewall.routing.duplex import Duplex

_PIECE = 64
"""What a waiting piece costs beside its bytes."""


class BrokenError(Exception):
    """An exchange that failed; the words stand after the provider's name and hold nothing that was sent."""

    def __init__(self, fault: UpstreamFault, words: str, detail: str = "") -> None:
        super().__init__(words)
        self.fault = fault
        self.words = words
        self.detail = detail


def malformed(detail: str) -> BrokenError:
    """Return the error for an answer that cannot be read."""
    return BrokenError(UpstreamFault.MALFORMED, "gave an answer that cannot be read", detail)


def late(detail: str) -> BrokenError:
    """Return the error for a provider that was too slow."""
    return BrokenError(UpstreamFault.TIMEOUT, "did not answer in time", detail)


def broken_off(detail: str) -> BrokenError:
    """Return the error for an answer that ended too early."""
    return BrokenError(UpstreamFault.UNAVAILABLE, "broke off its answer", detail)


def unreachable(detail: str) -> BrokenError:
    """Return the error for a provider that is not there."""
    return BrokenError(UpstreamFault.UNAVAILABLE, "cannot be reached", detail)


class Carrier(Protocol):
    """The connection that an answer arrives on."""

    loop: asyncio.AbstractEventLoop

    def resume(self) -> None:
        """Read on, since what had come was taken."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Reply:
    """An answer while it arrives: its head, and the bytes of its body that nobody has taken yet."""

    __slots__ = (
        "_connection",
        "_loop",
        "_pieces",
        "_size",
        "_waiter",
        "done",
        "error",
        "fields",
        "has_body",
        "has_head",
        "status",
        "tunnel",
    )

    def __init__(self, connection: Carrier) -> None:
        self._connection: Carrier | None = connection
        self._loop = connection.loop
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        """As they were written, in order."""
        self.has_head = False
        self.has_body = True
        self.done = False
        """All of it has come, or nothing more will."""
        self.error: BrokenError | None = None
        self.tunnel: Duplex | None = None
        """The connection itself, after a 101 that was asked for."""

    @property
    def is_complete(self) -> bool:
        """All of it has come, and nothing went wrong; of HEAD, whose length means nothing, never."""
        return self.done and self.error is None and self.has_body

    async def head(self) -> None:
        """Wait for the head.

        Raises: BrokenError.
        """
        while not self.has_head:
            if self.error is not None:
                raise self.error
            await self._more()

    async def take(self) -> bytes:
        """Return what has come and was not taken, waiting for it; empty at the end.

        Raises: BrokenError once everything before it was taken.
        """
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.done:
                return b""
            await self._more()
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._connection is not None:
            self._connection.resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take_whole(self) -> bytes | None:
        """Return what was not taken of an answer that is all here; None: not all is, or it went wrong."""
        if not self.done or self.error is not None:
            return None
        pieces, self._pieces, self._size = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def abandon(self) -> None:
        """Let go: an answer that has not ended takes its connection along."""
        if self._connection is not None:
            self._connection.abort()
        elif self.tunnel is not None:
            self.tunnel.abort()

    # -- the connection's side

    def put(self, body: bytes) -> int:
        """Add a piece of the body; returns how many bytes waiting takes."""
        self._pieces.append(body)
        self._size += len(body) + _PIECE
        return self._size

    def end(self, error: BrokenError | None) -> None:
        """Nothing more comes."""
        self.done = True
        self.error = error
        self._connection = None

    def wake(self) -> None:
        """Let the one who waits look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _more(self) -> "asyncio.Future[None]":
        """Return what is done when there is something new to see; one at a time."""
        waiter = self._waiter = self._loop.create_future()
        return waiter
