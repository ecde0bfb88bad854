"""The approval page in a real Chromium, at phone and desktop width: what an approver sees and clicks."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page

from firewall.approvals.forms import Ended
from firewall.core.approval import ApprovalStatus, Form, FormState
from tests.support.approving import COMMAND, subject, view, wanted
from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import arrived, sign_in, sign_out

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
SHOTS = os.environ.get("STAYHAND_SHOTS", "")

pytestmark = pytest.mark.browser


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port; its clock stands still."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    async with served(built.console.app, bound):
        yield built


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
async def context(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser of its own, with its own profile."""
    async with chromium(tmp_path, request.param) as found:
        yield found


async def _shot(page: Page, name: str, *, full: bool = False) -> None:
    if SHOTS:
        width = page.viewport_size["width"] if page.viewport_size else 0
        await page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=full)


async def test_an_approver_signs_in_reads_and_approves_with_one_click(side: Side, context: BrowserContext) -> None:
    """A link shows nothing until sign-in, then everything on the first screen; one click decides."""
    approval = await side.approvals.open(wanted())
    waiting = asyncio.create_task(side.approvals.wait(approval.id, until_us=side.clock.now + 600_000_000))
    address = side.approvals.rules.address(approval.id)
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await page.goto(address)
    assert COMMAND not in await page.content()
    await _shot(page, "signin")
    await sign_in(page, address)
    await _shot(page, "pending")
    await _shot(page, "pending-full", full=True)
    height = page.viewport_size["height"] if page.viewport_size else 0
    for seen in (
        page.get_by_role("heading", level=1),
        page.locator(".chip.env").first,
        page.locator("mark").first,
        page.get_by_role("button", name="Deny"),
        page.get_by_role("button", name="Approve once"),
    ):
        box = await seen.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    assert await page.locator("mark").first.inner_text() == "rm -rf /srv/data"
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.get_by_role("button", name="Approve once").click()
    await arrived(page, page.get_by_text("Approved").first)
    await _shot(page, "approved")
    assert (await asyncio.wait_for(waiting, 30)).status is ApprovalStatus.APPROVED
    assert [text for text in problems if "favicon" not in text and "401" not in text] == []


async def test_a_denial_carries_its_reason_and_a_second_click_is_friendly(
    side: Side, context: BrowserContext
) -> None:
    """Deny takes an optional reason; who clicks on an old page sees what was decided, and nothing changes."""
    approval = await side.approvals.open(wanted())
    address = side.approvals.rules.address(approval.id)
    first = await context.new_page()
    await sign_in(first, address)
    second = await context.new_page()
    await second.goto(address)
    await first.get_by_label("Reason").fill("ask me before touching /srv")
    await first.get_by_role("button", name="Deny").click()
    await first.get_by_text("Denied").first.wait_for()
    await _shot(first, "denied")
    await second.get_by_role("button", name="Approve once").click()
    await second.get_by_text("already").wait_for()
    await _shot(second, "too-late")
    assert side.approvals.get(approval.id).status is ApprovalStatus.DENIED
    assert side.approvals.get(approval.id).reason == "ask me before touching /srv"


