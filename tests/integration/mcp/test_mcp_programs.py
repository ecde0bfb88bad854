"""MCP servers that are programs: started from the configuration alone, outlived, ended with what they started."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.gates.mcp.servers import identity_of
from firewall.gates.mcp.upstream.stdio import StdioLine
from firewall.settings.mcp import McpServer
from firewall.settings.values import SecretRef
from tests.support.mcp_house import House, Open, mcp_house
from tests.support.mcp_posting import Poster, posting, rough, until


@asynccontextmanager
async def before(folder: Path, *settings: McpServer) -> AsyncIterator[tuple[House, Poster, Open]]:
    """Serve programs; the poster speaks to the first."""
    opened = Open()
    async with (
        mcp_house(folder, *settings, calls=opened, shown=opened) as house,
        posting(house.at(settings[0].name), await house.token()) as poster,
    ):
        yield house, poster, opened


def runs(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_noise_is_tolerated(tmp_path: Path) -> None:
    """What is no message is dropped, wherever it stands; the answer is the one that can be read in one way."""
    async with before(tmp_path, rough("noise", "old")) as (_, poster, _opened):
        assert (await poster.modern("tools/call", name="noisy")).text == "done"
        assert (await poster.modern("tools/call", name="wrong")).text == "right"
        assert (await poster.modern("tools/call", name="twice")).text == "first"
        assert (await poster.modern("tools/call", name="echo", arguments={"é": 1.0})).text == '{"\\u00e9": 1.0}'


async def test_a_program_that_dies_is_an_error_and_is_started_anew(tmp_path: Path) -> None:
    """Who waits for it hears so; another server's program is not touched, and the next request has a new one."""
    async with before(tmp_path, rough(), rough(name="other")) as (house, poster, _opened):
        everywhere = Poster(poster.http, house.at(), poster.token)
        first = json.loads((await everywhere.modern("tools/call", name="other__env")).text)["pid"]
        waiting = asyncio.create_task(poster.modern("tools/call", name="silent"))
        await until(lambda: house.lines.count == 2)
        said = await poster.modern("tools/call", name="die")
        assert said.code == (-31502, "upstream_unavailable")
        assert (await waiting).code == (-31502, "upstream_unavailable")
        assert (await poster.modern("tools/call", name="echo")).text == "{}"
        assert json.loads((await everywhere.modern("tools/call", name="other__env")).text)["pid"] == first


async def test_a_program_gets_what_is_configured_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variables, an empty folder and a group of its own; nothing of ours, and no shell reads its command."""
    monkeypatch.setenv("SHOP_KEY", "mcp-canary-1")
    monkeypatch.setenv("SOMETHING_ELSE", "not for you")
    env = {"KEY": SecretRef(env="SHOP_KEY"), "MODE": "$HOME;x"}
    async with before(tmp_path, rough(env=env)) as (_, poster, _opened):
        found = json.loads((await poster.modern("tools/call", name="env")).text)
    assert found["env"]["KEY"] == "mcp-canary-1"
    assert found["env"]["MODE"] == "$HOME;x"
    assert set(found["env"]) <= {"KEY", "MODE", "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    assert found["pid"] == found["group"] != os.getpgrp()
    assert not os.path.exists(found["cwd"])  # noqa: PTH110, ASYNC240 - one look, after everything has ended


async def test_stopping_ends_programs_and_what_they_started(tmp_path: Path) -> None:
    """Also those that do not listen: nothing is left behind."""
    async with before(tmp_path, rough("stubborn")) as (_, poster, _opened):
        pid = json.loads((await poster.modern("tools/call", name="env")).text)["pid"]
        child = int((await poster.modern("tools/call", name="child")).text)
        assert runs(pid)
        assert runs(child)
    assert not runs(pid)
    await until(lambda: not runs(child))


async def test_each_client_has_a_program_of_its_own(tmp_path: Path) -> None:
    """Two tokens, two sessions: three programs; a session that ends takes its own along."""
    async with before(tmp_path, rough()) as (house, poster, _opened):
        session = await poster.begin()
        mine = json.loads((await poster.legacy("tools/call", session=session, name="env")).text)["pid"]
        again = json.loads((await poster.legacy("tools/call", session=session, name="env")).text)["pid"]
        stateless = json.loads((await poster.modern("tools/call", name="env")).text)["pid"]
        other = Poster(poster.http, poster.url, await house.token())
        theirs = json.loads((await other.modern("tools/call", name="env")).text)["pid"]
        assert (mine == again, len({mine, stateless, theirs})) == (True, 3)
        await poster.raw(b"", method="DELETE", mcp_session_id=session)
        await until(lambda: not runs(mine))
        assert runs(stateless)
        assert runs(theirs)


async def test_programs_are_bounded(tmp_path: Path) -> None:
    """The one that was used longest ago makes room; where all are in use, a client is told."""
    async with before(tmp_path, rough(at_once=1)) as (house, poster, opened):
        assert (await poster.modern("tools/call", name="echo")).text == "{}"
        other = Poster(poster.http, poster.url, await house.token())
        waiting = asyncio.create_task(other.modern("tools/call", name="silent"))
        await until(lambda: len(opened.calls) == 2)
        assert (await poster.modern("tools/call", name="echo")).code == (-31503, "mcp_sessions_exhausted")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_program_that_says_too_much_or_nothing_is_given_up(tmp_path: Path) -> None:
    """A line without an end and silence are errors, each with its own word."""
    loud, silent = rough(max_answer_mib=1), rough(name="still", timeout_s=1)
    async with before(tmp_path, loud, silent) as (house, poster, _opened):
        said = await poster.modern("tools/call", name="endless")
        assert said.code == (-31502, "upstream_unavailable")
        still = Poster(poster.http, house.at("still"), poster.token)
        assert (await still.modern("tools/call", name="silent")).code == (-31504, "upstream_timeout")


async def test_a_program_that_is_not_there_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    """It is not started again and again; the others are served."""
    gone = rough(name="gone").model_copy(update={"command": ("/nowhere/mcp-gone",)})
    async with before(tmp_path, gone, rough()) as (house, poster, _opened):
        assert (await poster.modern("tools/call", name="echo")).code == (-31502, "upstream_unavailable")
        assert (await poster.modern("tools/call", name="echo")).code == (-31502, "upstream_unavailable")
        assert (await poster.modern("tools/call", name="echo")).code == (-31503, "upstream_unavailable")
        everywhere = Poster(poster.http, house.at(), poster.token)
        listed = (await everywhere.modern("tools/list")).answer["result"]
        assert isinstance(listed, dict)
        assert {tool["name"].partition("__")[0] for tool in listed["tools"]} == {"rough"}
        house.kept.clock.forward(60)
        assert (await poster.modern("tools/call", name="echo")).code == (-31502, "upstream_unavailable")


async def test_progress_goes_to_who_asked_for_it(tmp_path: Path) -> None:
    """Under the client's own token, also where two clients chose the same; what belongs to nobody goes nowhere."""
    async with before(tmp_path, rough()) as (_, poster, _opened):
        both = await asyncio.gather(
            *(poster.modern("tools/call", 1, name="progress", _meta={"progressToken": "t"}) for _ in range(2))
        )
    for said in both:
        *notes, answer = said.messages
        assert [note["params"] for note in notes] == [
            {"progressToken": "t", "progress": 1},
            {"progressToken": "t", "progress": 2},
        ]
        assert answer["id"] == 1


