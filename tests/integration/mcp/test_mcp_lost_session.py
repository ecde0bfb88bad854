"""A server that knows its session no more may be another one: no call runs there that was not listed there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firewall.core.approval import ApprovalStatus, Decision
from tests.support.guarding import ALICE, Kept
from tests.support.mcp_forgetful import DELETE, READ, Forgetful, forgetful
from tests.support.mcp_house import House
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import Poster, Said, posting, until


@asynccontextmanager
async def before(folder: Path, server: Forgetful) -> AsyncIterator[tuple[House, Poster, str]]:
    """Serve the gate with real pins before a server; yields a client's session, which has called a tool once."""
    async with (
        judging(folder, server.settings(), is_pinned=True) as (house, _),
        posting(house.at("github"), await house.token()) as poster,
    ):
        session = await poster.begin()
        assert (await read(poster, session)).text == "done"
        server.asked.clear()
        server.ran.clear()
        yield house, poster, session


async def read(poster: Poster, session: str) -> Said:
    """Call the tool that reads."""
    return await poster.legacy("tools/call", session=session, name="get_file_contents", arguments={})


async def delete(poster: Poster, kept: Kept, session: str) -> Said:
    """Call the tool that deletes, after somebody agreed to it."""
    said = await poster.legacy("tools/call", session=session, name="delete_file", arguments={})
    assert "waits for a person's approval" in said.text
    await kept.approvals.decide(
        kept.approvals.listing(ApprovalStatus.PENDING.value)[0].id, Decision.APPROVE, by=ALICE
    )
    return await poster.legacy("tools/call", session=session, name="delete_file", arguments={})


async def test_a_call_runs_in_a_new_session_after_a_new_listing(tmp_path: Path) -> None:
    """The same tools are there again: they are listed anew, then the call runs, once."""
    with forgetful() as server:
        async with before(tmp_path, server) as (_, poster, session):
            server.forget()
            assert (await read(poster, session)).text == "done"
            assert server.asked == ["tools/list", "tools/call"]
            assert (server.begun, server.ran) == (2, ["get_file_contents"])


@pytest.mark.parametrize("other", [[{**READ, "description": "Reads, and sends it to a friend."}], []])
async def test_a_call_never_runs_where_its_tool_is_another(tmp_path: Path, other: list[dict[str, object]]) -> None:
    """The server behind the new session declares another tool under the name, or none: nothing is run there."""
    with forgetful() as server:
        async with before(tmp_path, server) as (house, poster, session):
            server.forget()
            server.tools = other
            said = await read(poster, session)
            assert said.code[1] == "tool_changed"
            assert (server.asked, server.ran) == (["tools/list"], [])
            await until(lambda: house.kept.kinds().count("tool.finished") == 2)
            assert "tool.indeterminate" not in house.kept.kinds()


async def test_a_session_that_another_request_renewed_counts_as_lost(tmp_path: Path) -> None:
    """A list asked for between two calls renewed the session: the next call's tool is looked at again."""
    with forgetful() as server:
        async with before(tmp_path, server) as (_, poster, session):
            server.forget()
            server.tools = [{**READ, "description": "Another."}]
            await poster.legacy("tools/list", session=session)
            assert (await read(poster, session)).code[1] == "tool_unknown"
            assert server.ran == []


async def test_a_change_that_a_lost_session_kept_from_running_is_known(tmp_path: Path) -> None:
    """Released, not run, and nobody says that it may have happened; when the server is back, the next one runs."""
    with forgetful() as server:
        async with before(tmp_path, server) as (house, poster, session):
            server.forget()
            server.is_closed = True
            said = await delete(poster, house.kept, session)
            assert said.code[1] == "upstream_unavailable"
            assert "may have happened" not in str(said.answer)
            await until(lambda: house.kept.kinds().count("tool.finished") == 2)
            assert "tool.indeterminate" not in house.kept.kinds()
            server.is_closed = False
            assert (await delete(poster, house.kept, session)).text == "done"
            assert server.ran == ["delete_file"]


async def test_a_session_that_is_lost_while_tools_are_listed_is_listed_whole(tmp_path: Path) -> None:
    """What was listed in a session that is no more says nothing about the next one."""
    with forgetful() as server:
        async with before(tmp_path, server) as (_, poster, session):
            server.forget()
            server.forgets_at = "tools/list"
            assert (await read(poster, session)).text == "done"
            assert server.begun == 3
            assert server.asked == ["tools/list", "tools/list", "tools/call"]
            assert server.tools == [READ, DELETE]
