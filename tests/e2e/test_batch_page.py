"""Several calls of a kind, answered together in Chromium, without a script, on a phone and a desktop."""

from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from firewall.core.approval import Approval, ApprovalStatus
from tests.support.approving import subject, view, wanted
from tests.support.axe.looking import findings
from tests.support.browser import one_chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import DESKTOP, PHONE, shots, sign_in

pytestmark = [pytest.mark.agents, pytest.mark.browser]
WIDE = "document.documentElement.scrollWidth <= window.innerWidth"


async def _asked(side: Side, number: int) -> Approval:
    path = f"/srv/shop/generated/{number}/a-long-name-that-goes-on-and-on-for-a-while"
    text = f"mkdir -p {path} && touch {path}/index.html"
    one = view(
        operation="shell:touch",
        effects=("write",),
        resource=f"file:{path}",
        summary=f"Makes {path}",
        text=text,
        evidence=((0, 5, "makes folders"),),
        undo="remove what it made",
    )
    call = subject(actions=(one,), arguments=text)
    return await side.approvals.open(replace(wanted(), digest=f"{number:064}", effects=("write",), subject=call))


async def _page(browser: Browser, side: Side, *, scripts: bool) -> Page:
    context = await browser.new_context(viewport=PHONE if scripts else DESKTOP, java_script_enabled=scripts)
    page = await context.new_page()
    await sign_in(page, f"{side.public}/console/")
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["phone", "no script"])
async def test_a_batch_is_read_and_answered(*, scripts: bool) -> None:
    """From the queue to what became of each; one is left out; every one was shown whole."""
    bound = free_socket()
    port = bound.getsockname()[1]
    side = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    many = [await _asked(side, number) for number in range(3)]
    async with served(side.console.app, bound), one_chromium() as browser:
        page = await _page(browser, side, scripts=scripts)
        if scripts:
            await shots(page, "batch-queue")
        await page.get_by_role("link", name="3 of one kind").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("3 calls of one kind")
        await page.wait_for_load_state()
        for one in many:
            assert one.subject is not None
            assert one.subject.arguments in await page.inner_text("main")
        if scripts:
            assert await findings(page) == []
            assert await page.evaluate(WIDE)
            await shots(page, "batch")
        await page.get_by_label("Answer this one as well").nth(1).uncheck()
        await page.get_by_role("button", name="Approve the chosen").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 answered")
        if scripts:
            assert await findings(page) == []
            await shots(page, "batched")
        await page.go_back()  # nothing of it is kept: it shows what still waits
        await page.get_by_role("button", name="Deny the chosen").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 answered")
    approved, denied = ApprovalStatus.APPROVED, ApprovalStatus.DENIED
    assert [side.approvals.get(one.id).status for one in many] == [approved, denied, approved]
    assert side.log.kinds.count("approval.voted") == 3
