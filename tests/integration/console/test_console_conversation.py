"""What led to a held call: who is shown it, that each reading is an entry first, and how hostile texts look."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import Approval
from firewall.core.conversation import Conversation, Message, Part, PartKind, Source
from firewall.core.demand import demand_of
from firewall.core.verdict import Obligations
from tests.support.approving import wanted
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, Browser
from tests.support.real_console import RealConsole, real_console

ASKED = "please clean up the canary of the conversation"


def told(*texts: str, source: Source = Source.CALL) -> Conversation:
    """Return a conversation of these texts."""
    return Conversation(
        source,
        tuple(Message(turn, "user", (Part(PartKind.TEXT, "", text),)) for turn, text in enumerate(texts, 1)),
    )


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealConsole]:
    """A console over a real installation; the approver is of the group `oncall`."""
    async with real_console(tmp_path, lambda _: ()) as found:
        found.doors.people["approver"] = Approver("approver", "approver", ("oncall",))
        found.doors.people["other"] = Approver("other", "approver", ("dba",))
        found.doors.people["olga"] = Approver("olga", "approver", ("oncall",))
        yield found


async def opened(real: RealConsole, *texts: str, **changes: object) -> Approval:
    """Open an approval that asks the group `oncall`, after a conversation of these texts."""
    asked = replace(wanted(**changes), obligations=Obligations(demands=(demand_of("oncall"),)))
    return await real.approvals.open(replace(asked, led=told(*texts) if texts else None))


async def read(real: RealConsole, browser: Browser, approval: Approval) -> httpx.Response:
    """Ask for the conversation as the page's button does."""
    return await real.post(browser, f"/approve/{approval.id}/conversation")


async def test_it_is_opened_by_a_request_of_its_own_and_that_is_an_entry(real: RealConsole) -> None:
    """The page offers it and holds none of it; the button shows it behind the bytes, and the log says who read."""
    approval = await opened(real, ASKED, "yes, all of it")
    browser = await real.signed_in("approver")
    page = (await browser.open(f"/approve/{approval.id}")).text
    assert ASKED not in page
    assert "Open the last messages" in page
    assert real.entries("audit.read") == []
    shown = await read(real, browser, approval)
    assert shown.status_code == 200
    assert (
        shown.text.index("Arguments as intercepted") < shown.text.index(ASKED) < shown.text.index("not verified")
    )
    assert "untrusted" in shown.text
    assert "Message 2, from the user" in shown.text
    (entry,) = real.entries("audit.read")
    kept = real.installation.approving.conversation(approval.id)
    assert kept is not None
    assert entry["approval"] == approval.id
    assert entry["data"] == {"what": "conversation", "conversation": kept.sha256}
    (first,) = real.entries("approval.opened")
    assert first["data"]["conversation"] == kept.sha256  # type: ignore[index]  # JSON
    again = (await browser.open(f"/approve/{approval.id}")).text
    assert ASKED not in again


@pytest.mark.parametrize(
    ("name", "status", "is_offered"),
    [
        ("approver", 200, True),
        ("auditor", 200, True),
        ("admin", 200, True),
        ("viewer", 403, False),
        ("other", 403, False),
        ("olga", 403, False),
    ],
)
async def test_only_who_could_answer_auditors_and_admins_read_it(
    real: RealConsole, name: str, status: int, *, is_offered: bool
) -> None:
    """A viewer, another team's approver and the requester's owner are refused, and offered nothing."""
    approval = await opened(real, ASKED)
    browser = await real.signed_in(name)
    page = (await browser.open(f"/approve/{approval.id}")).text
    assert ("conversation" in page) is is_offered
    answer = await read(real, browser, approval)
    assert answer.status_code == status
    assert (ASKED in answer.text) is (status == 200)
    assert len(real.entries("audit.read")) == (status == 200)


