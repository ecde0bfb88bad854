"""Signing in at the company's provider, in a real Chromium: there, back, and what such a session may do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from firewall.console.proving.oidc_pages import Known
from firewall.core.approval import ApprovalStatus
from firewall.core.verdict import Obligations
from firewall.routing.upstream import HttpUpstream
from tests.support.approving import COMMAND, StillClock, wanted
from tests.support.browser import one_chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.openid import Provided, provided
from tests.support.paging import PHONE, arrived, shots

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
KNOWN = Known({}, {"alice@example.com": "alice"})


@dataclass(slots=True)
class House:
    """A control side, the provider that it trusts, and a phone without scripts."""

    side: Side
    provider: Provided
    phone: BrowserContext


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """All of it on loopback, on one clock; the provider is another site than we."""
    clock, upstream, bound = StillClock(), HttpUpstream(), free_socket()
    port = bound.getsockname()[1]
    public = f"http://localhost:{port}"
    async with provided(clock) as provider, one_chromium() as browser:
        side = control_side(
            public, f"127.0.0.1:{port}", clock=clock, openid=provider.openid(public, upstream), known=KNOWN
        )
        async with served(side.console.app, bound):
            phone = await browser.new_context(viewport=PHONE, java_script_enabled=False)
            yield House(side, provider, phone)
            await phone.close()
        await upstream.close()


async def test_a_person_of_the_company_signs_in_and_decides(house: House) -> None:
    """From an approval's link to the provider and back to the very page; one click decides, without a script."""
    approval = await house.side.approvals.open(wanted())
    address = house.side.approvals.rules.address(approval.id)
    page = await house.phone.new_page()
    await page.goto(address)
    assert COMMAND not in await page.content()
    await shots(page, "oidc-signin")
    await page.get_by_role("link", name="Sign in with Acme").click()
    await arrived(page, page.get_by_role("button", name="Sign out"))
    assert page.url == address
    await expect(page.get_by_text("rm -rf /srv/data").first).to_be_visible()
    assert house.side.log.kinds.count("approver.signed_in") == 1
    await page.get_by_role("button", name="Approve once").click()
    await expect(page.get_by_text("Approved").first).to_be_visible()
    decided = house.side.approvals.get(approval.id)
    assert decided.status is ApprovalStatus.APPROVED
    voted = house.side.log.records[house.side.log.kinds.index("approval.voted")]
    assert voted.data["auth"] == "oidc"


async def test_the_companys_session_is_no_passkey(house: House) -> None:
    """A row that wants a tap gets none of it: the page says so, and offers to deny."""
    asked = replace(wanted(), digest="e" * 64, obligations=Obligations(auth="passkey"))
    approval = await house.side.approvals.open(asked)
    page = await house.phone.new_page()
    await page.goto(house.side.approvals.rules.address(approval.id))
    if await page.get_by_role("link", name="Sign in with Acme").count():
        await page.get_by_role("link", name="Sign in with Acme").click()
    await arrived(page, page.get_by_role("button", name="Deny"))
    assert await page.get_by_role("button", name="Approve once").is_visible() is False
    await expect(page.get_by_text("passkey").first).to_be_visible()


async def test_a_stranger_of_the_company_is_told_so(house: House) -> None:
    """Whom the provider knows and we do not: no session, a page that says so, and the reason in the log."""
    house.provider.email = "mallory@example.com"
    await house.phone.clear_cookies()
    page = await house.phone.new_page()
    await page.goto(f"{house.side.public}/console/")
    await page.get_by_role("link", name="Sign in with Acme").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await shots(page, "oidc-stranger")
    assert house.side.log.records[-1].data["what"] == "oidc_unknown"
    await page.goto(f"{house.side.public}/console/")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
