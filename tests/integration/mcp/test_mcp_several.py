"""At the address of all servers: what changes anywhere is heard on one stream, and tasks are followed."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from firewall.gates.mcp.listening import MOST_OF_A_TOKEN
from firewall.settings.mcp import McpServer
from tests.support.guarding import policies_in
from tests.support.mcp_house import House
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import Poster, Said, posting, until
from tests.support.mcp_streams import hearing, listening
from tests.support.mcp_teller import program

TOOLS, UPDATED = "notifications/tools/list_changed", "notifications/resources/updated"
STOCK = "shop://stock"
TASKER = Path(__file__).resolve().parents[2] / "support" / "mcp_session_tasker.py"
VERSION = "2025-11-25"
DENIED = "p, *, *, mcp__*__resources/read, *, read, , deny,"


@asynccontextmanager
async def before(folder: Path, *rows: dict[str, object], **grant: object) -> AsyncIterator[tuple[House, Poster]]:
    """Serve the gate before these servers; yields a client of all of them."""
    async with AsyncExitStack() as stack:
        named = [McpServer.model_validate(row) for row in rows]
        house, _ = await stack.enter_async_context(judging(folder, *named, is_pinned=True))
        yield house, await stack.enter_async_context(posting(house.at(), await house.token(**grant)))


def shops(*more: dict[str, object]) -> tuple[dict[str, object], ...]:
    """Return a server of each era, as they are configured."""
    return (program("modern", "new", pack="github"), program("legacy", "old", pack="github"), *more)


def broken(name: str = "broken") -> dict[str, object]:
    """Return a program that ends at once."""
    return {"name": name, "environment": "staging", "command": (sys.executable, "-c", "")}


async def told(poster: Poster, server: str, *notes: object, session: str = "") -> Said:
    """Have a server say something."""
    call = {"name": f"{server}__get_file_contents", "arguments": {"tell": notes}}
    if session:
        return await poster.legacy("tools/call", session=session, **call)
    return await poster.modern("tools/call", **call)


def note(method: str, **params: object) -> dict[str, object]:
    """Return what a server says."""
    return {"method": method, "params": params}


async def test_a_stateless_client_hears_of_all_servers(tmp_path: Path) -> None:
    """Once it is said what is told; resources under their names here, from the servers that they are of."""
    async with before(tmp_path, *shops(broken())) as (house, poster):
        wanted = [f"mcp-new+{STOCK}", f"mcp-old+{STOCK}"]
        async with listening(poster, toolsListChanged=True, resourceSubscriptions=wanted) as stream:
            first = (await stream.has(1))[0]
            meta = {"io.modelcontextprotocol/subscriptionId": "mine"}
            served = {"toolsListChanged": True, "resourceSubscriptions": wanted}
            assert first["params"] == {"_meta": meta, "notifications": served}
            for count, server in ((2, "old"), (3, "new")):
                await told(poster, server, note(UPDATED, thing="stock/apples"), note(UPDATED, thing="other"))
                said = (await stream.has(count))[-1]
                assert said["params"] == {"uri": f"mcp-{server}+{STOCK}", "_meta": meta}
            await told(poster, "old", note(TOOLS))
            assert (await stream.has(4))[3] == {"jsonrpc": "2.0", "method": TOOLS, "params": {"_meta": meta}}
        await until(lambda: house.kept.kinds().count("mcp.listened") == 4)


async def test_the_client_of_a_session_hears_of_all_servers(tmp_path: Path) -> None:
    """On its one stream, what it subscribed at each; of a server that is not there nothing can be subscribed."""
    async with before(tmp_path, *shops(broken())) as (_, poster):
        session = await poster.begin(VERSION)

        async def subscribed(server: str, method: str = "resources/subscribe") -> Said:
            return await poster.legacy(method, 5, session=session, uri=f"mcp-{server}+{STOCK}")

        async with hearing(poster, session) as stream:
            for server in ("old", "new"):
                assert (await subscribed(server)).answer["result"] == {}
                await told(poster, server, note(UPDATED, thing="stock"), session=session)
            said = [{"uri": f"mcp-{server}+{STOCK}"} for server in ("old", "new")]
            assert [one["params"] for one in await stream.has(2)] == said
            assert (await subscribed("broken")).code[1] in ("not_listening", "upstream_unavailable")
            assert (await subscribed("other")).code == (-32602, "name_unknown")
            assert (await subscribed("old", "resources/unsubscribe")).answer["result"] == {}
            await told(poster, "old", note(UPDATED, thing="stock"), note(TOOLS), session=session)
            assert (await stream.has(3))[2] == {"jsonrpc": "2.0", "method": TOOLS}
            async with hearing(poster, session) as newer:
                await stream.ended()
                await told(poster, "new", note(UPDATED, thing="stock"), session=session)
                assert (await newer.has(1))[0]["params"] == {"uri": f"mcp-new+{STOCK}"}


async def test_what_a_client_may_hear_of_at_one_server_it_may_here(tmp_path: Path) -> None:
    """A resource outside the grant, and a server of another environment, refuse the whole; policies end it."""
    elsewhere = program("modern", "prod", pack="github", environment="production")
    async with before(tmp_path, *shops(elsewhere)) as (house, poster):
        for address, code in (
            (f"mcp-prod+{STOCK}", "name_unknown"),
            (STOCK, "name_unknown"),
            ("new__x", "name_unknown"),
            ("mcp-new+shop://stock/../../other", "grant_outside"),
        ):
            wanted = [f"mcp-old+{STOCK}", address]
            async with listening(poster, resourceSubscriptions=wanted) as stream:
                assert (await stream.ended())[-1]["error"]["data"]["code"] == code  # type: ignore[index]  # an error
        wanted = [f"mcp-old+{STOCK}", f"mcp-new+{STOCK}"]
        async with listening(poster, resourceSubscriptions=wanted) as stream:
            await stream.has(1)
            folder = house.kept.folder / "policies"
            rows = (folder / "policy.csv").read_text(encoding="utf-8")
            house.kept.snapshot = policies_in(folder, f"{rows}\n{DENIED}\n")
            await told(poster, "new", note(UPDATED, thing="stock"))
            assert (await stream.ended())[-1]["error"]["data"]["code"] == "policy:row:deny"  # type: ignore[index]  # an error
            assert len(stream.messages) == 2


async def test_streams_are_bounded_here_as_there(tmp_path: Path) -> None:
    """One counts at each server; a revoked token ends all of it."""
    async with before(tmp_path, *shops()) as (house, _), AsyncExitStack() as stack:
        ident, token = await house.minted()
        poster = await stack.enter_async_context(posting(house.at(), token))
        one = await stack.enter_async_context(posting(house.at("old"), token))
        streams = [
            await stack.enter_async_context(listening(poster, toolsListChanged=True))
            for _ in range(MOST_OF_A_TOKEN)
        ]
        for stream in streams:
            await stream.has(1)
        for who in (poster, one):
            async with listening(who, toolsListChanged=True) as more:
                assert (await more.ended())[0]["error"]["data"]["code"] == "too_many_streams"  # type: ignore[index]  # an error
        await house.tokens.revoke(ident, by="alice")
        for stream in streams:
            assert (await stream.ended())[-1]["error"]["data"]["code"] == "token_revoked"  # type: ignore[index]  # an error


async def test_where_no_server_answers_nobody_listens(tmp_path: Path) -> None:
    """The client hears so, and tries again."""
    async with before(tmp_path, broken(), broken("gone")) as (_, poster):
        async with listening(poster, toolsListChanged=True) as stream:
            assert (await stream.ended())[-1]["error"]["data"]["code"] == "upstream_unavailable"  # type: ignore[index]  # an error
        async with listening(poster) as stream:  # nothing is wanted of anybody
            assert (await stream.has(1))[0]["params"]["notifications"] == {}  # type: ignore[index]  # an object


async def asked(poster: Poster, session: str, method: str, **params: object) -> Said:
    """Send a request of the session's revision."""
    message = {"jsonrpc": "2.0", "id": 4, "method": method, "params": params}
    return await poster.raw(json.dumps(message).encode(), mcp_protocol_version=VERSION, mcp_session_id=session)


