"""Tasks of 2025-11-25 through the whole gate, before a real program: judged, followed, fetched, recorded once."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from firewall.core.approval import ApprovalStatus, Decision
from firewall.settings.mcp import McpServer
from tests.support.guarding import ALICE
from tests.support.mcp_house import House
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import Poster, Said, posting, until

TASKER = Path(__file__).resolve().parents[2] / "support" / "mcp_session_tasker.py"
VERSION = "2025-11-25"
RELATED = "io.modelcontextprotocol/related-task"


def tasker(*flaws: str, **more: object) -> McpServer:
    """Return the program as it is configured: a pack knows what its tools do."""
    command = (sys.executable, str(TASKER), *flaws)
    wish = {"name": "github", "environment": "staging", "command": command, "hold_s": 0, **more}
    return McpServer.model_validate(wish)


@asynccontextmanager
async def before(folder: Path, *flaws: str, **more: object) -> AsyncIterator[tuple[House, Poster, str]]:
    """Serve the gate before the program; yields a client's session of 2025-11-25."""
    async with (
        judging(folder, tasker(*flaws, **more), is_pinned=True) as (house, _),
        posting(house.at("github"), await house.token()) as poster,
    ):
        yield house, poster, await poster.begin(VERSION, elicitation={})


async def asked(poster: Poster, session: str, method: str, **params: object) -> Said:
    """Send a request of the session's revision."""
    message = {"jsonrpc": "2.0", "id": 4, "method": method, "params": params}
    return await poster.raw(json.dumps(message).encode(), mcp_protocol_version=VERSION, mcp_session_id=session)


async def begun(poster: Poster, session: str, **arguments: object) -> str:
    """Have a call become a task; returns its id."""
    said = await asked(
        poster, session, "tools/call", name="get_file_contents", arguments=arguments, task={"ttl": 60000}
    )
    result = said.answer["result"]
    assert isinstance(result, dict), said.answer
    assert result["task"]["status"] == "working"
    assert "\x1b" not in json.dumps(result)
    return str(result["task"]["taskId"])


def finished(house: House) -> list[dict[str, object]]:
    """Return what stands in the log of outcomes."""
    bodies = [house.kept.body(at) for at, kind in enumerate(house.kept.kinds()) if kind == "tool.finished"]
    return [one["data"] for one in bodies]  # type: ignore[misc]  # an object


async def test_a_task_is_followed_and_its_outcome_recorded_once(tmp_path: Path) -> None:
    """Under an id of ours, in the list of its session; what it came to is cleaned as any tool's words are."""
    async with before(tmp_path) as (house, poster, session):
        id_ = await begun(poster, session)
        assert id_.startswith("stayhand-task-")
        assert "tool.finished" not in house.kept.kinds()
        states = [(await asked(poster, session, "tasks/get", taskId=id_)).answer["result"] for _ in range(2)]
        assert [one["status"] for one in states] == ["working", "completed"]  # type: ignore[index]  # objects
        assert {one["taskId"] for one in states} == {id_}  # type: ignore[index]  # objects
        listed = (await asked(poster, session, "tasks/list")).answer["result"]
        assert [(one["taskId"], one["status"]) for one in listed["tasks"]] == [(id_, "completed")]  # type: ignore[index]  # objects
        for _ in range(2):
            said = await asked(poster, session, "tasks/result", taskId=id_)
            assert said.text == "\u241b[31mdone by nobody"
            assert said.answer["result"]["_meta"][RELATED] == {"taskId": id_}  # type: ignore[index]  # an object
        ended = await asked(poster, session, "tasks/cancel", taskId=id_)
        assert ended.code == (-32602, "task_ended")
        await until(lambda: "tool.finished" in house.kept.kinds())
        (outcome,) = finished(house)
        assert (outcome["state"], outcome["reported_error"]) == ("completed", False)
        assert [kind for kind in house.kept.kinds() if kind.startswith("tool.")] == [
            "tool.judged",
            "tool.released",
            "tool.finished",
        ]


async def test_a_task_that_is_cancelled_is_over(tmp_path: Path) -> None:
    """The server is told, and how the call ended is recorded as that."""
    async with before(tmp_path) as (house, poster, session):
        id_ = await begun(poster, session)
        said = (await asked(poster, session, "tasks/cancel", taskId=id_)).answer["result"]
        assert (said["taskId"], said["status"]) == (id_, "cancelled")  # type: ignore[index]  # an object
        await until(lambda: "tool.finished" in house.kept.kinds())
        assert finished(house)[0]["state"] == "cancelled"


