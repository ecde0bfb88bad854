"""The queue in Chromium: whoever keeps it open is told of a new call, and is led to it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.approving import wanted
from tests.support.browser import chromium
from tests.support.control_side import control_side, free_socket, served
from tests.support.paging import PHONE, sign_in

pytestmark = pytest.mark.browser

RECORDED = """
window.told = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return "granted"; }
  constructor(title, options) { this.tag = options.tag; window.told.push(this); }
};
"""
"""In place of the browser's own, which has no screen to show anything on."""


async def test_a_new_call_is_told_once_while_the_queue_is_open(tmp_path: Path) -> None:
    """What the page shows already is not told; what comes is, without a word of the call."""
    bound = free_socket()
    port = bound.getsockname()[1]
    side = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    await side.approvals.open(wanted())
    async with served(side.console.app, bound), chromium(tmp_path, PHONE) as context:
        page = await context.new_page()
        await page.add_init_script(RECORDED)
        await sign_in(page, f"{side.public}/console/")
        button = page.get_by_role("button", name="Tell me in this browser")
        await button.wait_for()  # it is hidden until the page's script runs
        await page.evaluate("document.querySelector('[data-waiting]').dataset.every = 50")
        await button.click()
        await page.get_by_text("You are told while this page is open").wait_for()
        new = await side.approvals.open(replace(wanted(), digest="e" * 64))
        async with asyncio.timeout(30):  # the page's policy forbids the polling that Playwright has
            while not await page.evaluate("window.told.length"):  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.05)
        assert await page.evaluate("window.told.map(one => one.tag)") == [new.id]
        await page.evaluate("window.told[0].onclick()")
        await page.wait_for_url(f"{side.public}/approve/{new.id}")
