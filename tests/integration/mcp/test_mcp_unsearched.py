"""What nobody judges and no server needs: ids of text, and what clients say about themselves."""

from pathlib import Path

import pytest

from firewall.codecs.mcp.errors import McpError
from firewall.gates.mcp.port import Caller, Server
from tests.support.mcp_forgetful import READ, forgetful
from tests.support.mcp_house import Open, mcp_house
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import posting, rough


async def test_ids_of_text_stay_here(tmp_path: Path) -> None:
    """A server over HTTP is asked under ids of ours, each once; the client is answered under its own."""
    with forgetful() as server:
        server.tools = [READ]
        async with (
            judging(tmp_path, server.settings()) as (house, _),
            posting(house.at("github"), await house.token()) as poster,
        ):
            session = await poster.begin()
            called = await poster.legacy(
                "tools/call", id_="what nobody judges", session=session, name=READ["name"], arguments={}
            )
            listed = await poster.legacy("tools/list", id_="nor this", session=session)
            numbered = await poster.legacy("tools/list", id_=7, session=session)
        assert (called.answer["id"], called.text) == ("what nobody judges", "done")
        assert (listed.answer["id"], numbered.answer["id"]) == ("nor this", 7)
        assert len(set(server.ids)) == len(server.ids)
        assert [one for one in server.ids if not str(one).startswith("stayhand-")] == [7]


class Doubting(Open):
    """A seam that refuses what clients say about themselves."""

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Refuse."""
        del server
        if caller.info:
            raise McpError("not you", number=-32602, code="credential_refused", status=403)


@pytest.mark.parametrize("place", ["rough", ""])
async def test_who_says_a_credential_about_itself_is_not_greeted(tmp_path: Path, place: str) -> None:
    """At one server and at all of them, with a session and without: nothing is started for it."""
    info = {"name": "hand", "version": "1"}
    opened = Doubting()
    async with (
        mcp_house(tmp_path, rough(), calls=opened, shown=opened) as house,
        posting(house.at(place), await house.token()) as poster,
    ):
        refused = [
            await poster.legacy("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=info),
            await poster.modern("server/discover", _meta={"io.modelcontextprotocol/clientInfo": info}),
        ]
        assert [said.code for said in refused] == [(-32602, "credential_refused")] * 2
        assert "mcp-session-id" not in refused[0].headers
        assert house.lines.count == 0
