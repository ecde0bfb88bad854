"""Live calls in a real Chromium: they appear as they are judged, as text; without a script at the next look."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import ViewportSize

from firewall.console.live.feed import KEPT, Call, Feed
from firewall.console.live.room import LiveRoom
from tests.support.browser import chromium
from tests.support.control_side import free_socket, served
from tests.support.paging import arrived, sign_in
from tests.support.real_console import RealConsole, real_console

PHONE = ViewportSize(width=360, height=740)
NASTY = "<img src=x onerror=alert(1)> \u202e" + "x" * 120

pytestmark = pytest.mark.browser


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[tuple[Feed, str]]:
    """A feed and the address of its page."""
    bound = free_socket()
    feeds: list[Feed] = []

    def rooms(side: RealConsole) -> tuple[LiveRoom, ...]:
        feeds.append(Feed(side.clock))
        return (LiveRoom(feeds[0], side.installation.writer),)

    public = f"http://localhost:{bound.getsockname()[1]}"
    async with real_console(tmp_path, rooms, public=public) as side, served(side.console.app, bound):
        yield feeds[0], f"{public}/console/live"
        feeds[0].close()


def _tell(feed: Feed, first: int, last: int) -> None:
    for number in range(first, last + 1):
        feed.add(
            Call(
                number=number,
                at_us=1_795_262_400_000_000,
                entry=number,
                token="tok_1",
                who=f"agent-{number} for olga",
                gate="models",
                tool="Bash",
                verdict="ask",
                reason="policy:row:matched",
                environment="production",
                effects=("destructive",),
                summary=NASTY,
                approval="apr_1",
            )
        )


async def test_calls_appear_while_somebody_looks(feed: tuple[Feed, str], tmp_path: Path) -> None:
    """Newest on top, no more than there is room for; what an agent wrote is text; a pause is one."""
    live, address = feed
    _tell(live, 1, 2)
    async with chromium(tmp_path, PHONE) as context:
        page = await context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        await sign_in(page, address, "auditor")
        rows = page.locator("#calls > li")
        assert await rows.count() == 2
        await page.get_by_text("Calls appear as they are judged").wait_for()
        _tell(live, 3, 4)
        await page.get_by_text("agent-4 for olga").wait_for()
        assert [await rows.nth(at).locator("strong").inner_text() for at in range(4)] == [
            f"agent-{number} for olga" for number in (4, 3, 2, 1)
        ]
        assert "⟦U+202E⟧" in await rows.nth(0).inner_text()
        assert await page.locator("#calls img").count() == 0
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await page.evaluate(fits)
        await page.get_by_role("button", name="Pause").click()
        _tell(live, 5, 5 + KEPT)
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_text(f"agent-{5 + KEPT} for olga").wait_for()
        assert await rows.count() == KEPT
        assert problems == []
        live.close()
        await page.get_by_text("The stream has ended").wait_for()


async def test_without_a_script_the_last_calls_stand_there(feed: tuple[Feed, str], tmp_path: Path) -> None:
    """`Look again` brings what came since."""
    live, address = feed
    async with chromium(tmp_path, PHONE, scripts=False) as context:
        page = await context.new_page()
        await sign_in(page, address, "auditor")
        assert "None yet" in await page.locator("main").inner_text()
        _tell(live, 1, 3)
        await page.get_by_role("link", name="Look again").click()
        await arrived(page, page.get_by_text("agent-3 for olga"))
        assert await page.locator("#calls > li").count() == 3
        assert await page.get_by_role("button", name="Pause").count() == 0