async def test_nothing_but_our_own_form_reads_it(real: RealConsole) -> None:
    """No GET, no foreign page, no missing CSRF token, no bearer token, nobody signed out."""
    approval = await opened(real, ASKED)
    browser = await real.signed_in("approver")
    path = f"/approve/{approval.id}/conversation"
    csrf = await browser.csrf()
    answers = [
        await browser.client.get(path),
        await browser.client.post(path, data={"csrf": "x"}, headers=browser.headers),
        await browser.client.post(path, data={}, headers=browser.headers),
        await browser.client.post(path, data={"csrf": csrf}, headers={"origin": "https://evil.example"}),
        await browser.client.post(path, data={"csrf": csrf}, headers={"sec-fetch-site": "cross-site"}),
    ]
    browser.client.cookies.clear()
    for token in (APPROVER_TOKEN, ADMIN_TOKEN):
        headers = {**browser.headers, "authorization": f"Bearer {token}"}
        answers.append(await browser.client.post(path, data={"csrf": csrf}, headers=headers))
    answers.append(await browser.client.post(path, data={"csrf": csrf}, headers=browser.headers))
    assert [one.status_code for one in answers] == [405, 403, 400, 403, 403, 401, 401, 401]
    assert not any(ASKED in one.text for one in answers)
    assert real.entries("audit.read") == []
    unknown = await real.post(await real.signed_in("admin"), "/approve/apr_0000000000000000000001/conversation")
    assert unknown.status_code == 404


async def test_none_and_erased_are_said(real: RealConsole) -> None:
    """Where none is known the page says so; once its owner's key was erased nobody reads it."""
    bare, full = await opened(real), await opened(real, ASKED, digest="e" * 64)
    browser = await real.signed_in("admin")
    assert "No conversation is known" in (await browser.open(f"/approve/{bare.id}")).text
    assert (await read(real, browser, bare)).status_code == 404
    assert ASKED in (await read(real, browser, full)).text
    real.installation.keystore.erase("olga")
    erased = await read(real, browser, full)
    assert erased.status_code == 200
    assert "led here was erased" in erased.text
    assert ASKED not in erased.text


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_it_stands_nowhere_in_clear(real: RealConsole, tmp_path: Path) -> None:
    """No file holds it, before and after somebody read it."""
    approval = await opened(real, ASKED)
    await read(real, await real.signed_in("approver"), approval)
    stored = _files(tmp_path)
    assert b"canary of the conversation" not in stored
    assert approval.id.encode() in stored


HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><a href=https://evil.example>here</a>",
    "markdown": "[Approve](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "ansi": "\x1b[2J\x1b[31mApproved by alice\x1b[0m",
    "bidi": "rm \u202egnp.\u202c -rf\u200b",
    "forged": "</code></pre></div></li></ol><h3>Message 3, from the approver</h3>",
    "jinja": "{{ session.csrf }}{% raw %}",
}


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_a_hostile_text_is_text(real: RealConsole, name: str) -> None:
    """Markup, terminal codes, reordering and forged labels are shown as the characters that they are."""
    approval = await opened(real, HOSTILE[name])
    browser = await real.signed_in("approver")
    page = (await read(real, browser, approval)).text
    assert not any(sign in page for sign in ("\x1b", "\u202e", "\u200b", "<script>alert", "<img", "</ol><h3>"))
    assert 'href="https://evil' not in page
    assert page.count("<h3>Message") == 1
    assert page.count(await browser.csrf()) == page.count('name="csrf"')


async def test_nothing_is_shown_when_the_reading_cannot_be_recorded(real: RealConsole) -> None:
    """A log that takes no write shows nothing."""
    approval = await opened(real, ASKED)
    browser = await real.signed_in("approver")
    csrf = await browser.csrf()
    await real.installation.writer.stop()
    answer = await browser.client.post(
        f"/approve/{approval.id}/conversation", data={"csrf": csrf}, headers=browser.headers
    )
    assert answer.status_code == 503
    assert ASKED not in answer.text
