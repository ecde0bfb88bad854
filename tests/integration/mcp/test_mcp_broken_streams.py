"""Connections that break or end before the answer: a server's events are gone on with, a client is asked again."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.core.errors import UpstreamError
from firewall.core.secret import Secret
from firewall.gates.mcp.hearing import Still
from firewall.gates.mcp.oauth.held import login_needed
from firewall.gates.mcp.port import Caller, NotRunError, Seen, Server, Upstream
from firewall.gates.mcp.upstream.greeting import Wanted
from firewall.gates.mcp.upstream.http import Address, HttpLine
from firewall.routing.port import Credential, Endpoint
from firewall.routing.upstream import HttpUpstream
from firewall.settings.mcp import McpServer
from tests.support.mcp_house import Open, mcp_house
from tests.support.mcp_posting import posting, rough, until
from tests.support.mcp_streams import hearing

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "x", "version": "1"},
}
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass(slots=True)
class Breaking:
    """A server of sessions that says its answers as scripted: what follows the call, then each further stream."""

    streams: list[bytes]
    length: str = ""
    """A content length that is not kept: the connection breaks."""
    heard: list[str] = field(default_factory=list)
    """Methods, and the last event of each GET."""
    port: int = 0
    ends: bytes = b"405 No"
    """How it refuses a further stream."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request on one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))}
        body = json.loads(await reader.readexactly(int(fields.get("content-length", "0"))) or b"{}")
        self.heard.append(body.get("method") or f"{head.split()[0]} {fields.get('last-event-id', '')}")
        writer.write(self._answer(head, body))
        await writer.drain()
        writer.close()

    def _answer(self, head: str, body: dict[str, object]) -> bytes:
        if body.get("method") == "initialize":
            said = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": HELLO}).encode()
            kind = b"content-type: application/json\r\nmcp-session-id: s\r\nconnection: close\r\n"
            return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (kind, len(said), said)
        if body.get("method") == "tools/call" or (head.startswith("GET") and self.heard.count("tools/call")):
            if not self.streams:
                return b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.ends
            head_ = EVENTS.replace(b"connection", self.length.encode() + b"connection") if self.length else EVENTS
            return head_ + self.streams.pop(0)
        return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def breaking(*streams: bytes, length: str = "") -> AsyncIterator[Breaking]:
    """Serve it on loopback."""
    found = Breaking(list(streams), length)
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


def answer(event: str = "") -> bytes:
    """Return the answer to the call, as an event."""
    said = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "done"}]}})
    return f"{event}data: {said}\n\n".encode()


FIRST = b"id: 7\nretry: 1\ndata: \n\n"
"""An event without a message: where the stream can be gone on with, and when."""


@pytest.mark.parametrize(
    ("streams", "length", "gets"),
    [
        ((FIRST, answer()), "", ["GET 7"]),
        ((FIRST, b"id: 8\nretry: 1\ndata: \n\n", answer("id: 9\n")), "", ["GET 7", "GET 8"]),
        ((FIRST, answer()), "content-length: 5000\r\n", ["GET 7"]),
        ((FIRST + b'data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n', answer()), "", ["GET 7"]),
    ],
)
async def test_the_rest_of_broken_events_is_asked_for(
    tmp_path: Path, streams: tuple[bytes, ...], length: str, gets: list[str]
) -> None:
    """With the id of the last event, after the time that the server wants; the call itself is sent once."""
    async with breaking(*streams, length=length) as server:
        settings = McpServer.model_validate(
            {"name": "shop", "environment": "staging", "url": f"http://127.0.0.1:{server.port}/mcp"}
        )
        async with (
            mcp_house(tmp_path, settings) as house,
            posting(house.at("shop"), await house.token()) as poster,
        ):
            session = await poster.begin("2025-11-25")
            said = await poster.legacy("tools/call", session=session, name="x", arguments={})
        assert said.text == "done"
        assert [one for one in server.heard if one.startswith("GET")] == gets
        assert server.heard.count("tools/call") == 1


