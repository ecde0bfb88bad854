"""The forms of an approval's page, unfolded: with the keyboard alone, on a phone, by day and by night.

Denying with a reason, repeats, another form, breaking the glass, several of a kind: each is opened, filled in and
sent without a pointer; axe finds nothing grave and nothing stands beyond the edge at 360 pixels.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from firewall.approvals.glass import GlassRules
from firewall.approvals.people import Approver
from firewall.core.approval import Approval, ApprovalStatus, Form
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from firewall.guard.editing import Editable
from tests.support.approving import COMMAND, subject, view, wanted
from tests.support.axe.looking import findings
from tests.support.breaking import TYPED, WHY, asked
from tests.support.browser import one_chromium
from tests.support.control_side import Side, control_side, free_socket, served
from tests.support.keyboard import tab_to
from tests.support.paging import PHONE, authenticator, enrol, shots, sign_in

pytestmark = [
    pytest.mark.agents,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]
PENDING, APPROVED, DENIED = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.DENIED


class Refusing:
    """An editor that offers every call, and whose policy refuses each form."""

    def editable(self, approval: Approval) -> Editable | None:
        """As the port says."""
        return Editable("command", COMMAND) if approval.status is PENDING else None

    async def propose(self, approval_id: str, text: str, *, by: Approver) -> Approval:
        """Refuse, as the real one does."""
        del approval_id, by
        raise ApprovalError(f"the policy does not let this form pass: {text[-9:]}", code="edit_refused")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all."""
    async with one_chromium() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def side() -> AsyncIterator[Side]:
    """A control side on a loopback port; bob may break the glass, and calls can be edited."""
    bound = free_socket()
    port = bound.getsockname()[1]
    built = control_side(
        public=f"http://localhost:{port}",
        listen=f"127.0.0.1:{port}",
        glass=GlassRules(people=frozenset({"bob"})),
    )
    built.runner.editor = Refusing()
    async with served(built.console.app, bound):
        yield built


async def phone(browser: Browser) -> Page:
    """Return an empty page as wide as a small phone."""
    context = await browser.new_context(viewport=PHONE)
    return await context.new_page()


