"""Debian's Chromium for tests: where it is and how it is started without reaching out."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, BrowserContext, ViewportSize, async_playwright, expect

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PATIENCE_MS: Final = 30_000
"""How long a page may take to become what is expected of it: as for any other wait of Playwright's."""

expect.set_options(timeout=PATIENCE_MS)  # its own 5 s are too short where others use the processors as well


def needs_chromium() -> None:
    """Skip without Chromium; fail where STAYHAND_REQUIRE holds `browser`."""
    if Path(CHROMIUM).exists():
        return
    if "browser" in os.environ.get("STAYHAND_REQUIRE", "").split(","):
        pytest.fail("STAYHAND_REQUIRE demands a browser and there is no /usr/bin/chromium")
    pytest.skip("there is no /usr/bin/chromium")


@asynccontextmanager
async def chromium(folder: Path, viewport: ViewportSize, *, scripts: bool = True) -> AsyncIterator[BrowserContext]:
    """Start a browser with a profile of its own; `scripts`: pages may run any."""
    needs_chromium()
    profile = folder / "profile"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=CHROMIUM,
            headless=True,
            args=FLAGS,
            viewport=viewport,
            java_script_enabled=scripts,
        )
        yield browser
        await browser.close()
    shutil.rmtree(profile, ignore_errors=True)


@asynccontextmanager
async def one_chromium() -> AsyncIterator[Browser]:
    """Start one program for people with contexts of their own: nothing of one is seen by another."""
    needs_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        await browser.close()
