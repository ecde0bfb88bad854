"""What every page of the console stands in: the navigation, in a real Chromium, by keyboard and at every width."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import ViewportSize
from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import Access
from firewall.console.rooms import Frame, Visitor
from firewall.console.routes.providers import Overview
from firewall.console.rows import Row, Tab
from tests.support.approving import wanted
from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import sign_in

PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=800)
TITLES = ("Tokens", "Sessions", "Live calls", "Log", "Policies", "Routes", "Spend")

pytestmark = pytest.mark.browser


class EmptyRoom:
    """A page with a tab and nothing to show."""

    def __init__(self, title: str) -> None:
        path = f"/console/{title.lower().replace(' ', '')}"
        self.tab = Tab(path, title, Access.READER)

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """As the protocol says."""

        async def show(_request: Request, visitor: Visitor) -> Response:
            return frame.html("providers.html", visitor, self.tab, page=Overview((), 1_795_262_400_000_000))

        return (frame.page(self.tab.path, show, self.tab.needs),)


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port with all its tabs."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(
        public=f"http://localhost:{port}",
        listen=f"127.0.0.1:{port}",
        rooms=[EmptyRoom(title) for title in TITLES],
    )
    async with served(built.console.app, bound):
        yield built


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_many_tabs_fit_and_the_keyboard_reaches_the_page(
    side: Side, tmp_path: Path, size: ViewportSize, *, scripts: bool
) -> None:
    """Every tab is in sight, one of them is the present one, and the first stop skips them all."""
    approval = await side.approvals.open(wanted())
    async with chromium(tmp_path, size, scripts=scripts) as context:
        page = await context.new_page()
        await sign_in(page, f"{side.public}/console/livecalls")
        assert page.url.endswith("/console/livecalls")
        tabs = page.get_by_role("navigation", name="Console").get_by_role("link")
        assert await tabs.all_inner_texts() == ["Queue", "Providers", "Reviews", *TITLES, "Passkeys"]
        boxes = [await one.bounding_box() for one in await tabs.all()]
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= size["width"] for box in boxes)
        assert all(box and box["height"] >= 24 for box in boxes)
        assert await page.locator('[aria-current="page"]').all_inner_texts() == ["Live calls"]
        await page.keyboard.press("Tab")
        assert await page.locator(":focus").inner_text() == "Skip to the page"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/livecalls#main")
        await page.keyboard.press("Tab")
        assert await page.locator("main :focus").count() == 1
        await page.goto(f"{side.public}/approve/{approval.id}")
        answers = await page.get_by_role("button", name="Deny").bounding_box()
        assert answers
        assert answers["y"] + answers["height"] <= size["height"]
        narrow = await page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        assert narrow
