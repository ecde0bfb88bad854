"""A production volume is deleted when two people of a group tap their passkeys and type its name, and not before.

The whole server, its shipped rows, a vendor that speaks Railway's schema, curl as the agent, and two phones.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from firewall.policy.held import MARK
from tests.e2e.test_incident import MUTATION, OURS, Curled, World, curled, world
from tests.support.browser import needs_chromium, one_chromium
from tests.support.installation import ANSWER_LIMIT_S, Served, install, serving, verify
from tests.support.paging import PHONE, arrived, authenticator, enrol_with, shots, sign_in, sign_out
from tests.support.railway_state import PRODUCTION, VOLUME, Instance, Volume
from tests.support.story import story

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
ORDERS = "3f11c8d2-7b60-4e3d-9a55-b2d907c1e005"
"""A volume that production alone has."""
NAME = f"volume:railway/{ORDERS}"
BODY = MUTATION.replace(VOLUME, ORDERS)

SETTINGS = """
[[target]]
name = "railway-production"
environment = "production"
kind = "graphql"
base_url = "{base}"
pack = "backboard.railway.app"
credential = {{ env = "RAILWAY_TOKEN_PRODUCTION" }}
hosting = "self"
hold_s = 1
"""


@dataclass(frozen=True, slots=True)
class House:
    """The vendor, the firewall, and what the people on call may type."""

    world: World
    firewall: Served
    passphrases: dict[str, str]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The vendor, and the firewall before it with its shipped rows; ann, bob and zoe are on call."""
    needs_chromium()
    passphrases: dict[str, str] = {}
    folder = tmp_path_factory.mktemp("quorum")
    with world(folder) as here:
        here.railway.volumes[ORDERS] = Volume(ORDERS, "orders", [Instance("vi-orders", PRODUCTION, 4_096.0)])
        installed = install(folder, settings=SETTINGS.format(base=here.vendor))
        with serving(installed, env={"RAILWAY_TOKEN_PRODUCTION": OURS}) as firewall:
            with httpx.Client(
                base_url=firewall.control, headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
            ) as admin:
                for name in ("ann", "bob", "zoe"):
                    wish = {"name": name, "role": "approver", "groups": ["oncall"]}
                    added = admin.post("/api/approvers", json=wish)
                    assert added.status_code == 201, added.text
                    passphrases[name] = added.json()["passphrase"]
                rows = installed.config.parent / "policies" / "policy.csv"
                rows.write_text(unheld(rows.read_text("utf-8")), "utf-8")
                loaded = admin.post("/api/policy/load", json={})
                assert loaded.status_code == 200, loaded.text
            yield House(here, firewall, passphrases)


def unheld(text: str) -> str:
    """Put the rows of production in force that `init` held back while there was one approver."""
    lines = text.splitlines()
    held = [at for at, line in enumerate(lines) if line.startswith(MARK)]
    assert len(held) == 2, "the shipped policy holds back other rows than before"
    for at in reversed(held):
        lines[at : at + 2] = [lines[at].removeprefix(MARK)]
    return "\n".join(lines) + "\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all people."""
    async with one_chromium() as found:
        yield found


def address_of(firewall: Served) -> str:
    """Return the control side as people reach it: passkeys need a name."""
    return firewall.control.replace("127.0.0.1", "localhost")


async def phone_of(browser: Browser, firewall: Served, name: str) -> Page:
    """Return somebody's phone, on which a one-time address of an admin's made a passkey."""
    context = await browser.new_context(viewport=PHONE)
    page = await context.new_page()
    await authenticator(context, page)
    async with httpx.AsyncClient(
        base_url=firewall.control, headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
    ) as admin:
        made = await admin.post(f"/api/approvers/{name}/link", json={})
    assert made.status_code == 201, made.text
    assert made.json()["address"].startswith(address_of(firewall))
    await enrol_with(page, made.json()["address"])
    return page


async def asked(firewall: Served, token: str) -> Curled:
    """Have the agent ask for the volume's end, once more."""
    target = f"{firewall.agents}/infra/railway-production/graphql/v2"
    return await asyncio.to_thread(curled, target, f"x-stayhand-token: {token}", body=BODY)


def is_pending(firewall: Served, approval: str) -> bool:
    """Tell whether an approval still waits."""
    return [one["status"] for one in firewall.approvals() if one["id"] == approval] == ["pending"]


