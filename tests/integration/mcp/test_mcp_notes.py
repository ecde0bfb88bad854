"""What clients send without expecting an answer, on its way to a real server."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.settings.mcp import McpServer
from tests.support.mcp_house import House, mcp_house
from tests.support.mcp_posting import LIMIT_S, in_halves, posting, until
from tests.support.mcp_teller import Teller, over_http, settings

ROOTS = "notifications/roots/list_changed"
CHANGED = {"jsonrpc": "2.0", "method": ROOTS, "params": {"_meta": {"why": "a folder was opened"}}}


@asynccontextmanager
async def before(folder: Path) -> AsyncIterator[tuple[House, Teller]]:
    """Serve the gate before a server of sessions."""
    with over_http(is_modern=False) as teller:
        async with mcp_house(folder, McpServer.model_validate(settings(teller, may_ask=["roots"]))) as house:
            yield house, teller


def of(session: str) -> dict[str, str]:
    """Return the header fields of a message in a session."""
    return {"mcp-protocol-version": "2025-06-18", "mcp-session-id": session}


@pytest.mark.parametrize("place", ["github", ""])
async def test_a_server_hears_that_folders_changed(tmp_path: Path, place: str) -> None:
    """At its own address and at that of all servers; the client hears that it was taken."""
    async with before(tmp_path) as (house, teller), posting(house.at(place), await house.token()) as poster:
        session = await poster.begin()
        said = await poster.note(ROOTS, session=session)
        assert (said.status, said.messages) == (202, [])
        assert teller.noted.count(ROOTS) == 1


@pytest.mark.parametrize("place", ["github", ""])
async def test_telling_of_folders_draws_from_the_rate_of_its_token(tmp_path: Path, place: str) -> None:
    """As requests do; a server hears no more of what comes beyond, and that there was more is in the log."""
    async with (
        before(tmp_path) as (house, teller),
        posting(house.at(place), await house.token(requests_per_minute=18)) as poster,
    ):
        session = await poster.begin()
        said = [await poster.note(ROOTS, session=session) for _ in range(3)]
        assert [one.status for one in said] == [202, 202, 429]
        assert said[-1].code == (-31429, "rate_limited")
        assert teller.noted.count(ROOTS) == 2
        assert "limit.hit" in house.kept.kinds()


@pytest.mark.parametrize("place", ["github", ""])
async def test_a_server_hears_nothing_of_a_token_that_expired_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The token was good when the headers came; its session ends with it."""
    async with before(tmp_path) as (house, teller):
        now = datetime.fromtimestamp(house.kept.clock.now_us() / 1e6, UTC)
        _, token = await house.minted(expires_at=now + timedelta(minutes=1))
        async with posting(house.at(place), token) as poster:
            session = await poster.begin()
            await poster.legacy("tools/list", session=session)

            async def expired() -> None:
                house.kept.clock.forward(61)

            said = await in_halves(poster, CHANGED, of(session), between=expired(), patch=monkeypatch)
            assert (said.status, said.code) == (401, (-31401, "token_revoked"))
        await until(lambda: house.gate.sessions.count == 0)
        assert ROOTS not in teller.noted


async def test_a_server_hears_nothing_of_a_token_that_is_revoked_while_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notification was taken, and the server is only being greeted when the token is revoked."""
    async with before(tmp_path) as (house, teller):
        ident, token = await house.minted()
        asked, revoked, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
        answer = teller.answer

        def greeted(message: dict[str, object]) -> dict[str, object]:
            loop.call_soon_threadsafe(asked.set)
            assert revoked.wait(LIMIT_S)
            return answer(message)

        async def revoke() -> None:
            await asked.wait()
            await house.tokens.revoke(ident, by="alice")
            revoked.set()

        async with posting(house.at(), token) as poster, asyncio.timeout(LIMIT_S):
            session = await poster.begin()
            monkeypatch.setattr(Teller, "answer", lambda _, message: greeted(message))
            said, _ = await asyncio.gather(poster.note(ROOTS, session=session), revoke())
        assert (said.status, said.code) == (401, (-31401, "token_revoked"))
        assert ROOTS not in teller.noted
