"""Every page of the console, as the route table of the whole server has it: for everybody, on any device.

No finding of axe-core that is serious or critical, by day and by night; nothing of others, nothing to scroll aside
at 360 pixels, 100 kB at most, and all of it without a script.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Response
from starlette.routing import compile_path

from tests.support.axe.looking import findings
from tests.support.browser import one_chromium
from tests.support.installation import ANSWER_LIMIT_S
from tests.support.paging import PHONE, arrived, shots, sign_in
from tests.support.whole_console import Whole, whole_console

pytestmark = [
    pytest.mark.agents,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]
FIRST_LOAD_BYTES = 100_000
STREAM = "text/event-stream"
WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return "";
  const out = [...document.querySelectorAll("body *")].filter((one) =>
    one.getBoundingClientRect().right > root.clientWidth + 0.5 || one.scrollWidth > one.clientWidth + 1);
  const named = out.map((one) => `${one.tagName}.${one.className} ${one.innerText.slice(0, 40)}`);
  return named.join(" / ").slice(0, 600);
}"""
"""Says what makes a page wider than its window; empty: nothing does."""
UNFOLDED = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
"""Opens every part of a page that is folded at first."""
MOST_OF_ONE = 3
"""Addresses looked at of a page with parameters."""
UNLINKED = {
    "/status/{id}": "the waiting agent tells its own user",
    "/approve/{id}/whole/{part}": "a file, linked where a call is too long to be shown whole",
}
"""Pages that no page leads to, and who does."""


