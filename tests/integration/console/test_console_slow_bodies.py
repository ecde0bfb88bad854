"""Somebody whose right ends while his request is still coming: what he sends does nothing any more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import urlencode

import orjson
import pytest

from firewall.core.approval import ApprovalStatus
from tests.support.approving import until, wanted
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, Browser, Side, control_side

LIMIT_S = 30
MINT = {"env": "staging", "owner": "olga"}


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


async def _slowly(body: bytes, between: Callable[[], None]) -> AsyncIterator[bytes]:
    half = len(body) // 2
    yield body[:half]
    between()
    yield body[half:]


def _ends(side: Side, name: str, browser: Browser) -> dict[str, Callable[[], None]]:
    """Return the ways in which a session's right ends."""
    doors, sessions = side.doors, side.console.sessions
    cookie = browser.client.cookies["stayhand"]
    return {
        "removed": lambda: doors.people.pop(name) and None,
        "signed out": lambda: sessions.end(cookie),
        "demoted": lambda: doors.people.update({name: replace(doors.people[name], role="viewer")}),
    }


@pytest.mark.parametrize("what", ["revoked", "kept"])
async def test_a_token_that_is_revoked_meanwhile_mints_nothing(side: Side, what: str) -> None:
    """Fifteen seconds of body were fifteen seconds in which a revoked token still had its way."""
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}", "content-type": "application/json"}

    def between() -> None:
        if what == "revoked":
            side.doors.revoked.add(ADMIN_TOKEN)

    async with side.client(headers=headers) as client:
        answer = await client.post("/api/tokens", content=_slowly(orjson.dumps(MINT), between))
    if what == "kept":
        assert (answer.status_code, len(side.desk.asked)) == (201, 1)
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_invalid")
        assert not side.desk.asked


@pytest.mark.parametrize("what", ["removed", "signed out", "demoted"])
async def test_a_session_that_ends_meanwhile_changes_nothing(side: Side, what: str) -> None:
    """The same for calls of the API with a session, of an admin."""
    browser = await side.signed_in("root")
    headers = {**browser.headers, "x-csrf-token": await browser.csrf(), "content-type": "application/json"}
    content = _slowly(orjson.dumps(MINT), _ends(side, "root", browser)[what])
    answer = await browser.client.post("/api/tokens", content=content, headers=headers)
    assert answer.status_code == 401
    assert not side.desk.asked


@pytest.mark.parametrize("what", ["removed", "signed out"])
async def test_a_form_of_a_session_that_ends_meanwhile_decides_nothing(side: Side, what: str) -> None:
    """The same for forms, which lead to the sign-in page."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in("alice")
    form = urlencode({"csrf": await browser.csrf(), "decision": "approve", "reason": "x" * 400}).encode()
    headers = {**browser.headers, "content-type": "application/x-www-form-urlencoded"}
    content = _slowly(form, _ends(side, "alice", browser)[what])
    answer = await browser.client.post(f"/approve/{approval.id}", content=content, headers=headers)
    assert answer.status_code == 401
    assert "Passphrase" in answer.text
    assert side.log.rows[approval.id].status is ApprovalStatus.PENDING


async def test_who_waits_with_a_token_that_is_revoked_is_told_nothing(side: Side) -> None:
    """A wait of a minute shows the call to whoever may see it at its end."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in("alice")
    async with side.client(headers={"authorization": f"Bearer {APPROVER_TOKEN}"}) as client:
        waiting = asyncio.create_task(client.get(f"/api/approvals/{approval.id}?wait=60"))
        await until(lambda: approval.id in side.approvals._waiters)
        side.doors.revoked.add(APPROVER_TOKEN)
        assert (await browser.answer(approval.id, "deny")).status_code == 303
        answer = await asyncio.wait_for(waiting, LIMIT_S)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_invalid")
    assert "approval.viewed" not in side.log.kinds[-1:]
