"""Which pages and forms of the whole server each role reaches: the table in docs/console.md, route by route."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from firewall.console.auth import Access
from firewall.console.rows import Row
from tests.support.control_side import Browser
from tests.support.installation import REPOSITORY
from tests.support.whole_console import Whole, whole_console

ROLES = ("viewer", "approver", "auditor", "admin")
_LINE = re.compile(r"^\| `((?:POST )?/\S*)` \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", re.MULTILINE)


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    """The whole server, with something on each page and one person of each role."""
    async with whole_console(tmp_path) as built:
        yield built


def _documented() -> dict[str, tuple[str, ...]]:
    text = (REPOSITORY / "docs/console.md").read_text("utf-8").partition("## Who may open what")[2]
    return {found[1]: found.groups()[1:] for found in _LINE.finditer(text)}


def _name(row: Row) -> str:
    return row.path if row.method == "GET" else f"{row.method} {row.path}"


async def _address(row: Row, whole: Whole) -> str:
    """Return where a route can be looked at: something that is there, for those who may see it."""
    bearer = {"authorization": f"Bearer {whole.installed.shown['admin_token']}"}
    async with httpx.AsyncClient(base_url=whole.public, headers=bearer, trust_env=False) as client:
        tokens = [one["id"] for one in (await client.get("/api/tokens")).json() if one["kind"] == "agent"]
    approval = whole.approvals["own" if row.path.startswith("/status") else "waiting"]
    known = {
        "/approve": approval,
        "/status": approval,
        "/console/batch": approval,
        "/console/passkeys": f"pky_{'0' * 22}",
    }
    found = next((one for start, one in known.items() if row.path.startswith(start)), tokens[0])
    address = row.path.replace("{seq}", "1").replace("{part}", "0")
    return re.sub(r"\{\w+\}", found, address)


async def _reached(browser: Browser, row: Row, address: str) -> str:
    if row.method == "GET":
        async with browser.client.stream("GET", address, headers=browser.headers) as answer:
            return str(answer.status_code)
    # A form without the page's own token goes no further than the role: nobody's test form does anything.
    answered = await browser.client.post(address, headers=browser.headers, data={"csrf": "wrong"})
    assert answered.status_code == 403, f"{address}: {answered.status_code}"
    return "403" if "role_refused" in answered.text else "form"


async def test_every_page_and_form_opens_for_whom_the_table_says(whole: Whole) -> None:
    """81: No route is missing in docs/console.md, none is there that is gone, and each holds to its line."""
    rows = [row for row in whole.application.console.rows if row.access in (Access.PAGE, Access.FORM)]
    found: dict[str, tuple[str, ...]] = {}
    for role in ROLES:
        async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=60) as client:
            browser = Browser(client, whole.public)
            name = "root" if role == "admin" else role
            assert (await browser.sign_in(name, whole.people[name])).status_code == 303
            for row in rows:
                said = await _reached(browser, row, await _address(row, whole))
                found[_name(row)] = (*found.get(_name(row), ()), said)
    right = "\n".join(f"| `{name}` | {' | '.join(said)} |" for name, said in sorted(found.items()))
    assert _documented() == found, f"docs/console.md should say\n{right}"


async def test_nobody_without_a_session_gets_further_than_the_sign_in(whole: Whole) -> None:
    """Every page is the sign-in form to strangers, and every form is refused."""
    rows = [row for row in whole.application.console.rows if row.access in (Access.PAGE, Access.FORM)]
    async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=60) as client:
        browser = Browser(client, whole.public)
        for row in rows:
            address = await _address(row, whole)
            if row.method == "GET":
                page = await client.get(address)
                assert page.status_code in (200, 401), address
                assert row.path == "/console/waiting" or "Passphrase</label>" in page.text, address
            else:
                answer = await client.post(address, headers=browser.headers, data={"csrf": "wrong"})
                assert answer.status_code in (401, 403), address
