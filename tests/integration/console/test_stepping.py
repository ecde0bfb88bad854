"""A row with `auth=passkey`: one tap decides exactly one request, and nothing else does."""

from dataclasses import replace

import httpx
import pytest

from firewall.approvals.wanted import Wanted
from firewall.console.proving.challenges import LIFE_US
from firewall.core.approval import ApprovalStatus, Form
from firewall.core.verdict import Obligations
from tests.support.approving import subject, wanted
from tests.support.control_side import APPROVER_TOKEN, Browser, Side, control_side
from tests.support.enrolling import ADMIN, enrolled, said, tap
from tests.support.softkey import SoftKey

ASKS = Obligations(auth="passkey")


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


def _wanted(**changes: object) -> Wanted:
    return replace(wanted(), obligations=ASKS, **changes)  # type: ignore[arg-type]  # tests name the fields


async def _signed(browser: Browser, key: SoftKey, approval_id: str, **fields: str) -> str:
    """Have a browser ask for a tap, and tap."""
    data = {"csrf": await browser.csrf(), **(fields or {"decision": "approve"})}
    asked = await browser.client.post(f"/api/approvals/{approval_id}/passkey", data=data, headers=browser.headers)
    assert asked.status_code == 200, asked.text
    return key.get(asked.json())


def _pending(side: Side, approval_id: str) -> bool:
    return side.approvals.get(approval_id).status is ApprovalStatus.PENDING


def _refused(answer: httpx.Response, words: str) -> bool:
    return answer.status_code in (403, 409) and words in answer.text


async def test_a_tap_approves_and_its_proof_stands_before_the_vote(side: Side) -> None:
    """The page offers it; the entry holds what was signed, sealed, and the vote says how it was given."""
    alice, key = await enrolled(side)
    approval = await side.approvals.open(_wanted())
    page = await alice.open(f"/approve/{approval.id}")
    assert f'data-options="/api/approvals/{approval.id}/passkey"' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    credential = await _signed(alice, key, approval.id)
    answer = await alice.answer(approval.id, "approve", credential=credential)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/approve/{approval.id}")
    assert side.approvals.get(approval.id).status is ApprovalStatus.APPROVED
    kinds = side.log.kinds
    proved = side.log.records[kinds.index("approver.proved")]
    voted = side.log.records[kinds.index("approval.voted")]
    assert kinds.index("approver.proved") < kinds.index("approval.voted")
    assert proved.approval == approval.id
    assert proved.data["said"] == "approve"
    assert proved.data["digest"] == approval.digest
    assert str(proved.data["passkey"]).startswith("pky_")
    assert proved.private is not None
    assert {"signature", "authenticatorData", "clientDataJSON"} <= set(proved.private["response"])  # type: ignore[call-overload]  # a mapping
    assert voted.data["auth"] == "passkey"
    after = await alice.open(f"/approve/{approval.id}")
    assert "script-src" not in after.headers["content-security-policy"]


async def test_a_flood_before_the_door_ends_no_tap(side: Side) -> None:
    """Whoever asks to sign in, from the same source, as often as he likes: an approver's tap counts."""
    alice, key = await enrolled(side)
    approval = await side.approvals.open(_wanted())
    credential = await _signed(alice, key, approval.id)
    agent = Browser(side.client(), side.public)
    for _ in range(60):
        await agent.client.post("/api/session/passkey", headers=agent.headers)
    assert (await alice.answer(approval.id, "approve", credential=credential)).status_code == 303
    assert side.approvals.get(approval.id).status is ApprovalStatus.APPROVED


