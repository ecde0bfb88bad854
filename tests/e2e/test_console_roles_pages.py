"""What each role sees, looked at as an admin's pages are: names, contrast, width, the keyboard's way.

A viewer, an approver, an auditor and an admin sign in; each page that the navigation or a link leads them to is
opened on a phone, by day and by night, and so is what they get where they may not go.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from firewall.console.auth import Access
from tests.support.axe.looking import findings
from tests.support.browser import one_chromium
from tests.support.paging import PHONE, shots, sign_in
from tests.support.whole_console import Whole, whole_console

pytestmark = [
    pytest.mark.agents,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]
ROLES = ("viewer", "approver", "auditor", "admin")
MOST_STOPS = 400
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.type !== "hidden" && one.checkVisibility())
  .map((one, at) => { one.dataset.stop = String(at); return at; })"""
"""Numbers everything on a page that a keyboard has to come to."""
AT = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  if (one === document.body) return null;
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  return { stop: one.dataset.stop ?? "", name: (one.innerText || one.name || one.id).slice(0, 40), seen };
}"""
"""What has the focus, and whether that can be seen."""

THUMB = 44
SMALL = f"""() => [...document.querySelectorAll(
    "button, select, textarea, summary, input:not([type=hidden]), nav a, .card, .choices a, .pager a")]
  .filter((one) => one.checkVisibility())
  .map((one) => [one, one.matches("[type=checkbox], [type=radio]") ? one.labels[0] : one])
  .map(([one, hit]) => [one, hit.getBoundingClientRect()])
  .filter(([, box]) => box.height < {THUMB} || box.width < 24)
  .map(([one, box]) => `${{one.innerText || one.name}} ${{Math.round(box.height)}}`)"""
"""What a thumb would miss; links within a sentence are as high as their line."""


@dataclass(slots=True)
class House:
    """The server and a browser."""

    whole: Whole
    browser: Browser

    async def signed_in(self, role: str) -> tuple[BrowserContext, Page]:
        """Return a phone on which somebody with that role has signed in."""
        context = await self.browser.new_context(viewport=PHONE, has_touch=True)
        page = await context.new_page()
        name = "root" if role == "admin" else role
        await sign_in(page, f"{self.whole.public}/console/", name, self.whole.people[name])
        return context, page

    def addresses(self) -> list[str]:
        """Return every page without a parameter, and an approval in each state that one can have."""
        rows = [row for row in self.whole.application.console.rows if row.access is Access.PAGE]
        plain = [row.path for row in rows if row.method == "GET" and "{" not in row.path]
        approvals = [f"/approve/{one}" for one in self.whole.approvals.values()]
        return [path for path in plain if path != "/console/waiting"] + approvals


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server, one browser."""
    async with one_chromium() as browser, whole_console(tmp_path_factory.mktemp("roles")) as whole:
        yield House(whole, browser)


@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_sees_has_no_grave_finding_and_fits_a_phone(house: House, role: str) -> None:
    """Pages and refusals alike: axe by day and by night, one heading, nothing to scroll aside at 360 pixels."""
    context, page = await house.signed_in(role)
    wrong: list[str] = []
    for address in house.addresses():
        answer = await page.goto(f"{house.whole.public}{address}")
        assert answer is not None
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            wrong += [f"{address} ({scheme}): {one}" for one in await findings(page)]
        if await page.evaluate(WIDE) > 0:
            wrong.append(f"{address}: wider than the phone")
        if await page.get_by_role("heading", level=1).count() != 1 or not await page.title():
            wrong.append(f"{address}: needs one heading and a title")
        if answer.status >= 400 and not await page.get_by_role("navigation", name="Console").count():
            wrong.append(f"{address}: a refusal is a dead end")
        named = re.sub(r"[^a-z]+", "-", re.sub(r"apr_\w+", "one", address))
        await shots(page, f"{role}{named}")
    assert "\n".join(wrong) == ""
    await context.close()


@pytest.mark.parametrize("role", ["approver", "admin"])
async def test_a_thumb_hits_what_it_has_to_hit(house: House, role: str) -> None:
    """On a touch screen buttons, fields, tabs, cards and what unfolds are 44 pixels high, folded or not."""
    context, page = await house.signed_in(role)
    missed: list[str] = []
    for address in house.addresses():
        await page.goto(f"{house.whole.public}{address}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        missed += [f"{address}: {one}" for one in await page.evaluate(SMALL)]
    assert "\n".join(missed) == ""
    await context.close()


@pytest.mark.parametrize("role", ROLES)
async def test_the_navigation_leads_a_role_where_it_may_go_and_nowhere_else(house: House, role: str) -> None:
    """Every link of the bar opens, and is marked as the page that one is on."""
    context, page = await house.signed_in(role)
    links = await page.get_by_role("navigation", name="Console").get_by_role("link").all()
    addresses = [str(await link.get_attribute("href")) for link in links]
    assert len(addresses) == len(set(addresses))
    for address in addresses:
        answer = await page.goto(f"{house.whole.public}{address}")
        assert answer is not None
        assert answer.status == 200, address
        marked = await page.locator("nav [aria-current=page]").get_attribute("href")
        assert marked == address
    await context.close()


@pytest.mark.parametrize("role", ROLES)
async def test_a_keyboard_comes_to_everything_and_sees_where_it_is(house: House, role: str) -> None:
    """Tab reaches each link, field and button of each page in turn, and each shows that it has the focus."""
    context, page = await house.signed_in(role)
    wrong: list[str] = []
    for address in house.addresses():
        await page.goto(f"{house.whole.public}{address}")
        missed = set(await page.evaluate(STOPS))
        reached: dict[str, Any] | None = {}
        for _ in range(MOST_STOPS):
            await page.keyboard.press("Tab")
            reached = await page.evaluate(AT)
            if reached is None:
                break
            missed.discard(int(reached["stop"] or -1))
            if not reached["seen"]:
                wrong.append(f"{address}: `{reached['name']}` does not show the focus")
        if missed:
            names = [await page.locator(f"[data-stop='{one}']").inner_text() for one in sorted(missed)[:3]]
            wrong.append(f"{address}: no Tab comes to {len(missed)}: {names}")
    assert "\n".join(dict.fromkeys(wrong)) == ""
    await context.close()