@dataclass
class Loaded:
    """What one address of ours brought into an empty browser."""

    responses: list[Response] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, page: Page) -> "Loaded":
        """Listen to a page."""
        page.on("response", self.keep)
        page.on("console", lambda one: self.problems.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        return self

    def keep(self, response: Response) -> None:
        """Take note of a response."""
        self.responses.append(response)

    async def bytes(self) -> int:
        """Return how much it was, unpacked; a stream of events never ends, and is no part of the first load."""
        ended = [one for one in self.responses if one.status == 200 and STREAM not in one.headers["content-type"]]
        return sum([len(await one.body()) for one in ended])


@dataclass(slots=True)
class House:
    """The server, a browser, and the admin's session."""

    whole: Whole
    browser: Browser
    cookies: list[dict[str, object]]
    found: dict[str, str] = field(default_factory=dict)
    """Addresses of pages that were found, each with the row of the route table that it belongs to."""
    reached: set[str] = field(default_factory=set)
    """Rows that links lead to, downloads among them."""

    async def admin(self, *, scripts: bool = True) -> BrowserContext:
        """Return a fresh browser context with the admin's session."""
        context = await self.browser.new_context(viewport=PHONE, java_script_enabled=scripts)
        await context.add_cookies(self.cookies)  # type: ignore[arg-type]  # as the browser said them
        return context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server, one browser, and every address that an admin can come to."""
    async with one_chromium() as browser, whole_console(tmp_path_factory.mktemp("pages")) as whole:
        context = await browser.new_context()
        page = await context.new_page()
        await sign_in(page, f"{whole.public}/console/", whole.admin, whole.passphrase)
        built = House(whole, browser, [dict(one) for one in await context.cookies()])
        built.found, built.reached = await _addresses(whole, page)
        await context.close()
        yield built


async def _addresses(whole: Whole, page: Page) -> tuple[dict[str, str], set[str]]:
    """Follow links from what needs no parameter; return pages with the row of each, and all rows reached."""
    rows = {path: compile_path(path)[0] for path in whole.paths()}
    waiting = [path for path in rows if "{" not in path] + [f"/status/{whole.approvals['own']}"]
    waiting += [f"/approve/{one}" for one in list(whole.approvals.values())[1:]]
    found: dict[str, str] = {}
    reached: set[str] = set()
    async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=ANSWER_LIMIT_S) as client:
        for one in await page.context.cookies():
            client.cookies.set(str(one["name"]), str(one["value"]))
        while waiting:
            address = waiting.pop(0)
            row = next((path for path, shape in rows.items() if shape.fullmatch(urlsplit(address).path)), "")
            if not row or address in found or list(found.values()).count(row) >= MOST_OF_ONE:
                continue
            reached.add(row)
            async with client.stream("GET", address) as answer:
                if not answer.headers.get("content-type", "").startswith("text/html"):
                    continue
                text = (await answer.aread()).decode()
            assert answer.status_code < 400, f"{address}: {answer.status_code}"
            found[address] = row
            waiting += [link.replace("&amp;", "&") for link in re.findall(r'<a [^>]*href="(/[^"#]*)"', text)]
    return found, reached


async def test_every_page_of_the_route_table_is_looked_at(house: House) -> None:
    """A page that no other page leads to would be seen by nobody, here neither."""
    missed = [row for row in house.whole.paths() if "{" in row and row not in house.reached]
    assert [row for row in missed if row not in UNLINKED] == []
    assert len(house.found) >= len(house.whole.approvals) + 3


async def test_axe_finds_nothing_grave_by_day_and_by_night(house: House) -> None:
    """Names, roles, order, contrast: no serious or critical finding on any page, signed in or not."""
    context, nobody = await house.admin(), await house.browser.new_context(viewport=PHONE)
    grave: list[str] = []
    for who, addresses in ((context, list(house.found)), (nobody, ["/console/", "/console/link"])):
        page = await who.new_page()
        for address in addresses:
            await page.goto(f"{house.whole.public}{address}")
            await page.evaluate(UNFOLDED)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                grave += [f"{address} ({scheme}): {one}" for one in await findings(page)]
            named = re.sub(r"[^a-z]+", "-", re.sub(r"(apr|tok|ses)_\w+|\?.*", "one", address))
            await shots(page, f"{'in' if who is context else 'out'}{named}")
    assert "\n".join(grave) == ""
    await context.close()
    await nobody.close()


async def test_axe_would_have_found_it(house: House) -> None:
    """Pale text, a picture and a field without a name: the search itself finds what it is there for."""
    page = await house.browser.new_page()
    await page.set_content('<p style="color:#bbb;background:#fff">pale</p><img src="data:,"><input>')
    found = {one.split()[1] for one in await findings(page)}
    assert found >= {"color-contrast:", "image-alt:", "label:"}
    await page.close()


async def test_a_page_is_small_ours_alone_and_fits_a_phone(house: House) -> None:
    """An empty browser loads at most 100 kB, from us alone, without a complaint and nothing to scroll aside."""
    wrong: list[str] = []
    for address in house.found:
        context = await house.admin()
        page = await context.new_page()
        loaded = Loaded().of(page)
        await page.goto(f"{house.whole.public}{address}", wait_until="load")
        foreign = [one.url for one in loaded.responses if not one.url.startswith(house.whole.public)]
        size = await loaded.bytes()
        wide = await page.evaluate(WIDE)
        await page.evaluate(UNFOLDED)
        unfolded = await page.evaluate(WIDE)
        heads = await page.get_by_role("heading", level=1).count()
        complaints = [text for text in loaded.problems if "favicon" not in text]
        said = {
            "foreign": foreign,
            "wide": wide,
            "unfolded": unfolded,
            "complaints": complaints,
            "headings": heads - 1,
        }
        said["bytes"] = size if size > FIRST_LOAD_BYTES else 0
        wrong += [f"{address}: {what} {value}" for what, value in said.items() if value]
        await context.close()
    assert "\n".join(wrong) == ""


async def test_every_page_says_the_same_without_a_script(house: House) -> None:
    """Headings, forms and text are the server's; scripts only add what a browser alone can do."""
    plain, scripted = await house.admin(scripts=False), await house.admin()
    wrong: list[str] = []
    without, within = await plain.new_page(), await scripted.new_page()
    for address in house.found:
        for page in (without, within):
            await page.goto(f"{house.whole.public}{address}")
        headings = [await page.get_by_role("heading").all_inner_texts() for page in (without, within)]
        if headings[0] != headings[1] or not headings[0]:
            wrong.append(f"{address}: {headings}")
        links = await without.locator("a[href^='javascript'], a[href='#'], [onclick], [style]").count()
        wrong += [f"{address}: {links} elements of a script"] * bool(links)
    assert "\n".join(wrong) == ""
    await plain.close()
    await scripted.close()


async def test_a_decision_takes_a_keyboard_alone(house: House) -> None:
    """From signing in to the answer: the skip link comes first, what has the focus shows it, Enter denies."""
    context = await house.browser.new_context(viewport=PHONE)
    page = await context.new_page()
    await page.goto(f"{house.whole.public}/approve/{house.whole.approvals['spare']}")
    await _tab_to(page, "Name")
    await page.keyboard.type(house.whole.admin)
    await page.keyboard.press("Tab")
    await page.keyboard.type(house.whole.passphrase)
    await page.keyboard.press("Enter")
    await arrived(page, page.get_by_role("button", name="Sign out"))
    await page.keyboard.press("Tab")
    assert "Skip" in await page.evaluate("document.activeElement.innerText")
    await _tab_to(page, "Deny")
    shown = "getComputedStyle(document.activeElement)"
    assert await page.evaluate(f"{shown}.outlineStyle") != "none"
    assert float((await page.evaluate(f"{shown}.outlineWidth")).removesuffix("px")) >= 2
    await _tab_to(page, "Reason, told to the agent when you deny (optional)")
    await page.keyboard.type("by hand")
    await page.keyboard.press("Shift+Tab")
    await _tab_to(page, "Deny", back=True)
    await page.keyboard.press("Enter")
    await page.get_by_text("Denied").first.wait_for()
    await context.close()


async def _tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until what is called so has the focus; fail after as many stops as a page may have before it."""
    called = """() => {
      const at = document.activeElement;
      return (at.labels && at.labels.length ? at.labels[0].innerText : at.innerText || "").trim();
    }"""
    for _ in range(40):
        if await page.evaluate(called) == name:
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"no Tab leads to `{name}`")