class Lapsing:
    """A login that is good for the call, and no more for what follows; `upstream.refusing.Login`."""

    async def credential(self) -> Credential:
        """Return a token."""
        return Credential("authorization", Secret("one"), "Bearer ")

    async def refused(self, used: Credential) -> Credential:
        """There is no other."""
        del used
        raise login_needed("shop")

    def needed(self) -> UpstreamError:
        """Say that somebody must log in."""
        return login_needed("shop")

    def lacking(self, challenge: Mapping[str, str]) -> UpstreamError | None:
        """Know of no scopes."""
        del challenge
        return None


async def test_a_refusal_of_the_rest_says_nothing_of_the_call_itself() -> None:
    """The server had begun: only that its answer may not be heard any more is known."""
    async with breaking(FIRST) as server:
        server.ends = b"401 Unauthorized"
        endpoint = Endpoint("shop", f"http://127.0.0.1:{server.port}", private=True)
        address = Address("shop", endpoint, "/mcp", lambda: None, 1 << 20, login=Lapsing())
        upstream = HttpUpstream()
        line = HttpLine(address, upstream, Wanted("2025-11-25", {}, {}))
        try:
            await line.open()
            with pytest.raises(UpstreamError) as raised:
                await line.ask(messages.request(1, "tools/call", {"name": "x"}), seen=Still())
        finally:
            await line.aclose()
            await upstream.close()
    assert raised.value.code == "upstream_login_needed"
    assert not isinstance(raised.value, NotRunError)


@pytest.mark.parametrize(
    "streams",
    [
        (b"data: \n\n",),
        (FIRST,),
        (FIRST, b": nothing\n\n"),
        (FIRST, FIRST, answer()),
        (b"id: 7\n\nid:\n\n", answer()),
    ],
)
async def test_events_that_lead_nowhere_are_given_up(tmp_path: Path, streams: tuple[bytes, ...]) -> None:
    """Without an id, without a stream to go on with, and where nothing came on it: nobody knows what happened."""
    async with breaking(*streams) as server:
        settings = McpServer.model_validate(
            {"name": "shop", "environment": "staging", "url": f"http://127.0.0.1:{server.port}/mcp"}
        )
        async with (
            mcp_house(tmp_path, settings) as house,
            posting(house.at("shop"), await house.token()) as poster,
        ):
            session = await poster.begin("2025-11-25")
            said = await poster.legacy("tools/call", session=session, name="x", arguments={})
        assert said.code == (-31502, "upstream_unavailable")
        assert server.heard.count("tools/call") == 1


class Beginning(Open):
    """Lets calls through as changes: ending their request loses something."""

    __slots__ = ("answers",)

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Message] = []

    async def call(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Ask the server, as for a change."""
        seen.begun()
        found = await Open.call(self, server, caller, message, upstream=upstream, seen=seen)
        self.answers.append(found)
        return found


async def test_a_client_whose_connection_broke_is_asked_again_on_its_stream(tmp_path: Path) -> None:
    """What a server wants to know while a change runs: on the session's next stream, under the same id, once."""
    opened = Beginning()
    async with (
        mcp_house(tmp_path, rough(), calls=opened, shown=opened) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        session = await poster.begin(sampling={})
        params = {"name": "ask", "arguments": {"method": "sampling/createMessage"}}
        call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}
        head = {"mcp-session-id": session, "authorization": f"Bearer {poster.token}"}
        async with poster.http.stream("POST", poster.url, json=call, headers=head) as stream:
            lines = (line async for line in stream.aiter_lines() if line.startswith("data: "))
            asked = json.loads((await anext(lines)).removeprefix("data: "))
        held = house.gate.sessions.find(session, next(iter(house.gate.sessions._of)), "rough")
        await until(lambda: all(one.talk.is_gone for one in held.asked.values()))
        async with hearing(poster, session) as again:
            assert await again.has(1) == [asked]
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"role": "assistant"}}).encode()
            assert (await poster.raw(body, mcp_session_id=session)).status == 202
            await until(lambda: bool(opened.answers))
        heard = json.loads(opened.answers[0].result["content"][0]["text"])  # type: ignore[index]  # as the program says
        assert heard == {"jsonrpc": "2.0", "id": "back", "result": {"role": "assistant"}}
