"""One person whom the configuration names deletes a production volume alone; all are told, another one reviews.

The whole server with its shipped rows, a vendor that speaks Railway's schema, curl as the agent, and two phones.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.test_incident import MUTATION, OURS, Curled, World, curled, world
from tests.e2e.test_quorum_page import SETTINGS, address_of, is_pending, phone_of, unheld
from tests.support.approving import until
from tests.support.axe.looking import findings
from tests.support.browser import needs_chromium, one_chromium
from tests.support.installation import ANSWER_LIMIT_S, Served, install, serving, verify
from tests.support.paging import shots
from tests.support.railway_state import PRODUCTION, VOLUME, Instance, Volume
from tests.support.story import story

pytestmark = [
    pytest.mark.agents,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]
FULL, OTHER = "3f11c8d2-7b60-4e3d-9a55-b2d907c1e005", "3f11c8d2-7b60-4e3d-9a55-b2d907c1e006"
WHY = "the disk is full and nobody on call answers"
NAMED = """
[[approver]]
name = "gina"

[[approver]]
name = "sam"

[approvals.break_glass]
people = ["gina", "sam"]
"""
DENIES = "p, *, *, *, volume:*, destructive, , deny,\n"


@dataclass(frozen=True, slots=True)
class House:
    """The vendor, the firewall and its folder of rows."""

    world: World
    firewall: Served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The vendor, and the firewall before it; gina and sam are not on call, and may break the glass."""
    needs_chromium()
    folder = tmp_path_factory.mktemp("glass")
    with world(folder) as here:
        for number, one in enumerate((FULL, OTHER)):
            here.railway.volumes[one] = Volume(one, f"v{number}", [Instance(f"vi-{number}", PRODUCTION, 4_096.0)])
        installed = install(folder, settings=SETTINGS.format(base=here.vendor) + NAMED)
        with serving(installed, env={"RAILWAY_TOKEN_PRODUCTION": OURS}) as firewall:
            for name, groups in (
                ("ann", ["oncall"]),
                ("bob", ["oncall"]),
                ("zoe", ["oncall"]),
                ("gina", []),
                ("sam", []),
            ):
                _told(firewall, "/api/approvers", name=name, role="approver", groups=groups)
            rows = installed.config.parent / "policies" / "policy.csv"
            rows.write_text(unheld(rows.read_text("utf-8")), "utf-8")
            _told(firewall, "/api/policy/load")
            yield House(here, firewall)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all people."""
    async with one_chromium() as found:
        yield found


def _told(firewall: Served, path: str, **wish: object) -> None:
    answer = httpx.post(
        f"{firewall.control}{path}", json=wish, headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
    )
    assert answer.status_code in (200, 201), answer.text


def _condition(firewall: Served) -> dict[str, str]:
    answer = httpx.get(
        f"{firewall.control}/api/status", headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
    )
    parts: dict[str, str] = answer.json()["parts"]
    return parts


async def _asked(firewall: Served, token: str, volume: str) -> Curled:
    target = f"{firewall.agents}/infra/railway-production/graphql/v2"
    body = MUTATION.replace(VOLUME, volume)
    return await asyncio.to_thread(curled, target, f"x-stayhand-token: {token}", body=body)


async def _held(firewall: Served, token: str, volume: str) -> str:
    held = await _asked(firewall, token, volume)
    assert held.status == 403, held.body
    return str(json.loads(held.body)["approval_id"])


async def _looked_at(page: Page, name: str) -> None:
    """Look at a page on a phone: nothing grave, and nothing beyond its edge."""
    await shots(page, name)
    assert await findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def _break(page: Page, volume: str) -> None:
    """Open the form, and click before, while and after it is filled in."""
    await page.get_by_text("Break the glass", exact=False).first.click()
    button = page.get_by_role("button", name="Break the glass and approve")
    await button.click()  # nothing typed: the browser asks for it, and nothing is signed
    await page.get_by_label("Why it cannot wait").fill(WHY)
    await _looked_at(page, "glass-form")
    await page.get_by_label("Type volume:", exact=False).fill(f"volume:railway/{volume}")
    await button.click()
    await expect(page.get_by_text("by breaking the glass")).to_be_visible()


async def test_one_person_alone_deletes_it_and_another_one_reviews(guarded: House, browser: Browser) -> None:
    """Once; everybody is told who it was; it is open until ann has said something; the log verifies."""
    here, firewall = guarded.world, guarded.firewall
    ann, gina = [await phone_of(browser, firewall, name) for name in ("ann", "gina")]
    token = firewall.mint(env="production", owner="olga", agent="cleaner")
    approval = await _held(firewall, token, FULL)
    address = f"{address_of(firewall)}/approve/{approval}"
    await ann.goto(address)
    assert await ann.get_by_text("Break the glass").count() == 0
    await gina.goto(address)
    await expect(gina.get_by_text("You cannot answer this")).to_be_visible()
    assert is_pending(firewall, approval)
    await _break(gina, FULL)
    await _looked_at(gina, "glass-broken")
    assert here.railway.deleted == []
    done = await _asked(firewall, token, FULL)
    assert (done.status, here.railway.deleted) == (200, [FULL])
    assert (await _asked(firewall, token, FULL)).status != 200
    told = [one for one in story(firewall.installed) if one.approval == approval]
    kinds = [one.kind for one in told]
    assert kinds.index("approver.proved") < kinds.index("glass.broken") < kinds.index("approval.consumed")
    await until(lambda: any('"gina" broke the glass for' in line for line in firewall.lines))
    assert not any(WHY in line or FULL in line for line in firewall.lines)
    assert _condition(firewall)["reviews"] == "1 open, the oldest for 0 h"
    await gina.goto(f"{address_of(firewall)}/console/reviews")
    await expect(
        gina.get_by_text("You broke the glass yourself").or_(gina.get_by_text("you broke"))
    ).to_be_visible()
    await ann.get_by_role("link", name="Reviews").click()
    await expect(ann.get_by_text(WHY)).to_be_visible()
    await _looked_at(ann, "reviews-open")
    await ann.get_by_label("unjustified").check()
    await ann.get_by_label("What you found").fill("the pager was silent all night")
    await ann.get_by_role("button", name="Close the review").click()
    await expect(ann.get_by_role("heading", name="Nothing waits for a review")).to_be_visible()
    await _looked_at(ann, "reviews-closed")
    assert "reviews" not in _condition(firewall)
    assert verify(firewall.installed).returncode == 0


async def test_what_policy_denies_stays_denied(guarded: House, browser: Browser) -> None:
    """The glass is broken, and the rows that are in force when the call comes again say no: nothing is deleted."""
    here, firewall = guarded.world, guarded.firewall
    sam = await phone_of(browser, firewall, "sam")
    token = firewall.mint(env="production", owner="olga", agent="other")
    approval = await _held(firewall, token, OTHER)
    await sam.goto(f"{address_of(firewall)}/approve/{approval}")
    await _break(sam, OTHER)
    rows = firewall.installed.config.parent / "policies" / "policy.csv"
    before = rows.read_text("utf-8")
    rows.write_text(before + DENIES, "utf-8")
    _told(firewall, "/api/policy/load")
    again = await _asked(firewall, token, OTHER)
    assert again.status == 403
    assert OTHER not in here.railway.deleted
    third = await _asked(firewall, firewall.mint(env="production", owner="olga", agent="third"), OTHER)
    assert "approval_id" not in json.loads(third.body), "nobody is asked, so there is nothing to break"
    rows.write_text(before, "utf-8")
    _told(firewall, "/api/policy/load")
    assert verify(firewall.installed).returncode == 0
