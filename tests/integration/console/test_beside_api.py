"""What led to a call, and another form of it, by the API: for whom the page is, with the entries of the page."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from firewall.approvals.edits import RATE
from firewall.approvals.glass import GlassRules
from firewall.approvals.people import Approver
from firewall.core.approval import Approval
from firewall.core.conversation import Conversation, Message, Part, PartKind, Source
from firewall.core.demand import demand_of
from firewall.core.errors import LimitError
from firewall.core.glass import BreakGlass, Finding, ReviewGlass
from firewall.core.verdict import Obligations
from firewall.core.work import Unit
from firewall.guard.editing import Editable
from tests.support.approving import wanted
from tests.support.breaking import asked
from tests.support.control_side import AGENT_TOKEN, APPROVER_TOKEN, Browser, control_side
from tests.support.real_console import RealConsole, real_console

SAID = "please clean up the canary"
CSRF = "x-csrf-token"
BEARER = {"authorization": f"Bearer {APPROVER_TOKEN}"}


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealConsole]:
    """A console over a real installation; the approver is of the group `oncall`."""
    async with real_console(tmp_path, lambda _: ()) as found:
        found.doors.people["approver"] = Approver("approver", "approver", ("oncall",))
        found.doors.people["other"] = Approver("other", "approver", ("dba",))
        found.doors.people["olga"] = Approver("olga", "approver", ("oncall",))
        yield found


async def opened(real: RealConsole, *, is_told: bool = True) -> Approval:
    """Open an approval that asks the group `oncall`."""
    question = replace(wanted(), obligations=Obligations(demands=(demand_of("oncall"),)))
    told = Conversation(Source.CALL, (Message(1, "user", (Part(PartKind.TEXT, "", SAID),)),))
    return await real.approvals.open(replace(question, led=told if is_told else None))


async def asks(browser: Browser, path: str, wish: dict[str, object] | None = None) -> httpx.Response:
    """Call the API with a session, as a script of our own page would."""
    headers = {**browser.headers, CSRF: await browser.csrf()}
    return await browser.client.post(path, json=wish or {}, headers=headers)


@pytest.mark.parametrize(
    ("name", "status", "state"),
    [
        ("approver", 200, "offered"),
        ("auditor", 200, "offered"),
        ("admin", 200, "offered"),
        ("viewer", 403, ""),
        ("other", 403, "absent"),
        ("olga", 403, "absent"),
    ],
)
async def test_the_conversation_is_for_those_of_the_page(
    real: RealConsole, name: str, status: int, state: str
) -> None:
    """The same people as by the page's form, and the same entry, once for each reading."""
    approval = await opened(real)
    path = f"/api/approvals/{approval.id}/conversation"
    browser = await real.signed_in(name)
    offered = await browser.client.get(path)
    assert (offered.status_code, offered.json().get("state", "")) == (200 if state else 403, state)
    assert real.entries("audit.read") == []
    answer = await asks(browser, path)
    assert (answer.status_code, SAID in answer.text) == (status, status == 200)
    by_api = real.entries("audit.read")
    assert len(by_api) == (status == 200)
    await real.post(browser, f"/approve/{approval.id}/conversation")
    both = [one["data"] for one in real.entries("audit.read")]
    assert both == [one["data"] for one in by_api] * 2


async def test_only_our_own_page_and_people_reach_it(real: RealConsole) -> None:
    """No CSRF token, another origin, an agent's token, nobody: refused, and nothing is read."""
    approval = await opened(real)
    browser = await real.signed_in("approver")
    csrf = await browser.csrf()
    for what in ("conversation", "edit"):
        path, wish = f"/api/approvals/{approval.id}/{what}", {"text": "ls"}
        answers = [
            await browser.client.post(path, json=wish, headers=browser.headers),
            await browser.client.post(path, json=wish, headers={"origin": "https://evil.example", CSRF: csrf}),
            await browser.client.post(path, json=wish, headers={**browser.headers, "x-api-key": AGENT_TOKEN}),
        ]
        assert [one.status_code for one in answers] == [403, 403, 403], what
    assert real.entries("audit.read") == []
    assert real.entries("edit.begun") == []


async def test_nothing_is_known_and_nothing_can_be_edited(real: RealConsole) -> None:
    """A call without a conversation, one that no memory holds, and no call at all have codes of their own."""
    approval = await opened(real, is_told=False)
    browser = await real.signed_in("approver")
    for path, code in (
        (f"/api/approvals/{approval.id}/conversation", "conversation_unknown"),
        (f"/api/approvals/{approval.id}/edit", "edit_unknown"),
        (f"/api/approvals/apr_{'0' * 22}/conversation", "approval_unknown"),
        ("/api/approvals/nothing/edit", "approval_unknown"),
    ):
        answer = await asks(browser, path, {"text": "ls"} if path.endswith("edit") else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    missing = await asks(browser, f"/api/approvals/{approval.id}/edit")
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "field_missing")


class Full:
    """An editor whose person has tried too often."""

    def editable(self, approval: Approval) -> Editable | None:
        """As the port says."""
        del approval
        return Editable("command", "ls")

    async def propose(self, approval_id: str, text: str, *, by: Approver) -> Approval:
        """Refuse, as the real one does."""
        del approval_id, text, by
        raise LimitError("wait", retry_after_s=RATE.burst, code="edit_throttled")


async def test_who_tries_too_often_is_told_how_long_to_wait() -> None:
    """429 with `Retry-After` by the API; the page comes back with what was typed, and says so."""
    side = control_side()
    side.runner.editor = Full()
    approval = await side.approvals.open(wanted())
    async with side.client(headers=BEARER) as client:
        answer = await client.post(f"/api/approvals/{approval.id}/edit", json={"text": "ls -l"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(RATE.burst))
    alice = await side.signed_in()
    fields = {"csrf": await alice.csrf(), "text": "ls -typed"}
    page = await alice.client.post(f"/approve/{approval.id}/edit", data=fields, headers=alice.headers)
    assert page.status_code == 429
    assert "ls -typed" in page.text


async def test_the_api_says_how_a_use_of_break_glass_was_reviewed() -> None:
    """`open` until somebody reviewed it, then what he found; empty where nobody broke the glass."""
    side = control_side(glass=GlassRules(people=frozenset({"anna"})))
    approval = await side.approvals.open(asked())
    async with side.client(headers=BEARER) as client:

        async def review() -> object:
            return (await client.get(f"/api/approvals/{approval.id}")).json()["review"]

        assert await review() == ""
        use = BreakGlass(approval.id, "per_anna", ("per_anna",), 1, 1, 0, 0, "why")
        await side.log.submit(Unit(steps=(use,)))
        assert await review() == "open"
        found = ReviewGlass(approval.id, "per_bert", 5, Finding.UNJUSTIFIED, "nobody was asked", -1)
        await side.log.submit(Unit(steps=(found,)))
        assert await review() == "unjustified"
