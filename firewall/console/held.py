"""Streams that hold a seat, which is given back whatever becomes of the answer, also when nobody reads it."""

from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class HeldResponse(StreamingResponse):
    """A streamed answer with a seat.

    Of a body that nobody began to read no `finally` runs, so the answer itself gives the seat back.
    """

    def __init__(self, body: AsyncIterator[bytes], *, media_type: str, release: Callable[[], None]) -> None:
        """`release` gives the seat back; it may be called again."""
        super().__init__(body, media_type=media_type, headers={"x-accel-buffering": "no"})
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the body, and give the seat back."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()