async def test_tasks_of_all_servers_are_followed(tmp_path: Path) -> None:
    """By an id that names the server; the list is of all of them, and no other session's or token's."""
    taskers = [
        {"name": name, "environment": "staging", "command": (sys.executable, str(TASKER)), "pack": "github"}
        for name in ("one", "two")
    ]
    async with before(tmp_path, *taskers, *shops()) as (house, poster):
        session = await poster.begin(VERSION)
        ids = []
        for name in ("two", "one"):
            call = {"name": f"{name}__get_file_contents", "arguments": {}, "task": {"ttl": 60000}}
            said = (await asked(poster, session, "tools/call", **call)).answer["result"]
            assert isinstance(said, dict), said
            ids.append(said["task"]["taskId"])
            assert ids[-1].startswith(f"{name}__stayhand-task-")
        listed = (await asked(poster, session, "tasks/list")).answer["result"]
        assert [one["taskId"] for one in listed["tasks"]] == [ids[1], ids[0]]  # type: ignore[index]  # objects
        assert (await asked(poster, session, "tasks/list", cursor="x")).code == (-32602, "param_invalid")
        state = (await asked(poster, session, "tasks/get", taskId=ids[0])).answer["result"]
        assert state["taskId"] == ids[0]  # type: ignore[index]  # an object
        assert (await asked(poster, session, "tasks/result", taskId=ids[0])).text == "\u241b[31mdone by nobody"
        state = (await asked(poster, session, "tasks/cancel", taskId=ids[1])).answer["result"]
        assert state["status"] == "cancelled"  # type: ignore[index]  # an object
        other = await poster.begin(VERSION)
        async with posting(house.at(), await house.token(agent="other")) as stranger:
            for who, where in ((poster, other), (stranger, await stranger.begin(VERSION))):
                for method in ("tasks/get", "tasks/result", "tasks/cancel"):
                    assert (await asked(who, where, method, taskId=ids[0])).code == (-32602, "task_unknown")
                assert (await asked(who, where, "tasks/list")).answer["result"] == {"tasks": []}
        call = {"name": "new__get_file_contents", "arguments": {}, "task": {}}
        assert (await asked(poster, session, "tools/call", **call)).code == (-32602, "param_unknown")
        await until(lambda: house.kept.kinds().count("tool.finished") == 2)


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
async def test_what_is_served_here_is_declared(tmp_path: Path, version: str) -> None:
    """That changes are told, and tasks where the revision has them."""
    async with before(tmp_path, *shops()) as (_, poster):
        info = {"name": "hand", "version": "0"}
        said = await poster.legacy("initialize", protocolVersion=version, capabilities={}, clientInfo=info)
        result = said.answer["result"]
        assert isinstance(result, dict)
        can = result["capabilities"]
        assert can["tools"] == {"listChanged": True}
        assert can["resources"] == {"listChanged": True, "subscribe": True}
        assert ("tasks" in can) is (version == VERSION)
