"""What a browser does by itself, or is led to do, while an approver is signed in: nothing is decided by it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Request, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firewall.core.approval import ApprovalStatus
from tests.support.approving import subject, view, wanted
from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import PHONE, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
EVIL = "http://evil.test"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserContext]:
    """One browser for all rows."""
    async with chromium(tmp_path_factory.mktemp("attacks"), PHONE) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def context(phone: BrowserContext) -> AsyncIterator[BrowserContext]:
    """That browser with nobody signed in, no page open and no site of another."""
    yield phone
    for page in phone.pages[1:]:
        await page.close()
    await phone.unroute_all()
    await phone.clear_cookies()


@pytest_asyncio.fixture(loop_scope="module")
async def answering() -> asyncio.Event:
    """Nothing of ours is answered while this is not set; it is, unless a test clears it."""
    event = asyncio.Event()
    event.set()
    return event


def _when(answering: asyncio.Event, app: ASGIApp) -> ASGIApp:
    """Return an application that does its work at once, and answers only while it may."""

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            await answering.wait()
            await send(message)

        await app(scope, receive, late)

    return held


@pytest_asyncio.fixture(loop_scope="module")
async def side(answering: asyncio.Event) -> AsyncIterator[Side]:
    """A control side on a loopback port; its clock stands still."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    async with served(_when(answering, built.console.app), bound):
        yield built


async def _visit(context: BrowserContext, body: str) -> list[Request]:
    """Have `evil.test` serve a page; returns what the browser asks it for."""
    asked: list[Request] = []

    async def answer(route: Route) -> None:
        asked.append(route.request)
        await route.fulfill(body=body, content_type="text/html")

    await context.route(f"{EVIL}/**", answer)
    return asked


async def test_what_a_browser_fetches_by_itself_decides_nothing(side: Side, context: BrowserContext) -> None:
    """51: prefetch, image, script, frame, HEAD and a POST without our page, with an approver signed in."""
    approval = await side.approvals.open(wanted())
    address = side.approvals.rules.address(approval.id)
    page = await context.new_page()
    await sign_in(page, address)
    before = list(side.log.kinds)
    await _visit(
        context,
        f'<link rel="prefetch" href="{address}"><link rel="preload" as="fetch" href="{address}">'
        f'<script type="speculationrules">{{"prerender": [{{"urls": ["{address}"]}}]}}</script>'
        f'<img src="{address}"><script src="{address}"></script><iframe src="{address}"></iframe>',
    )
    await page.goto(f"{EVIL}/")
    fetched = """async ([address, method]) => {
      const body = method === "POST" ? "decision=approve" : null;
      const how = {method, mode: "no-cors", credentials: "include", body};
      try { return (await fetch(address, how)).type; } catch (error) { return error.name; }
    }"""
    said = [await page.evaluate(fetched, [address, method]) for method in ("GET", "HEAD", "POST")]
    assert set(said) <= {"opaque", "TypeError"}
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING
    assert side.log.kinds == before, "another site's page made somebody seem to have read it"


async def test_a_double_click_is_one_decision(
    side: Side, context: BrowserContext, answering: asyncio.Event
) -> None:
    """53: two clicks faster than any answer leave one vote and a page that says how it ended."""
    approval = await side.approvals.open(wanted())
    page = await context.new_page()
    await sign_in(page, side.approvals.rules.address(approval.id))
    answering.clear()
    await page.get_by_role("button", name="Approve once").dblclick(no_wait_after=True)
    answering.set()
    await page.get_by_text("Approved").first.wait_for()
    assert side.approvals.get(approval.id).status is ApprovalStatus.APPROVED
    assert side.log.kinds.count("approval.voted") == 1


async def test_a_megabyte_of_argument_hides_nothing_on_a_phone(side: Side, context: BrowserContext) -> None:
    """55: one long line around the deciding words: they and both buttons stand on the first screen."""
    padding = "echo preparing the next harmless step; " * 13_000
    text = f"{padding}rm -rf /srv/data; {padding}"
    start = len(padding)
    hit = view(text=text, evidence=((start, start + 16, "removes everything"),))
    approval = await side.approvals.open(replace(wanted(), subject=subject(actions=(hit,), arguments=text)))
    page = await context.new_page()
    await sign_in(page, side.approvals.rules.address(approval.id))
    for seen in (
        page.get_by_role("heading", level=1),
        page.locator("mark").first,
        page.get_by_role("button", name="Deny"),
        page.get_by_role("button", name="Approve once"),
    ):
        box = await seen.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= PHONE["height"]
    assert await page.locator("mark").first.inner_text() == "rm -rf /srv/data"
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_markup_and_look_alikes_stay_text_in_every_browser_sense(
    side: Side, context: BrowserContext
) -> None:
    """55: HTML, markdown, escapes of terminals, hidden and foreign letters: no link, and nothing unseen."""
    text = "<a href='http://evil.test/'>ok</a> [ok](http://evil.test/) \x1b[2K \u202e \u200b\nsecond\r\nthird"
    hostile = view(text=text, summary=text, resource="volume:railway/d\u0430ta", operation=text, unseen=(text,))
    asked = replace(wanted(), subject=subject(actions=(hostile,), arguments=text, said=text, agent=text, row=text))
    approval = await side.approvals.open(asked)
    page = await context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    for address in (side.approvals.rules.address(approval.id), f"{side.public}/console/"):
        await (sign_in(page, address) if page.url == "about:blank" else page.goto(address))
        links = await page.eval_on_selector_all("a", "found => found.map(one => one.href)")
        assert [link for link in links if not link.startswith(side.public)] == []
        shown = await page.inner_text("body")
        assert "<a href='http://evil.test/'>ok</a>" in shown
        assert "\u27e6U+202E\u27e7" in shown
        assert not {"\x1b", "\u202e", "\u200b"} & set(shown)
    await page.go_back()
    assert "cyrillic small letter a" in await page.inner_text("body")


async def test_no_address_of_ours_is_told_to_other_sites(side: Side, context: BrowserContext) -> None:
    """56: who leaves an approval's page for another site brings no Referer; nothing is kept of the page."""
    approval = await side.approvals.open(wanted())
    page = await context.new_page()
    await sign_in(page, side.approvals.rules.address(approval.id))
    asked = await _visit(context, "<p>another site")
    await page.evaluate("address => { window.location.href = address; }", f"{EVIL}/")
    await page.wait_for_url(f"{EVIL}/")
    headers = await asked[0].all_headers()
    assert headers.get("referer", "") == ""
    assert approval.id not in str(headers)
    await context.clear_cookies()
    await page.go_back()
    await page.get_by_role("heading", name="Sign in").wait_for()
    assert "rm -rf" not in await page.content()


async def test_a_frame_of_ours_shows_nothing_to_click(side: Side, context: BrowserContext) -> None:
    """62: a page that lays our buttons under its own gets an empty frame, whatever it asks of the frame."""
    approval = await side.approvals.open(wanted())
    address = side.approvals.rules.address(approval.id)
    page = await context.new_page()
    await sign_in(page, address)
    frames = "".join(
        f'<{tag} {name}="{address}" style="opacity:0" width="300" height="900"></{tag}>'
        for tag, name in (("iframe", "src"), ("object", "data"), ("embed", "src"), ('iframe sandbox=""', "src"))
    )
    await _visit(context, frames)
    before = len(side.log.records)
    await page.goto(f"{EVIL}/")
    for frame in page.frames:
        assert "Approve once" not in await frame.content()
    await page.mouse.click(150, 700)
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING
    assert "approval.voted" not in side.log.kinds[before:]
