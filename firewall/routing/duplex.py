"""A connection that no longer speaks HTTP: bytes both ways, each way with a bounded buffer.

What one side sends waits here until somebody takes it, and above a limit the connection is not read any more. It
is fed by whoever owns the connection (`data_received` and its like), so both of our protocols can go on as one.
"""

import asyncio
from enum import StrEnum

_HIGH = 256 << 10
"""Bytes that nobody has taken yet: reading stops above, and goes on once they are taken."""
_PIECE = 64
"""What a waiting piece costs beside its bytes."""
_FLUSH_S = 5.0
"""How long what was written may take to leave once a connection is closed."""


class End(StrEnum):
    """Why nothing more comes from a connection."""

    CLOSED = "closed"
    """The other side closed it."""
    BROKEN = "broken"
    """It broke."""
    DRAINED = "drained"
    """This server is stopping."""


class Duplex:
    """One connection as bytes; use it in one loop."""

    def __init__(self, transport: asyncio.Transport, first: bytes = b"") -> None:
        """`first`: bytes that have come already."""
        self._transport = transport
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_reading_paused = False
        self._reader: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.end: End | None = None
        """Why nothing more comes; None: it is open."""
        if first:
            self.data_received(first)

    async def read(self) -> bytes:
        """Return what has come and was not taken, waiting for it; empty at the end. One reader at a time."""
        while not self._pieces and self.end is None:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._is_reading_paused and self.end is None:
            self._is_reading_paused = False
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def write(self, data: bytes) -> None:
        """Send, waiting while the other side does not take what was sent before; nothing once it is closed."""
        await self._may_write.wait()
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Let what was written leave, within bounds, then close."""
        if not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(_FLUSH_S, self._transport.abort)

    def abort(self) -> None:
        """Close at once and drop what was not written."""
        self._transport.abort()

    # -- the connection's side

    def data_received(self, data: bytes) -> None:
        """Keep bytes until they are taken."""
        self._pieces.append(data)
        self._size += len(data) + _PIECE
        if self._size > _HIGH and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def ended(self, end: End) -> None:
        """Nothing more comes; what has come can still be taken. The first reason stays."""
        if self.end is None:
            self.end = end
        self._may_write.set()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.ended(End.CLOSED if error is None else End.BROKEN)

    def pause_writing(self) -> None:
        """The other side does not take what was sent."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """It has taken it."""
        self._may_write.set()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
