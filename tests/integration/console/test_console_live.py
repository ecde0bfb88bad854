"""Live calls over real sockets: who may look, what is streamed, what is skipped, and when a stream ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest

from firewall.console.live.feed import KEPT, MOST_OF_ONE, QUEUE, Call, Feed
from firewall.console.live.room import LiveRoom
from tests.support.control_side import Browser, free_socket, served
from tests.support.real_console import ROLES, RealConsole, real_console

READS = {"viewer": False, "approver": True, "auditor": True, "admin": True}
LIMIT_S = 15


@dataclass(slots=True)
class Reader:
    """One who reads a stream of server-sent events."""

    lines: AsyncIterator[str]
    ids: list[str] = field(default_factory=list)

    async def event(self) -> tuple[str, dict[str, object]]:
        """Return the next event's name and data."""
        name = ""
        async with asyncio.timeout(LIMIT_S):
            async for text in self.lines:
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("id: "):
                    self.ids.append(text.removeprefix("id: "))
                elif text.startswith("data: "):
                    return name, orjson.loads(text.removeprefix("data: "))
        return "closed", {}

    async def numbers(self, most: int) -> list[int]:
        """Return the numbers of calls up to one of them."""
        found: list[int] = []
        while not found or found[-1] < most:
            name, data = await self.event()
            assert name == "calls"
            found += [one["number"] for one in data["calls"]]  # type: ignore[attr-defined]  # our own JSON
        return found


