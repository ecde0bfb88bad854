"""Reads what the MCP gate tells by itself: the answer that stays open, and the stream of a session."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.mcp_posting import NOTES, Poster, until


@dataclass(slots=True)
class Stream:
    """What came, as it came."""

    status: int = 0
    messages: list[dict[str, object]] = field(default_factory=list)
    is_over: bool = False

    @property
    def methods(self) -> list[object]:
        """What was told, or `None` for an answer."""
        return [one.get("method") for one in self.messages]

    async def has(self, count: int) -> list[dict[str, object]]:
        """Wait for so many messages."""
        await until(lambda: len(self.messages) >= count or self.is_over)
        assert len(self.messages) >= count, (self.status, self.messages)
        return self.messages

    async def ended(self) -> list[dict[str, object]]:
        """Wait for its end."""
        await until(lambda: self.is_over)
        return self.messages


@asynccontextmanager
async def listening(poster: Poster, **notifications: object) -> AsyncIterator[Stream]:
    """Listen as a stateless client does, under the id `mine`."""
    params = {"notifications": notifications, "_meta": NOTES}
    message = {"jsonrpc": "2.0", "id": "mine", "method": "subscriptions/listen", "params": params}
    fields = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}
    async with _open(poster, "POST", fields, json.dumps(message).encode()) as stream:
        yield stream


@asynccontextmanager
async def hearing(poster: Poster, session: str) -> AsyncIterator[Stream]:
    """Open the stream of a session."""
    fields = {"mcp-protocol-version": "2025-11-25", "mcp-session-id": session}
    async with _open(poster, "GET", fields, b"") as stream:
        await until(lambda: stream.status != 0)
        yield stream


@asynccontextmanager
async def _open(poster: Poster, method: str, fields: dict[str, str], body: bytes) -> AsyncIterator[Stream]:
    stream = Stream()
    headers = {
        "authorization": f"Bearer {poster.token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        **fields,
    }

    async def read() -> None:
        try:
            async with poster.http.stream(method, poster.url, content=body, headers=headers) as answer:
                stream.status = answer.status_code
                if answer.headers.get("content-type") != "text/event-stream":
                    stream.messages.append(json.loads(await answer.aread()))
                    return
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        stream.messages.append(json.loads(line.removeprefix("data: ")))
        except httpx.ReadError:
            pass
        finally:
            stream.is_over = True

    reading = asyncio.create_task(read())
    try:
        yield stream
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