@pytest.mark.parametrize("whose", ["own", "another"])
async def test_what_a_task_asks_its_client_hears_under_its_id(tmp_path: Path, whose: str) -> None:
    """While its result is fetched; what a server asks about a task of somebody else's is not passed on."""
    async with before(tmp_path, may_ask=("elicitation",)) as (_, poster, session):
        id_ = await begun(poster, session, ask=whose)
        headers = {
            "authorization": f"Bearer {poster.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-session-id": session,
        }
        message = {"jsonrpc": "2.0", "id": 5, "method": "tasks/result", "params": {"taskId": id_}}
        heard: list[dict[str, object]] = []
        async with (
            httpx.AsyncClient(trust_env=False, timeout=30) as http,
            http.stream("POST", poster.url, json=message, headers=headers) as answer,
        ):
            if whose == "own":
                lines = answer.aiter_lines()
                async for line in lines:
                    if line.startswith("data: "):
                        heard.append(json.loads(line.removeprefix("data: ")))
                    if len(heard) == 1 and line.startswith("data: "):
                        meta = {RELATED: {"taskId": id_}}
                        result = {"action": "accept", "content": {"name": "olga"}, "_meta": meta}
                        back = {"jsonrpc": "2.0", "id": heard[0]["id"], "result": result}
                        assert (await asked_raw(poster, session, back)).status == 202
            else:
                heard.append(json.loads(await answer.aread()))
        text = str(heard[-1]["result"]["content"][0]["text"])  # type: ignore[index]  # an object
        if whose == "own":
            assert heard[0]["params"]["_meta"] == {RELATED: {"taskId": id_}}  # type: ignore[index]  # an object
            assert "olga" in text
            assert "stayhand-task-" not in text  # the server hears of it by its own id
        else:
            assert "not_asked" in text


async def asked_raw(poster: Poster, session: str, message: dict[str, object]) -> Said:
    """Send a client's answer."""
    return await poster.raw(json.dumps(message).encode(), mcp_protocol_version=VERSION, mcp_session_id=session)


async def test_a_task_is_its_sessions_alone(tmp_path: Path) -> None:
    """Another session of the same token, and another token, follow nothing and see nothing of it."""
    async with before(tmp_path) as (house, poster, session):
        id_ = await begun(poster, session)
        other = await poster.begin(VERSION)
        async with posting(house.at("github"), await house.token(agent="other")) as stranger:
            for who, where in ((poster, other), (stranger, await stranger.begin(VERSION))):
                for method in ("tasks/get", "tasks/result", "tasks/cancel"):
                    assert (await asked(who, where, method, taskId=id_)).code == (-32602, "task_unknown")
                assert (await asked(who, where, "tasks/list")).answer["result"] == {"tasks": []}
        assert (await asked(poster, session, "tasks/list", cursor="x")).code == (-32602, "param_invalid")


@pytest.mark.parametrize("how", ["session", "token"])
async def test_no_task_outlives_its_session_or_its_token(tmp_path: Path, how: str) -> None:
    """Its outcome is recorded when nobody can follow it any more."""
    async with judging(tmp_path, tasker(), is_pinned=True) as (house, _):
        ident, token = await house.minted()
        async with posting(house.at("github"), token) as poster:
            session = await poster.begin(VERSION)
            await begun(poster, session)
            if how == "session":
                await poster.raw(b"", method="DELETE", mcp_session_id=session)
            else:
                await house.tokens.revoke(ident, by="alice")
            await until(lambda: "tool.finished" in house.kept.kinds())
            assert finished(house)[0]["state"] == ("session-ended" if how == "session" else "revoked")


async def test_where_no_task_is_made(tmp_path: Path) -> None:
    """By tools that make none, in other revisions and forms."""
    call = {"name": "get_file_contents", "arguments": {}, "task": {}}
    async with before(tmp_path) as (_, poster, session):
        said = await asked(poster, session, "tools/call", name="list_branches", arguments={}, task={})
        assert said.code == (-32601, "task_refused")
        for wrong in ({"ttl": -1}, {"ttl": "1"}, {"ttl": True}, {"for": "ever"}, 7):
            said = await asked(poster, session, "tools/call", **{**call, "task": wrong})
            assert said.code == (-32602, "param_invalid")
        older = await poster.begin("2025-06-18")
        assert (await poster.legacy("tools/call", session=older, **call)).code == (-32602, "param_unknown")
        assert (await poster.legacy("tasks/list", session=older)).code == (-32601, "method_unknown")
        assert (await poster.modern("tools/call", **call)).text == "waited"  # it says nothing in that revision


async def test_a_server_without_tasks_is_asked_for_none(tmp_path: Path) -> None:
    """What it did not declare its clients may not ask for."""
    async with before(tmp_path, "bare") as (_, poster, session):
        call = {"name": "get_file_contents", "arguments": {}, "task": {}}
        assert (await asked(poster, session, "tools/call", **call)).code == (-32602, "param_unknown")


async def test_a_call_is_judged_before_it_becomes_a_task(tmp_path: Path) -> None:
    """Where people are asked, no task is made, and the identical call passes after they agreed."""
    async with before(tmp_path) as (house, poster, session):
        call = {"name": "delete_file", "arguments": {}, "task": {"ttl": 1000}}
        said = await asked(poster, session, "tools/call", **call)
        assert "waits for a person's approval" in said.text
        assert "tool.released" not in house.kept.kinds()
        assert (await asked(poster, session, "tasks/list")).answer["result"] == {"tasks": []}
        (waiting,) = house.kept.approvals.listing(ApprovalStatus.PENDING.value)
        await house.kept.approvals.decide(waiting.id, Decision.APPROVE, by=ALICE)
        result = (await asked(poster, session, "tools/call", **call)).answer["result"]
        assert isinstance(result, dict)
        task = result["task"]
        await asked(poster, session, "tasks/cancel", taskId=task["taskId"])
        await until(lambda: "tool.indeterminate" in house.kept.kinds())