@dataclass(slots=True)
class House:
    """A console with live calls on a loopback port."""

    side: RealConsole
    feed: Feed
    number: int = 0

    def judged(self, count: int = 1, **changes: str) -> None:
        """Tell of calls."""
        for _ in range(count):
            self.number += 1
            plain = {"who": "coder for olga", "tool": "Bash", "summary": "Lists files", "verdict": "allow"}
            self.feed.add(
                Call(
                    number=self.number,
                    at_us=self.side.clock.now_us(),
                    entry=self.number,
                    token="tok_1",
                    gate="models",
                    reason="policy:row:matched",
                    environment="staging",
                    effects=("read",),
                    approval="",
                    **(plain | changes),
                )
            )

    async def signed_in(self, name: str) -> Browser:
        """Return a browser that speaks over a socket."""
        client = httpx.AsyncClient(base_url=self.side.public, trust_env=False, timeout=LIMIT_S)
        browser = Browser(client, self.side.public)
        assert (await browser.sign_in(name)).status_code == 303
        return browser

    @asynccontextmanager
    async def reading(self, browser: Browser, last_id: str = "") -> AsyncIterator[Reader]:
        """Open the stream."""
        headers = {"last-event-id": last_id} if last_id else {}
        async with browser.client.stream("GET", "/console/live/events", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield Reader(answer.aiter_lines())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Nobody looks yet."""
    bound = free_socket()
    feeds: list[Feed] = []

    def rooms(side: RealConsole) -> tuple[LiveRoom, ...]:
        feeds.append(Feed(side.clock))
        return (LiveRoom(feeds[0], side.installation.writer),)

    public = f"http://localhost:{bound.getsockname()[1]}"
    async with real_console(tmp_path, rooms, public=public) as side, served(side.console.app, bound):
        yield House(side, feeds[0])
        feeds[0].close()


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_read_the_log_may_look(house: House, role: str) -> None:
    """The page shows the last calls without its script; each look is an entry, a refused one is none."""
    house.judged(summary="<b>\u202eDrops</b>", verdict="deny")
    browser = await house.signed_in(role)
    page = await browser.open("/console/live")
    assert page.status_code == (200 if READS[role] else 403)
    assert ("⟦U+202E⟧Drops" in page.text) is READS[role]
    assert "<b>" not in page.text
    if READS[role]:
        assert "script-src 'self'" in page.headers["content-security-policy"]
        async with house.reading(browser):
            pass
    else:
        assert (await browser.open("/console/live/events")).status_code == 403
    looked = [one["data"] for one in house.side.entries("audit.read")]
    assert looked == ([{"what": "live"}] * 2 if READS[role] else [])
    browser.client.cookies.clear()
    assert (await browser.open("/console/live/events")).status_code == 401
    await browser.client.aclose()


async def test_calls_are_streamed_once_and_go_on_after_a_break(house: House) -> None:
    """A browser that comes back is given what it missed, nothing twice; hidden characters are spelled out."""
    browser = await house.signed_in("auditor")
    house.judged(3)
    async with house.reading(browser) as reader:
        house.judged(2, summary="\u200bhidden")
        name, data = await reader.event()
        calls = data["calls"]
        assert (name, data["skipped"]) == ("calls", 0)
        assert [one["number"] for one in calls] == [4, 5]  # type: ignore[attr-defined]  # our own JSON
        assert "⟦U+200B⟧hidden" in str(calls)
    house.judged(4)
    async with house.reading(browser, reader.ids[-1]) as again:
        assert await again.numbers(9) == [6, 7, 8, 9]
        house.judged()
        assert await again.numbers(10) == [10]
    async with house.reading(browser, "123-4") as restarted:
        assert await restarted.numbers(10) == list(range(1, 11))
    await browser.client.aclose()


async def test_who_reads_too_slowly_is_told_what_was_skipped(house: House) -> None:
    """A queue is bounded; nothing is lost silently."""
    stream = house.feed.open("auditor")
    house.judged(QUEUE + 30)
    calls, skipped = stream.take()
    assert (len(calls), skipped, calls[-1].number) == (QUEUE, 30, QUEUE + 30)
    assert stream.take() == ([], 0)
    house.feed.end(stream)
    browser = await house.signed_in("auditor")
    async with house.reading(browser, f"{house.feed.epoch}-10") as reader:
        _, data = await reader.event()
        assert data["skipped"] == QUEUE + 30 - 10 - KEPT
    await browser.client.aclose()


@pytest.mark.parametrize("why", ["signed out", "removed", "lost the role", "too old", "stopped"])
async def test_a_stream_ends_with_what_allowed_it(house: House, why: str) -> None:
    """Within a second or two, also while nothing happens; no call is given after that."""
    browser = await house.signed_in("auditor")
    async with house.reading(browser) as reader:
        house.judged()
        assert await reader.numbers(1) == [1]
        match why:
            case "signed out":
                await house.side.post(browser, "/console/sign-out")
            case "removed":
                del house.side.doors.people["auditor"]
            case "lost the role":
                house.side.doors.people["auditor"] = house.side.doors.people["viewer"]
            case "too old":
                house.side.clock.forward(13 * 3600)
            case _:
                house.feed.close()
        house.judged(summary="too late")
        assert await reader.event() == ("end", {})
    await browser.client.aclose()


async def test_streams_are_bounded_and_give_back_their_place(house: House) -> None:
    """One person has a few; who leaves makes room."""
    browser = await house.signed_in("auditor")
    opened = [house.feed.open("auditor") for _ in range(MOST_OF_ONE)]
    refused = await browser.open("/console/live/events")
    assert refused.status_code == 429
    assert "live_full" in refused.text
    house.feed.end(opened[0])
    async with house.reading(browser) as reader:
        house.judged()
        assert await reader.numbers(1) == [1]
    await browser.client.aclose()


async def test_a_look_that_cannot_be_recorded_shows_nothing(house: House) -> None:
    """Neither page nor stream, and the place is given back."""
    house.judged()
    browser = await house.signed_in("auditor")
    await house.side.installation.writer.stop()
    for _ in range(MOST_OF_ONE + 1):
        assert (await browser.open("/console/live/events")).status_code == 503
    page = await browser.open("/console/live")
    assert page.status_code == 503
    assert "Lists files" not in page.text
    await browser.client.aclose()