async def test_no_session_approves_without_a_tap_and_every_one_denies(side: Side) -> None:
    """Neither a passphrase, nor a session that a passkey began, nor a token; a denial takes none."""
    enrolled_, key = await enrolled(side)
    tapped = Browser(side.client(), side.public)
    assert (await tap(tapped, key)).status_code == 303
    typed = await side.signed_in("bob")
    for sign, browser in zip("abc", (enrolled_, tapped, typed), strict=True):
        approval = await side.approvals.open(_wanted(digest=sign * 64))
        answer = await browser.answer(approval.id, "approve")
        assert _refused(answer, "needs a passkey")
        assert _pending(side, approval.id)
        assert (await browser.answer(approval.id, "deny")).status_code == 303
        assert side.approvals.get(approval.id).status is ApprovalStatus.DENIED
    approval = await side.approvals.open(_wanted())
    async with side.client() as client:
        for headers in (ADMIN, {"authorization": f"Bearer {APPROVER_TOKEN}"}):
            path = f"/api/approvals/{approval.id}/decision"
            answer = await client.post(path, json={"decision": "approve"}, headers=headers)
            assert said(answer) == "passkey_needed"
    assert _pending(side, approval.id)


async def test_a_signature_is_for_one_request_one_answer_one_session_once(side: Side) -> None:
    """52, 59: another approval, another digest, another answer, another session, a second time, later."""
    alice, key = await enrolled(side)
    other = Browser(side.client(), side.public)
    await tap(other, key)
    first = await side.approvals.open(_wanted())
    second = await side.approvals.open(_wanted(digest="e" * 64))

    elsewhere = await _signed(alice, key, first.id)
    assert _refused(await alice.answer(second.id, "approve", credential=elsewhere), "answered before")
    denial = await _signed(alice, key, first.id, decision="deny")
    assert _refused(await alice.answer(first.id, "approve", credential=denial), "answered before")
    foreign = await _signed(other, key, first.id)
    assert _refused(await alice.answer(first.id, "approve", credential=foreign), "answered before")
    moved = await _signed(alice, key, first.id)
    side.log.rows[first.id] = replace(side.log.rows[first.id], digest="f" * 64)
    assert _refused(await alice.answer(first.id, "approve", credential=moved), "answered before")
    side.log.rows[first.id] = replace(side.log.rows[first.id], digest=first.digest)
    late = await _signed(alice, key, first.id)
    side.clock.now += LIFE_US
    assert _refused(await alice.answer(first.id, "approve", credential=late), "too long ago")
    assert _pending(side, first.id)
    assert _pending(side, second.id)
    good = await _signed(alice, key, first.id)
    assert (await alice.answer(first.id, "approve", credential=good)).status_code == 303
    assert _refused(await alice.answer(second.id, "approve", credential=good), "answered before")
    assert side.log.kinds.count("approver.proved") == 1
    assert _pending(side, second.id)


async def test_a_signature_for_signing_in_decides_nothing(side: Side) -> None:
    """What a browser signed for one purpose is worth nothing for another."""
    alice, key = await enrolled(side)
    approval = await side.approvals.open(_wanted())
    options = (await alice.client.post("/api/session/passkey", headers=alice.headers)).json()
    answer = await alice.answer(approval.id, "approve", credential=key.get(options))
    assert _refused(answer, "answered before")
    credential = await _signed(alice, key, approval.id)
    signed_in = await alice.client.post(
        "/console/sign-in/passkey", data={"credential": credential}, headers=alice.headers
    )
    assert signed_in.status_code == 403
    assert _pending(side, approval.id)


