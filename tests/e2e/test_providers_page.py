"""The providers' page in a real Chromium, at phone and desktop width."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, ViewportSize

from firewall.console.routes.providers import ModelSeen, Overview, ProviderSeen
from firewall.core.breaker import State
from firewall.routing.choosing.tally import Fared
from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import sign_in

PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=900)
SHOTS = os.environ.get("STAYHAND_SHOTS", "")
LONG = "a-model-that-somebody-made-up-" * 7 + "<script>alert(1)</script>\u202e"
OVERVIEW = Overview(
    (
        ProviderSeen(
            "anthropic",
            "anthropic",
            "saas",
            "us",
            (
                ModelSeen("claude-sonnet-5", keys=1, fared=Fared(1841, 12, 0), first_ms=640, busy=3),
                ModelSeen(
                    "claude-haiku-5-5", State.OPEN, 42, keys=2, shut=1, fared=Fared(310, 95, 0), first_ms=2200
                ),
                ModelSeen(LONG, fared=Fared(0, 2, 0)),
            ),
        ),
        ProviderSeen("openai", "openai-responses", "saas", "", (ModelSeen("gpt-6-sol", fared=Fared(97, 0, 95)),)),
        ProviderSeen("own", "openai-chat", "self", "eu", ()),
    ),
    1_795_262_400_000_000,
    "away (timeout): each process decides for itself",
)

pytestmark = pytest.mark.browser


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port, and providers of which one is not well."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    built.desk.overview = OVERVIEW
    async with served(built.console.app, bound):
        yield built


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
async def context(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser of its own."""
    async with chromium(tmp_path, request.param) as found:
        yield found


async def test_who_signs_in_sees_how_providers_fare(side: Side, context: BrowserContext) -> None:
    """Nothing before; then every figure, without a script, and on a phone with nothing to scroll aside."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    address = f"{side.public}/console/providers"
    await page.goto(address)
    assert "anthropic" not in await page.content()
    await sign_in(page, address)
    assert await page.get_by_role("heading", level=1).inner_text() == "1 of 3 providers is not well"
    if SHOTS and page.viewport_size:
        await page.screenshot(path=f"{SHOTS}/providers-{page.viewport_size['width']}.png", full_page=True)
    text = await page.locator("main").inner_text()
    for words in ("left alone for 42 s (1 of 2 keys)", "640 ms", "24 %", "98 %", "in part left alone", "⟦U+202E⟧"):
        assert words in text
    assert "each process decides for itself" in text
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await page.evaluate(wider)
    assert await page.locator("main script").count() == 0
    assert problems == []
    await page.get_by_role("link", name="Stayhand").click()
    await page.get_by_role("link", name="Providers").click()
    await page.wait_for_url(address)
    assert side.log.kinds.count("approval.viewed") == 0
