"""Passkeys in a real Chromium with a virtual authenticator: registering, signing in, revoking, a wrong address."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Route

from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.enrolling import code_for
from tests.support.paging import PHONE, arrived, authenticator, enrol, shots, sign_out

pytestmark = pytest.mark.browser


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port; its clock stands still."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    async with served(built.console.app, bound):
        yield built


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser of its own, with its own profile."""
    async with chromium(tmp_path, PHONE) as found:
        yield found


async def _empty(route: Route) -> None:
    await route.fulfill(body="<p>another site", content_type="text/html")


async def test_a_one_time_address_a_passkey_a_sign_in_and_its_end(side: Side, context: BrowserContext) -> None:
    """56: the way of a new approver, click by click; the code leaves the address, a revoked passkey is nobody."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    _, device = await authenticator(context, page)
    assert device
    code = await code_for(side, "alice")
    await page.goto(f"{side.public}/console/link#{code}")
    await page.wait_for_url(f"{side.public}/console/link")
    assert await page.get_by_label("Code").input_value() == code
    await shots(page, "link")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("button", name="Add a passkey").wait_for()
    await shots(page, "passkeys-none")
    await page.get_by_label("What to call it").fill("phone")
    await page.get_by_role("button", name="Add a passkey").click()
    await arrived(page, page.get_by_role("button", name="Revoke phone"))
    await shots(page, "passkeys-one")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await sign_out(page)
    await page.get_by_role("button", name="Sign in with a passkey").wait_for()
    await shots(page, "signin-passkey")
    await page.goto(f"{side.public}/console/passkeys")
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.get_by_role("button", name="Revoke phone").wait_for()
    assert side.log.kinds[-1] == "approver.signed_in"
    assert side.log.records[-1].data["via"] == "passkey"
    await page.get_by_role("button", name="Revoke phone").click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.get_by_text("not known here, or was revoked").wait_for()
    await shots(page, "signin-refused")
    assert [text for text in problems if "favicon" not in text and "403" not in text] == []


async def test_wrong_devices_and_wrong_addresses_get_nothing(side: Side, context: BrowserContext) -> None:
    """No PIN, no passkey; by 127.0.0.1 the page says where they work; another site is refused by the browser."""
    page = await context.new_page()
    devtools, device = await authenticator(context, page, isUserVerified=False)
    await page.goto(f"{side.public}/console/link#{await code_for(side, 'alice')}")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_text("Nothing was signed").wait_for()
    assert "approver.passkey_added" not in side.log.kinds
    await devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    await enrol(side, page)
    await sign_out(page)
    await page.goto(f"{side.public.replace('localhost', '127.0.0.1')}/console/")
    await page.get_by_text(f"Passkeys work at {side.public} alone").wait_for()
    assert not await page.get_by_role("button", name="Sign in with a passkey").is_visible()
    assert await page.get_by_label("Passphrase").is_enabled()
    await shots(page, "signin-elsewhere")
    await context.route("http://evil.localhost/**", _empty)
    await page.goto("http://evil.localhost/")
    asked = """async () => {
      try {
        await navigator.credentials.get({publicKey: {rpId: "localhost", challenge: new Uint8Array(32)}});
        return "signed";
      } catch (error) { return error.name; }
    }"""
    assert await page.evaluate(asked) == "SecurityError"


async def test_without_a_script_everything_but_passkeys_works(side: Side, tmp_path: Path) -> None:
    """A code is pasted, a passphrase typed; nothing that needs a script pretends to work."""
    async with chromium(tmp_path, PHONE, scripts=False) as context:
        page = await context.new_page()
        await page.goto(f"{side.public}/console/")
        assert not await page.get_by_role("button", name="Sign in with a passkey").is_visible()
        await page.goto(f"{side.public}/console/link#ignored")
        await page.get_by_label("Code").fill(await code_for(side, "alice"))
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await arrived(page, page.get_by_text("Passkeys need JavaScript"))
        assert not await page.get_by_role("button", name="Add a passkey").is_visible()
