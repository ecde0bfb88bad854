"""Reading a request body within limits, and ending work when the client is gone.

Gates call `read_body` after they have authenticated, so that a stranger's body is never kept.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Receive

from firewall.core.errors import ProtocolError
from firewall.gates.edge.cycle import cycle_of


class ClientGoneError(Exception):
    """The client closed its connection; nobody is left to answer."""


def too_large(limit: int) -> ProtocolError:
    """Return the error for a body over `limit` bytes (413)."""
    return ProtocolError(f"the body is larger than {limit} bytes", code="body_too_large", status=413)


def limited(receive: Receive, limit: int) -> Receive:
    """Wrap `receive` so that it raises after more than `limit` bytes: for bodies without a declared length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise too_large(limit)
        return message

    return counted


async def read_body(receive: Receive, limit: int, *, timeout_s: float = 60.0) -> bytes:
    """Return the whole body, at most `limit` bytes, within `timeout_s` seconds.

    Raises: ProtocolError `body_too_large` (413) or `body_timeout` (408); ClientGoneError.
    """
    cycle = cycle_of(receive)
    whole = cycle.take_whole() if cycle is not None else None
    if whole is None:
        return await _read_in_time(receive, limit, timeout_s)
    if len(whole) > limit:
        raise too_large(limit)
    return whole


async def _read_in_time(receive: Receive, limit: int, timeout_s: float) -> bytes:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("read_body needs a task")
    late = False

    def expire() -> None:
        nonlocal late
        late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(timeout_s, expire)
    try:
        return await _read(receive, limit)
    except asyncio.CancelledError:
        if late and task.uncancel() == 0:
            raise ProtocolError("the body took too long", code="body_timeout", status=408) from None
        raise
    finally:
        timer.cancel()


async def _read(receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block as soon as the client is gone; use it after the body was read.

    Raises: ClientGoneError in place of the cancellation.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("while_connected needs a task")
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.ensure_future(watch())
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGoneError from None
        raise
    finally:
        watcher.cancel()