async def test_a_server_asks_only_what_the_client_declared(tmp_path: Path) -> None:
    """A session that declared sampling is asked and its answer reaches the program; any other is a refusal."""
    async with before(tmp_path, rough()) as (_, poster, opened):
        session = await poster.begin(sampling={})
        arguments = {"method": "sampling/createMessage"}
        url, head = poster.url, {"mcp-session-id": session, "authorization": f"Bearer {poster.token}"}
        call = {
            "jsonrpc": "2.0",
            "id": 5,
            "method": "tools/call",
            "params": {"name": "ask", "arguments": arguments},
        }
        async with poster.http.stream("POST", url, json=call, headers=head) as stream:
            lines = (line async for line in stream.aiter_lines() if line.startswith("data: "))
            asked = json.loads((await anext(lines)).removeprefix("data: "))
            assert asked["method"] == "sampling/createMessage"
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"role": "assistant"}}).encode()
            assert (await poster.raw(body, mcp_session_id=session)).status == 202
            answer = json.loads((await anext(lines)).removeprefix("data: "))
        heard = json.loads(answer["result"]["content"][0]["text"])
        assert heard == {"jsonrpc": "2.0", "id": "back", "result": {"role": "assistant"}}
        for method in ("elicitation/create", "roots/list", "other/method"):
            said = await poster.legacy("tools/call", session=session, name="ask", arguments={"method": method})
            assert json.loads(said.text)["error"]["code"] == -32601
        said = await poster.modern("tools/call", name="ask", arguments=arguments)
        assert json.loads(said.text)["error"]["data"]["code"] == "not_asked"
        said = await poster.modern("tools/call", name="ask", arguments={"method": "ping"})
        assert json.loads(said.text)["result"] == {}
        assert {one.method for one in opened.heard} == {
            arguments["method"],
            "elicitation/create",
            "roots/list",
            "other/method",
        }


async def test_a_client_that_lets_go_cancels_and_the_program_hears_of_it(tmp_path: Path) -> None:
    """The line stays, and serves the next request."""
    async with before(tmp_path, rough()) as (house, poster, opened):
        waiting = asyncio.create_task(poster.modern("tools/call", name="silent"))
        await until(lambda: len(opened.calls) == 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert (await poster.modern("tools/call", name="echo")).text == "{}"
        assert house.lines.count == 1


def test_a_command_is_known_by_its_hash() -> None:
    """Another argument, variable, value or folder is another server; a secret's value is no part of it."""
    one = rough(env={"A": "1", "KEY": SecretRef(env="X")})
    others = [
        rough("noise", env=one.env),
        rough(env={"A": "2", "KEY": SecretRef(env="X")}),
        rough(env={"A": "1"}),
        rough(env=one.env, folder="/srv"),
    ]
    assert identity_of(one).startswith("sha256:")
    assert len({identity_of(one), *map(identity_of, others)}) == 5
    assert identity_of(rough(env={"A": "1", "KEY": SecretRef(env="Y")})) == identity_of(one)


def test_failures_say_what_kind_they_are() -> None:
    """A line that was never opened cannot be used by mistake."""
    line = StdioLine(None, None, idle_s=1, total_s=1)  # type: ignore[arg-type]  # nothing is started
    with pytest.raises(RuntimeError, match="opened"):
        _ = line.version
    assert (line.is_alive, line.noise, line.pid) == (False, 0, 0)
    assert UpstreamError("x", fault=UpstreamFault.TIMEOUT).code == "upstream_timeout"
