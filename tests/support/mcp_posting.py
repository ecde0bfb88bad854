"""Speaks MCP to the gate by hand: what official clients never send has to be answered as well."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive

from firewall.codecs.mcp.headers import NAMED
from firewall.gates.edge.body import read_body
from firewall.settings.mcp import McpServer

ROUGH = Path(__file__).with_name("mcp_rough.py")
LIMIT_S = 30
NOTES = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def rough(*flaws: str, name: str = "rough", **more: object) -> McpServer:
    """Return a program that serves badly."""
    settings = {"name": name, "environment": "staging", "command": (sys.executable, str(ROUGH), *flaws), **more}
    return McpServer.model_validate(settings)


@dataclass(slots=True)
class Said:
    """What came back."""

    status: int
    headers: httpx.Headers
    messages: list[dict[str, object]] = field(default_factory=list)
    """All of them, the answer last."""

    @property
    def answer(self) -> dict[str, object]:
        """The answer."""
        return self.messages[-1]

    @property
    def code(self) -> tuple[int, str]:
        """The number and the word of an error."""
        error = self.answer["error"]
        assert isinstance(error, dict), self.answer
        return error["code"], error["data"]["code"]

    @property
    def text(self) -> str:
        """The text of a call's result."""
        result = self.answer["result"]
        assert isinstance(result, dict), self.answer
        return str(result["content"][0]["text"])


@dataclass(slots=True)
class Poster:
    """A client that sends what it is told."""

    http: httpx.AsyncClient
    url: str
    token: str

    async def raw(self, body: bytes, *, method: str = "POST", **headers: str) -> Said:
        """Send bytes; `headers` with underscores for hyphens."""
        fields = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.request(
            method, self.url, content=body, headers={name: value for name, value in fields.items() if value}
        )
        return Said(answer.status_code, answer.headers, _messages(answer))

    async def modern(
        self, method: str, id_: object = 1, *, headers: dict[str, str] | None = None, **params: object
    ) -> Said:
        """Send a request of 2026-07-28; `can`: what the client declares with it."""
        can = {"io.modelcontextprotocol/clientCapabilities": params.pop("can", {})}
        meta = {**NOTES, **can, **params.pop("_meta", {})}  # type: ignore[dict-item]  # a dict where it is given
        message = {"jsonrpc": "2.0", "id": id_, "method": method, "params": {**params, "_meta": meta}}
        fields = {"mcp_protocol_version": "2026-07-28", "mcp_method": method}
        if method in NAMED and NAMED[method] in params:
            fields["mcp_name"] = str(params[NAMED[method]])
        return await self.raw(json.dumps(message).encode(), **fields | (headers or {}))

    async def legacy(self, method: str, id_: object = 1, *, session: str = "", **params: object) -> Said:
        """Send a request of 2025-06-18."""
        message = {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
        return await self.raw(
            json.dumps(message).encode(), mcp_protocol_version="2025-06-18", mcp_session_id=session
        )

    async def note(self, method: str, *, session: str, **params: object) -> Said:
        """Send a notification of 2025-06-18."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        return await self.raw(
            json.dumps(message).encode(), mcp_protocol_version="2025-06-18", mcp_session_id=session
        )

    async def begin(self, version: str = "2025-06-18", **capabilities: object) -> str:
        """Begin a session; returns its id."""
        info = {"name": "hand", "version": "0"}
        said = await self.legacy("initialize", protocolVersion=version, capabilities=capabilities, clientInfo=info)
        assert said.status == 200, said
        return said.headers["mcp-session-id"]


@asynccontextmanager
async def posting(url: str, token: str) -> AsyncIterator[Poster]:
    """Speak to an address."""
    async with httpx.AsyncClient(trust_env=False, timeout=LIMIT_S) as http:
        yield Poster(http, url, token)


async def in_halves(
    poster: Poster,
    message: object,
    fields: Mapping[str, str],
    *,
    between: Awaitable[object],
    patch: pytest.MonkeyPatch,
) -> Said:
    """Send a message in two parts: the second after the gate took the first, and what is to happen `between`."""
    came_in = asyncio.Event()
    body = json.dumps(message).encode()

    async def reading(receive: Receive, most: int) -> bytes:
        came_in.set()
        return await read_body(receive, most)

    async def parts() -> AsyncIterator[bytes]:
        yield body[:40]
        await came_in.wait()
        await between
        yield body[40:]

    patch.setattr("firewall.gates.mcp.gate.read_body", reading)
    headers = {
        "authorization": f"Bearer {poster.token}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "accept": "application/json, text/event-stream",
        **fields,
    }
    async with asyncio.timeout(LIMIT_S):
        answer = await poster.http.post(poster.url, content=parts(), headers=headers)
    return Said(answer.status_code, answer.headers, _messages(answer))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


def _messages(answer: httpx.Response) -> list[dict[str, object]]:
    if answer.headers.get("content-type") == "text/event-stream":
        lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines]
    return [json.loads(answer.content)] if answer.content else []