async def looked_at(page: Page, name: str) -> None:
    """Look at a page as it stands: nothing grave by day and by night, nothing beyond its edge."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await findings(page) == [], f"{name} ({scheme})"
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    await shots(page, name)


async def unfold(page: Page, words: str) -> None:
    """Open what is folded under these words."""
    summary = page.locator("summary", has_text=words)
    await tab_to(page, summary)
    await page.keyboard.press("Enter")
    assert await summary.evaluate("one => one.parentElement.open")


async def test_a_reason_and_enter_deny_whatever_else_could_be_run(side: Side, browser: Browser) -> None:
    """Enter in the reason, or in the numbers of a permit, runs no form and approves nothing: it denies."""
    forms = (Form("take a snapshot first: POST /snapshots", '{"method": "POST"}', before=True),)
    page = await phone(browser)
    await sign_in(page, f"{side.public}/console/")
    for number, field in enumerate(("Reason, told to the agent", "Uses, at most")):
        one = view(effects=("write",), environment="staging")
        question = replace(wanted(), digest=f"{number:064}", environment="staging", effects=("write",))
        approval = await side.approvals.open(replace(question, subject=subject(forms=forms, actions=(one,))))
        await page.goto(f"{side.public}/approve/{approval.id}")
        assert await page.get_by_role("button", name="Do this first").count() == 1
        if field == "Uses, at most":
            await unfold(page, "Or allow repeats")
            await looked_at(page, "keyboard-permit")
        await tab_to(page, page.get_by_label(field))
        if field != "Uses, at most":
            await page.keyboard.type("not before the backup")
            await looked_at(page, "keyboard-deny")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="Denied")).to_be_visible()
        settled = side.approvals.get(approval.id)
        assert (settled.status, settled.runs) == (DENIED, ())
        side.clock.forward(600)
    assert "form.begun" not in side.log.kinds


async def test_a_typed_name_and_enter_approve_nothing(side: Side, browser: Browser) -> None:
    """Who types the name and presses Enter has not approved: that takes the button."""
    approval = await side.approvals.open(replace(wanted(), obligations=Obligations(typed=True)))
    page = await phone(browser)
    await sign_in(page, f"{side.public}/approve/{approval.id}")
    await tab_to(page, page.get_by_label("To approve, type"))
    await page.keyboard.type(TYPED)
    await looked_at(page, "keyboard-typed")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="Denied")).to_be_visible()
    assert side.approvals.get(approval.id).status is DENIED


async def test_another_form_is_written_by_keyboard(side: Side, browser: Browser) -> None:
    """Unfolded, rewritten, sent; what is refused comes back with what was typed, open and with the reason."""
    approval = await side.approvals.open(wanted())
    page = await phone(browser)
    await sign_in(page, f"{side.public}/approve/{approval.id}")
    await unfold(page, "ask for another form")
    await looked_at(page, "keyboard-edit")
    field = page.get_by_label("The command that would do")
    await tab_to(page, field)
    await page.keyboard.press("Control+A")
    await page.keyboard.type("rm -rf /srv/data/cache-old")
    await tab_to(page, page.get_by_role("button", name="Deny, and ask for this form"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("cache-old")
    await expect(field).to_have_value("rm -rf /srv/data/cache-old")
    await expect(field).to_be_visible()
    await looked_at(page, "keyboard-edit-refused")
    assert side.approvals.get(approval.id).status is PENDING


async def test_the_glass_is_broken_by_keyboard(side: Side, browser: Browser) -> None:
    """Reason, name and tap; the form looked at before and after."""
    page = await phone(browser)
    await authenticator(page.context, page)
    await enrol(side, page, "bob")
    approval = await side.approvals.open(asked())
    await page.goto(f"{side.public}/approve/{approval.id}")
    await unfold(page, "Break the glass")
    await looked_at(page, "keyboard-glass")
    await tab_to(page, page.get_by_label("Why it cannot wait"))
    await page.keyboard.type(WHY)
    await tab_to(page, page.locator("#glass-typed"))
    await page.keyboard.type(TYPED)
    await tab_to(page, page.get_by_role("button", name="Break the glass and approve"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("by breaking the glass")).to_be_visible()
    await looked_at(page, "keyboard-glass-broken")
    assert side.approvals.get(approval.id).status is APPROVED


async def test_a_batch_is_answered_by_keyboard(side: Side, browser: Browser) -> None:
    """From the queue: one is left out with Space, Enter in the reason denies the others, and approves none."""
    many = []
    for number in range(3):
        one = view(
            operation="shell:touch",
            effects=("write",),
            resource=f"file:/srv/{number}",
            summary=f"Makes /srv/{number}",
            text=f"touch /srv/{number}",
            evidence=(),
        )
        call = subject(actions=(one,), arguments=f"touch /srv/{number}")
        question = replace(wanted(), digest=f"{number + 7:064}", effects=("write",), subject=call)
        many.append(await side.approvals.open(question))
    page = await phone(browser)
    await sign_in(page, f"{side.public}/console/")
    await tab_to(page, page.get_by_role("link", name="3 of one kind"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("3 calls of one kind")
    await page.wait_for_load_state()
    await tab_to(page, page.get_by_label("Answer this one as well").nth(1))
    await page.keyboard.press("Space")
    await tab_to(page, page.get_by_label("Reason, told to the agent"))
    await page.keyboard.type("one after the other")
    await looked_at(page, "keyboard-batch")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 answered")
    await looked_at(page, "keyboard-batched")
    assert [side.approvals.get(one.id).status for one in many] == [DENIED, PENDING, DENIED]
    await page.goto(f"{side.public}/approve/{many[1].id}")
    await tab_to(page, page.get_by_role("button", name="Approve once"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("may pass once")).to_be_visible()
    assert side.approvals.get(many[1].id).status is APPROVED
