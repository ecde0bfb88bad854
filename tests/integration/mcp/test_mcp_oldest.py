"""Clients of 2025-03-26, which send no version's field, and logging, by hand against a real program."""

import json
from pathlib import Path

from tests.support.mcp_house import mcp_house
from tests.support.mcp_posting import Poster, Said, posting, rough


async def sent(poster: Poster, session: str, method: str, id_: int | None = 1, **params: object) -> Said:
    """Send a message as that revision does: the session's field, and no version."""
    message = {"jsonrpc": "2.0", "method": method, "params": params, **({"id": id_} if id_ is not None else {})}
    fields = {"mcp_session_id": session} if session else {}
    return await poster.raw(json.dumps(message).encode(), **fields)


async def test_a_client_of_the_oldest_revision_is_served(tmp_path: Path) -> None:
    """Its handshake, its lists, a call with progress, a ping and the end of its session; no batches."""
    async with (
        mcp_house(tmp_path, rough()) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        info = {"name": "old", "version": "1"}
        hello = await sent(
            poster, "", "initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo=info
        )
        assert isinstance(result := hello.answer["result"], dict)
        assert result["protocolVersion"] == "2025-03-26"
        session = hello.headers["mcp-session-id"]
        assert (await sent(poster, session, "notifications/initialized", None)).status == 202
        assert isinstance(listed := (await sent(poster, session, "tools/list")).answer["result"], dict)
        assert "echo" in [tool["name"] for tool in listed["tools"]]
        assert (await sent(poster, session, "tools/call", name="echo", arguments={"a": 1})).text == '{"a": 1}'
        counted = await sent(poster, session, "tools/call", name="progress", _meta={"progressToken": "p"})
        assert [one.get("method") for one in counted.messages] == ["notifications/progress"] * 2 + [None]
        assert (await sent(poster, session, "ping")).answer["result"] == {}
        batch = await poster.raw(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', mcp_session_id=session)
        assert batch.code == (-32600, "batch_refused")
        assert (await poster.raw(b"", method="DELETE", mcp_session_id=session)).status == 204
        assert (await sent(poster, session, "ping")).status == 404


async def test_what_a_server_logs_reaches_its_client(tmp_path: Path) -> None:
    """The level that a client sets reaches the server, and what the server logs the client, before the answer."""
    async with (
        mcp_house(tmp_path, rough()) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        session = await poster.begin()
        assert (await poster.legacy("logging/setLevel", session=session, level="warning")).answer["result"] == {}
        said = await poster.legacy("tools/call", id_=2, session=session, name="log", arguments={})
        assert [one.get("method") for one in said.messages] == ["notifications/message", None]
        assert said.messages[0]["params"] == {"level": "warning", "data": "low on apples"}