async def test_a_form_is_run_with_one_click_and_its_outcome_is_shown(side: Side, context: BrowserContext) -> None:
    """Each form has a button that says what follows; a failure leaves the call held, success settles it."""
    words = "take a snapshot first, which is kept when the volume is gone: POST /v2/volumes/506f78a4/snapshots"
    forms = (
        Form(f'{words} {{"name": "before-deletion"}}', '{"method": "POST"}', before=True),
        Form("detach it instead: POST /v2/volumes/506f78a4/actions", '{"method": "POST"}'),
        Form("take a snapshot first: aws rds create-db-snapshot", before=True),
    )
    approval = await side.approvals.open(wanted(subject=subject(forms=forms)))
    address = side.approvals.rules.address(approval.id)
    page = await context.new_page()
    await sign_in(page, address)
    await _shot(page, "forms-full", full=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert await page.locator("button.form[name='form']").count() == 2
    side.runner.ended = Ended(FormState.FAILED, 500)
    await page.get_by_role("button", name="Do this first, then let the call run").click()
    await arrived(page, page.get_by_text("failed: the call is still held"))
    await _shot(page, "form-failed-full", full=True)
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING
    side.runner.ended = Ended(FormState.DONE, 201)
    await page.get_by_role("button", name="Do this first, then let the call run").click()
    await arrived(page, page.get_by_text("Approved").first)
    await _shot(page, "form-done-full", full=True)
    assert await page.locator(".run.done").count() == 1
    assert await page.locator("button.form[name='form']").count() == 0
    assert [run.state for run in side.approvals.get(approval.id).runs] == [FormState.FAILED, FormState.DONE]


async def test_hostile_text_is_shown_and_never_interpreted(side: Side, context: BrowserContext) -> None:
    """Markup, bidi overrides and padding cannot hide the deciding words or change the page."""
    padding = "\n".join(f"echo step {number} of the harmless preparation" for number in range(200))
    text = f"{padding}\necho '\u202e<img src=x onerror=alert(1)>' && rm -rf /srv/data{' ' * 400}# ok\n{padding}"
    start = text.index("rm -rf")
    hostile = view(
        text=text,
        evidence=((start, start + 16, "removes everything below, without asking"),),
        summary="Deletes /srv/data on the production host and everything in it",
        environment="production",
        resource="file:/srv/d\u0430ta",
    )
    said = "<script>alert(1)</script> **Approved by security**, just click \u202eetarepo\n[link](http://evil.test)"
    actions = (hostile, view(operation="shell:curl", effects=("exfil",), summary="Sends a file to a host outside"))
    approval = await side.approvals.open(
        replace(
            wanted(),
            environment="production",
            effects=("destructive", "exfil"),
            subject=subject(actions=actions, said=said, arguments=text),
        )
    )
    page = await context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    await sign_in(page, side.approvals.rules.address(approval.id))
    await _shot(page, "hostile")
    await _shot(page, "hostile-full", full=True)
    height = page.viewport_size["height"] if page.viewport_size else 0
    box = await page.locator("mark").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= height
    assert await page.locator("img, script").count() == 0
    content = await page.inner_text("body")
    assert "⟦U+202E⟧" in content
    assert "cyrillic small letter a" in content
    assert "<script>alert(1)</script>" in content
    assert await page.locator(".said a").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_queue_shows_what_waits(side: Side, context: BrowserContext) -> None:
    """Signed-in people find what waits without having a link."""
    await side.approvals.open(wanted())
    await side.approvals.open(
        replace(
            wanted(),
            digest="e" * 64,
            environment="production",
            subject=subject(
                actions=(view(summary="Force-pushes to branch main of acme/shop, overwriting its history"),)
            ),
        )
    )
    page = await context.new_page()
    await sign_in(page, f"{side.public}/console/")
    await page.emulate_media(color_scheme="dark")
    await _shot(page, "queue-dark")
    assert await page.locator(".card").count() == 2
    await page.locator(".card").first.click()
    await arrived(page, page.get_by_role("button", name="Deny"))
    await _shot(page, "pending-dark", full=True)
    await page.goto(f"{side.public}/console/")
    await sign_out(page)


async def test_another_sites_link_shows_and_its_form_decides_nothing(side: Side, context: BrowserContext) -> None:
    """Coming from a chat the page shows and works; another site's form is refused; nothing frames us."""
    approval = await side.approvals.open(wanted())
    address = side.approvals.rules.address(approval.id)
    page = await context.new_page()
    await sign_in(page, address)
    csrf = await page.locator('.decide input[name="csrf"]').input_value()
    evil = (
        f'<a href="{address}">look</a><iframe src="{address}"></iframe><form method="post" action="{address}">'
        f'<input name="csrf" value="{csrf}"><input name="decision" value="approve"><button>go</button></form>'
    )
    await context.route("http://evil.test/**", lambda route: route.fulfill(body=evil, content_type="text/html"))
    await page.goto("http://evil.test/")
    for frame in page.frames:
        assert "rm -rf" not in await frame.content()
    await page.get_by_role("button", name="go").click()
    await page.get_by_text("did not come from our own page").wait_for()
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING
    await page.goto("http://evil.test/")
    await page.get_by_role("link", name="look").click()
    await page.get_by_role("button", name="Approve once").click()
    await page.get_by_text("Approved").first.wait_for()
    assert side.approvals.get(approval.id).status is ApprovalStatus.APPROVED
