"""People at the console in Chromium: signing in, a virtual authenticator, pictures to look at."""

import os
from typing import Any, Final

from playwright.async_api import BrowserContext, CDPSession, Locator, Page, ViewportSize

from tests.support.control_side import SECRET, Side
from tests.support.enrolling import code_for

PHONE: Final = ViewportSize(width=360, height=780)
DESKTOP: Final = ViewportSize(width=1280, height=900)
SHOTS: Final = os.environ.get("STAYHAND_SHOTS", "")
"""A folder for pictures; empty: none are made."""


async def arrived(page: Page, sign: Locator) -> None:
    """Wait for a page by what it alone shows, and until all of it is there, its scripts run.

    A click returns before the next page comes, and the address tells nothing where a form stood at the same one.
    What is read at once, without a wait of its own, is read after this.
    """
    await sign.wait_for()
    await page.wait_for_load_state()


async def sign_in(page: Page, address: str, name: str = "alice", passphrase: str = SECRET) -> None:
    """Open an address of ours, sign in with a passphrase, and wait until the address is shown."""
    await page.goto(address)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Passphrase").fill(passphrase)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await arrived(page, page.get_by_role("button", name="Sign out"))


async def sign_out(page: Page) -> None:
    """End a session, and wait until the server has said so: going elsewhere sooner would take the request back."""
    await page.get_by_role("button", name="Sign out").click()
    await arrived(page, page.get_by_role("heading", name="Sign in"))


async def authenticator(context: BrowserContext, page: Page, **changes: object) -> tuple[CDPSession, str]:
    """Give a page a virtual authenticator that verifies its user, with the changes."""
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    plain: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": plain | changes})
    return devtools, str(added["authenticatorId"])


async def enrol(side: Side, page: Page, name: str = "alice") -> None:
    """Sign in with a one-time address and register a passkey."""
    await enrol_with(page, f"{side.public}/console/link#{await code_for(side, name)}")


async def enrol_with(page: Page, address: str) -> None:
    """Open a one-time address, sign in by it and register a passkey."""
    await page.goto(address)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_label("What to call it").fill("phone")
    await page.get_by_role("button", name="Add a passkey").click()
    await arrived(page, page.get_by_role("button", name="Revoke phone"))


async def shots(page: Page, name: str) -> None:
    """Take pictures of a whole page, on a phone and a desktop, by day and by night."""
    if not SHOTS:
        return
    before = page.viewport_size
    for size in (PHONE, DESKTOP):
        await page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}-{scheme}.png", full_page=True)
    if before:
        await page.set_viewport_size(before)
    await page.emulate_media(color_scheme="light")
