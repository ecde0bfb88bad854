"""Tasks through the whole MCP gate, with a real program behind it and the guard between."""

import sys
from pathlib import Path

import pytest

from firewall.settings.mcp import McpServer
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import posting, until

TASKER = Path(__file__).parents[2] / "support" / "mcp_tasker.py"
FOLLOWS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
CALL = {"name": "get_file_contents", "arguments": {"path": "README.md"}}


@pytest.mark.parametrize("place", ["tasker", ""])
async def test_a_call_becomes_a_task_that_its_client_follows(tmp_path: Path, place: str) -> None:
    """Declared where the server declares it, followed to its result at one address and at all, one outcome."""
    settings = McpServer(
        name="tasker", environment="staging", command=(sys.executable, str(TASKER)), pack="github", hold_s=0
    )
    call = CALL if place else {**CALL, "name": f"tasker__{CALL['name']}"}
    async with (
        judging(tmp_path, settings) as (house, _),
        posting(house.at(place), await house.token()) as poster,
        posting(house.at(place), await house.token()) as other,
    ):
        hello = (await poster.modern("server/discover")).answer["result"]
        assert isinstance(hello, dict)
        assert hello["capabilities"]["extensions"] == FOLLOWS["extensions"]
        assert (await poster.modern("tools/call", **call)).text == "waited"
        made = (await poster.modern("tools/call", can=FOLLOWS, **call)).answer["result"]
        assert isinstance(made, dict)
        assert made["resultType"] == "task"
        id_ = made["taskId"]
        assert id_.startswith("stayhand-task-" if place else "tasker__stayhand-task-")
        assert (await other.modern("tasks/get", can=FOLLOWS, taskId=id_)).code == (-32602, "task_unknown")
        assert (await poster.modern("tasks/get", taskId=id_)).code == (-32021, "capability_missing")
        states = []
        for _ in range(3):
            seen = (await poster.modern("tasks/get", can=FOLLOWS, taskId=id_)).answer["result"]
            assert isinstance(seen, dict)
            assert (seen["taskId"], seen["resultType"]) == (id_, "complete")
            states.append(seen["status"])
        assert states == ["working", "completed", "completed"]
        await until(lambda: house.kept.kinds().count("tool.finished") == 2)


async def test_a_task_ends_with_its_token(tmp_path: Path) -> None:
    """Revoked: nobody finds it any more, and its call has its outcome."""
    settings = McpServer(
        name="tasker", environment="staging", command=(sys.executable, str(TASKER)), pack="github", hold_s=0
    )
    async with judging(tmp_path, settings) as (house, _):
        token_id, token = await house.minted()
        async with posting(house.at("tasker"), token) as poster:
            await poster.modern("tools/call", can=FOLLOWS, **CALL)
            assert "tool.finished" not in house.kept.kinds()
            await house.tokens.revoke(token_id, by="alice")
            await until(lambda: house.kept.kinds().count("tool.finished") == 1)