async def test_another_persons_or_a_revoked_passkey_decides_nothing(side: Side) -> None:
    """The tap is by the person of the session, with a passkey that still stands."""
    alice, hers = await enrolled(side, "alice")
    _, his = await enrolled(side, "bob")
    approval = await side.approvals.open(_wanted())
    data = {"csrf": await alice.csrf(), "decision": "approve"}
    path = f"/api/approvals/{approval.id}/passkey"
    options = (await alice.client.post(path, data=data, headers=alice.headers)).json()
    assert len(options["allowCredentials"]) == 1
    answer = await alice.answer(approval.id, "approve", credential=his.get(options))
    assert _refused(answer, "somebody else")
    options = (await alice.client.post(path, data=data, headers=alice.headers)).json()
    row = (
        next(one for one in side.proving.passkeys.listing() if one.person == "alice")
        if side.proving.passkeys
        else None
    )
    assert row is not None
    async with side.client() as client:
        await client.delete(f"/api/passkeys/{row.id}", headers=ADMIN)
    answer = await alice.answer(approval.id, "approve", credential=hers.get(options))
    assert _refused(answer, "not known here, or was revoked")
    gone = await alice.client.post(path, data=data, headers=alice.headers)
    assert (gone.status_code, said(gone)) == (409, "passkey_missing")
    assert _pending(side, approval.id)


async def test_asking_for_a_tap_needs_the_sessions_form(side: Side) -> None:
    """Without a session, the CSRF token, or an approval: nothing to sign."""
    alice, _ = await enrolled(side)
    approval = await side.approvals.open(_wanted())
    async with side.client() as client:
        out = await client.post(
            f"/api/approvals/{approval.id}/passkey", data={"csrf": "x"}, headers={"origin": side.public}
        )
    bare = await alice.client.post(
        f"/api/approvals/{approval.id}/passkey", data={"csrf": "x"}, headers=alice.headers
    )
    data = {"csrf": await alice.csrf(), "decision": "approve"}
    unknown = await alice.client.post(f"/api/approvals/apr_{'z' * 22}/passkey", data=data, headers=alice.headers)
    assert [(one.status_code, said(one)) for one in (out, bare, unknown)] == [
        (401, "signed_out"),
        (403, "csrf_refused"),
        (404, "approval_unknown"),
    ]


async def test_a_form_that_runs_first_takes_a_tap_of_its_own(side: Side) -> None:
    """What is run on somebody's word is bound like a decision: form 1 is not form 2, and not a plain yes."""
    alice, key = await enrolled(side)
    forms = (
        Form("take a snapshot first", '{"method": "POST"}', before=True),
        Form("detach it instead", '{"method": "POST"}'),
    )
    approval = await side.approvals.open(_wanted(subject=subject(forms=forms)))
    path = f"/approve/{approval.id}"
    for fields in ({"decision": "approve"}, {"form": "2"}):
        credential = await _signed(alice, key, approval.id, **fields)
        data = {"csrf": await alice.csrf(), "form": "1", "credential": credential}
        answer = await alice.client.post(path, data=data, headers=alice.headers)
        assert _refused(answer, "answered before")
    credential = await _signed(alice, key, approval.id, form="1")
    data = {"csrf": await alice.csrf(), "form": "1", "credential": credential}
    assert (await alice.client.post(path, data=data, headers=alice.headers)).status_code == 303
    assert side.approvals.get(approval.id).status is ApprovalStatus.APPROVED


async def test_a_proof_that_cannot_be_recorded_is_none(side: Side) -> None:
    """Record, then act."""
    alice, key = await enrolled(side)
    approval = await side.approvals.open(_wanted())
    credential, csrf = await _signed(alice, key, approval.id), await alice.csrf()
    side.log.is_failing = True
    answer = await alice.client.post(
        f"/approve/{approval.id}",
        data={"csrf": csrf, "decision": "approve", "credential": credential},
        headers=alice.headers,
    )
    assert answer.status_code == 503
    side.log.is_failing = False
    assert _pending(side, approval.id)


async def test_who_has_no_passkey_is_told_and_can_still_deny(side: Side) -> None:
    """The page has no script and no button that could not work."""
    bob = await side.signed_in("bob")
    approval = await side.approvals.open(_wanted())
    page = await bob.open(f"/approve/{approval.id}")
    assert "needs a passkey" in page.text
    assert 'value="approve"' not in page.text
    assert 'value="deny"' in page.text
    assert "script-src" not in page.headers["content-security-policy"]
