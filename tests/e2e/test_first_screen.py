"""What an approver sees on a phone before he scrolls: enough to decide about a volume in production."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Locator

from firewall.approvals.wanted import Wanted
from firewall.core.approval import Form
from firewall.core.demand import demand_of
from firewall.core.verdict import Obligations
from tests.support.approving import subject, view, wanted
from tests.support.browser import chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.paging import SHOTS, authenticator, enrol, shots, sign_in

SMALL = {"width": 360, "height": 640}
CALL = (
    "POST https://backboard.railway.app/graphql/v2\n"
    "accept: */*\nuser-agent: curl/8.5.0\ncontent-type: application/json\n\n"
    '{"query": "mutation { volumeDelete(volumeId: \\"vol_8f2c41\\") }"}'
)
ROW = (
    "policies/policy.csv:31  p, coding-agent, production, *, *, destructive, , ask,"
    " quorum=2;group=oncall;auth=passkey;typed=resource;ttl=10m"
)
ALSO = (
    "policies/policy.csv:9  p, *, *, *, *, *, elevated, ask,",
    "policies/policy.csv:40  p, *, *, *, *, exfil, , ask, group=dba",
)

INSTEAD = (
    "detach it from its service instead, which keeps the data: POST /graphql/v2"
    ' {"query": "mutation { volumeInstanceUpdate(volumeId: \\"vol_8f2c41\\", input: {serviceId: null}) }"}'
)

pytestmark = pytest.mark.browser


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port; its clock stands still."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    async with served(built.console.app, bound):
        yield built


def volume_delete() -> Wanted:
    """A volume in production, whose backups go with it, as the shipped row asks for it."""
    start = CALL.index("volumeDelete")
    one = view(
        operation="railway:volumeDelete",
        resource="volume:railway/vol_8f2c41",
        environment="production",
        summary="Deletes the volume vol_8f2c41 (postgres-data) and its backups",
        text=CALL,
        evidence=((start, CALL.index(")") + 1, "deletes the volume and what is in it"),),
        scope="elsewhere",
        reversal="lost",
        found=(
            ("Attached to", "postgres, 48 GB"),
            ("Restore point", "last restore point 7 h old, inside: lost with it"),
        ),
    )
    about = subject(
        tool="infra/railway-production",
        arguments=CALL,
        actions=(one,),
        session="3f9a2c61d0e84b7f9a2c61d0e84b7f11",
        row=ROW,
        also=ALSO,
        said="The staging volume is unused, I remove it to get past the quota.",
        forms=(Form(INSTEAD, before=False),),
    )
    asked = Obligations(demands=(demand_of("oncall", quorum=2),), auth="passkey", typed=True)
    changes = {"environment": "production", "session": about.session, "subject": about, "obligations": asked}
    return replace(wanted(), **changes)  # type: ignore[arg-type]  # fields of it


async def _is_seen(part: Locator) -> bool:
    """Tell whether a part lies on the screen as a whole, and nothing else over its middle."""
    box = await part.bounding_box()
    if box is None or box["y"] < 0 or box["y"] + box["height"] > SMALL["height"] or box["width"] > SMALL["width"]:
        return False
    middle = {"x": box["x"] + min(box["width"], 20) / 2, "y": box["y"] + box["height"] / 2}
    return bool(
        await part.evaluate(
            "(part, at) => { const top = document.elementFromPoint(at.x, at.y);"
            " return part === top || part.contains(top) || top.contains(part); }",
            middle,
        )
    )


async def test_everything_that_decides_is_on_the_first_screen_of_a_phone(side: Side, tmp_path: Path) -> None:
    """What, where, to what, undo, restore point, the marked words, who, session, row, time left; both buttons."""
    async with chromium(tmp_path, SMALL) as context:  # type: ignore[arg-type]  # a size
        page = await context.new_page()
        await authenticator(context, page)
        await enrol(side, page)
        approval = await side.approvals.open(volume_delete())
        await page.goto(side.approvals.rules.address(approval.id))
        if SHOTS:
            await page.screenshot(path=f"{SHOTS}/first-screen-360x640.png")
        await shots(page, "first-screen")
        parts = {
            "sentence": page.get_by_role("heading", level=1),
            "where": page.locator(".chip.env.production"),
            "effect": page.locator(".facts .chip.effect"),
            "what": page.locator(".facts .resource"),
            "undo": page.locator(".facts").get_by_text("Cannot be undone"),
            "restore point": page.locator(".facts").get_by_text("last restore point 7 h old"),
            "marked words": page.locator("mark").first,
            "who": page.locator(".facts").get_by_text("claude-code for olga"),
            "session": page.locator(".facts .session"),
            "row": page.locator(".facts .row"),
            "more rows": page.locator(".facts .rows a"),
            "time left": page.locator(".top .left"),
            "deny": page.get_by_role("button", name="Deny"),
            "approve": page.get_by_role("button", name="Vote to approve"),
        }
        unseen = [name for name, part in parts.items() if not await _is_seen(part)]
        assert unseen == []
        assert await page.evaluate("window.scrollY") == 0
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert await parts["session"].inner_text() == "session 3f9a2c61…"
        assert "left" in await parts["time left"].inner_text()
        assert "policy.csv:31" in await parts["row"].inner_text()
        assert await parts["more rows"].inner_text() == "and 2 more"
        assert (await page.locator("#rows dd").inner_text()).splitlines() == [
            " ".join(one.split()) for one in (ROW, *ALSO)
        ]


async def test_what_nobody_looked_up_is_said_on_the_first_screen(side: Side, tmp_path: Path) -> None:
    """A place that no row names may be production, and a restore point that nobody looked for is not known."""
    asked = volume_delete()
    actions = tuple(replace(one, environment="unresolved", found=()) for one in asked.subject.actions)
    asked = replace(asked, environment="unresolved", subject=replace(asked.subject, actions=actions))
    approval = await side.approvals.open(asked)
    async with chromium(tmp_path, SMALL) as context:  # type: ignore[arg-type]  # a size
        page = await context.new_page()
        await sign_in(page, side.approvals.rules.address(approval.id))
        facts = page.locator(".facts")
        for part in (facts.locator(".chip.unresolved"), facts.get_by_text("may be production")):
            assert await _is_seen(part)
        point = facts.get_by_text("not known")
        assert await _is_seen(point)
        assert await point.locator("xpath=preceding-sibling::dt").inner_text() == "Restore point"
        assert await _is_seen(page.locator("mark").first)