async def first_votes(ann: Page, firewall: Served, address: str) -> None:
    """Have somebody vote: with no name, with a wrong one, and with the right one; then he has no second vote."""
    await ann.goto(address)
    typed = ann.get_by_label("To approve, type")
    assert NAME in await ann.inner_text("body")
    await shots(ann, "quorum-first")
    vote = ann.get_by_role("button", name="Vote to approve")
    await vote.click()  # nothing typed: the browser asks for it, and nothing is signed
    assert is_pending(firewall, address.rpartition("/")[2])
    await typed.fill(NAME.replace("3f", "3e"))
    await vote.click()
    await expect(ann.get_by_role("alert")).to_contain_text("not the resource of this call")
    await ann.wait_for_load_state()
    assert await ann.get_by_text("0 of 2").count() == 1
    await typed.fill(NAME)
    await vote.click()
    await arrived(ann, ann.get_by_text("your vote is in"))
    await shots(ann, "quorum-voted")
    assert await vote.count() == 0, "one person has two votes"
    assert await ann.get_by_text("takes your passkey").count() == 0, "nothing is left that he could tap for"


async def second_votes(bob: Page, address: str) -> None:
    """Have somebody sign in with his passkey from the link, read, and vote."""
    await sign_out(bob)
    await bob.goto(address)
    assert ORDERS not in await bob.content()
    await bob.get_by_role("button", name="Sign in with a passkey").click()
    await expect(bob.get_by_text("1 of 2").first).to_be_visible()
    assert bob.url == address
    await bob.get_by_label("To approve, type").fill(NAME)
    await shots(bob, "quorum-second")
    await bob.get_by_role("button", name="Vote to approve").click()
    await expect(bob.get_by_text("Approved").first).to_be_visible()
    await shots(bob, "quorum-approved")


async def test_two_phones_and_the_typed_name_delete_a_production_volume(guarded: House, browser: Browser) -> None:
    """One alone does not, whatever he types and however often; the second does; it is deleted once."""
    here, firewall = guarded.world, guarded.firewall
    token = firewall.mint(env="production", owner="olga", agent="cleaner")
    ann, bob = [
        await phone_of(browser, firewall, name) for name in ("ann", "bob")
    ]  # what is newer votes for nothing
    held = await asked(firewall, token)
    document = json.loads(held.body)
    assert "approval_id" in document, held.body
    assert (held.status, document["title"]) == (403, "not sent")
    approval = str(document["approval_id"])
    address = f"{address_of(firewall)}/approve/{approval}"

    await first_votes(ann, firewall, address)
    assert is_pending(firewall, approval)
    assert (await asked(firewall, token)).status == 403
    await second_votes(bob, address)
    assert here.railway.deleted == [], "a vote sent something by itself"

    done = await asked(firewall, token)
    assert (done.status, json.loads(done.body)) == (200, {"data": {"volumeDelete": True}})
    assert here.railway.deleted == [ORDERS]
    assert (await asked(firewall, token)).status != 200
    assert here.railway.deleted == [ORDERS]
    told = [one for one in story(firewall.installed) if one.approval == approval]
    votes = [one for one in told if one.kind == "approval.voted"]
    assert [one.data["decision"] for one in votes] == ["approved", "approved"]
    proofs = [one.kind for one in told].count("approver.proved")
    assert proofs == 3, "two votes, and the tap that came with a wrong name"
    assert verify(firewall.installed).returncode == 0


async def test_a_passphrase_votes_for_nothing_in_production(guarded: House, browser: Browser) -> None:
    """Who signed in by it reads everything, has no button that approves, and is told why."""
    here, firewall = guarded.world, guarded.firewall
    before = list(here.railway.deleted)
    token = firewall.mint(env="production", owner="olga", agent="other")
    approval = str(json.loads((await asked(firewall, token)).body)["approval_id"])
    page = await (await browser.new_context(viewport=PHONE)).new_page()
    address = f"{address_of(firewall)}/approve/{approval}"
    await sign_in(page, address, "zoe", guarded.passphrases["zoe"])
    await expect(page.get_by_role("button", name="Deny")).to_be_visible()
    assert await page.get_by_role("button", name="approve").count() == 0
    await shots(page, "quorum-passphrase")
    assert is_pending(firewall, approval)
    await page.get_by_role("button", name="Deny").click()
    await expect(page.get_by_role("status").first).to_contain_text("Denied")
    assert here.railway.deleted == before
