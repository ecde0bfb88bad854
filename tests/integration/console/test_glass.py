"""Break-glass at the console: one tap with a reason, a review by somebody else; and all that tries without."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from firewall.approvals.glass import GlassRules
from firewall.approvals.people import Approver
from firewall.console.approving import reviews
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.glass import Finding, GlassUse
from tests.support.approving import START_US, subject
from tests.support.breaking import TYPED, WHY, asked
from tests.support.control_side import ADMIN_TOKEN, AGENT_TOKEN, APPROVER_TOKEN, Browser, Side, control_side
from tests.support.enrolling import enrolled, said
from tests.support.softkey import SoftKey

RULES = GlassRules(people=frozenset({"bob", "olga"}))
NOTE = "looked at the graphs, it was right"
TOKEN = {"authorization": f"Bearer {APPROVER_TOKEN}"}
OFFER = "Break the glass and approve"


@pytest.fixture
def side() -> Side:
    """A control side in memory: Bob and Olga may break the glass."""
    return control_side(glass=RULES)


async def _signed(browser: Browser, key: SoftKey, approval: Approval, **fields: str) -> str:
    data = {"csrf": await browser.csrf(), "decision": "glass", "reason": WHY} | fields
    path = f"/api/approvals/{approval.id}/passkey"
    answer = await browser.client.post(path, data=data, headers=browser.headers)
    assert answer.status_code == 200, answer.text
    return key.get(answer.json())


async def _broken(browser: Browser, approval: Approval, credential: str, **fields: str) -> httpx.Response:
    plain = {"reason": WHY, "typed": TYPED, "credential": credential} | fields
    return await browser.answer(approval.id, "glass", **plain)


def _waits(side: Side, approval: Approval) -> bool:
    return (
        side.approvals.get(approval.id).status is ApprovalStatus.PENDING and "glass.broken" not in side.log.kinds
    )


async def test_one_person_breaks_it_and_another_reviews(side: Side) -> None:
    """Offered to whom it is for; what was proved stands before it; the page says how it was approved."""
    bob, key = await enrolled(side, "bob")
    alice = await side.signed_in("alice")
    approval = await side.approvals.open(asked())
    page = await bob.open(f"/approve/{approval.id}")
    assert OFFER in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert OFFER not in (await alice.open(f"/approve/{approval.id}")).text
    done = await _broken(bob, approval, await _signed(bob, key, approval))
    assert (done.status_code, done.headers["location"]) == (303, f"/approve/{approval.id}")
    kinds = side.log.kinds
    assert [kinds.index(one) for one in ("approver.proved", "glass.broken", "approval.voted")] == sorted(
        kinds.index(one) for one in ("approver.proved", "glass.broken", "approval.voted")
    )
    after = (await bob.open(f"/approve/{approval.id}")).text
    assert "alone, by breaking the glass, not reviewed yet" in after
    assert OFFER not in after
    assert "You cannot review this" in (await bob.open("/console/reviews")).text
    side.log.rows[approval.id] = replace(side.log.rows[approval.id], status=ApprovalStatus.CONSUMED)
    page = await alice.open("/console/reviews")
    assert WHY in page.text
    assert "1 use waits" in page.text
    assert "Somebody broke the glass" in page.text
    assert ">used</span>" in page.text, "as the approval's own page calls it"
    waits = '<a href="/console/reviews">1 use of break-glass waits for a review</a>'
    assert waits in (await alice.open("/console/")).text
    assert side.log.records[-1].data == {"what": "reviews"}
    path = f"/console/reviews/{approval.id}"
    fields = {"csrf": await alice.csrf(), "finding": "justified", "note": NOTE}
    assert (await alice.client.post(path, data=fields, headers=alice.headers)).status_code == 303
    reviewed = (await bob.open(f"/approve/{approval.id}")).text
    assert "alone, by breaking the glass, found justified" in reviewed
    page = await bob.open("/console/reviews")
    assert "Nothing waits for a review" in page.text
    assert "Somebody broke the glass" not in page.text
    assert "of break-glass" not in (await alice.open("/console/")).text
    assert NOTE in page.text
    again = await alice.client.post(path, data=fields, headers=alice.headers)
    assert (again.status_code, "reviewed already" in again.text) == (409, True)


async def test_without_a_tap_for_these_words_nothing_is_broken(side: Side) -> None:
    """No tap, one for approving, for another reason, another call, another session, and the same one again."""
    bob, key = await enrolled(side, "bob")
    approval = await side.approvals.open(asked())
    other = await side.approvals.open(asked(digest="e" * 64))
    bare = await _broken(bob, approval, "")
    assert (bare.status_code, "takes a tap of your passkey" in bare.text) == (403, True)
    for credential in (
        await _signed(bob, key, approval, decision="approve"),
        await _signed(bob, key, approval, reason=f"{WHY} at all"),
        await _signed(bob, key, other),
        "{}",
    ):
        assert (await _broken(bob, approval, credential)).status_code in (400, 403)
    elsewhere = Browser(side.client(), side.public)
    await elsewhere.sign_in("bob")
    credential = await _signed(bob, key, approval)
    assert (await _broken(elsewhere, approval, credential)).status_code == 403
    assert _waits(side, approval)
    assert _waits(side, other)
    good = await _signed(bob, key, approval)
    assert (await _broken(bob, approval, good)).status_code == 303
    replayed = await _broken(bob, other, good)
    assert replayed.status_code == 403
    assert side.log.kinds.count("glass.broken") == 1


async def test_two_clicks_are_one_use(side: Side) -> None:
    """53: both sent before either is answered, each with a tap of its own: one decides, the other one is told."""
    bob, key = await enrolled(side, "bob")
    approval = await side.approvals.open(asked())
    taps = [await _signed(bob, key, approval) for _ in range(2)]
    csrf = await bob.csrf()
    fields = {"csrf": csrf, "decision": "glass", "reason": WHY, "typed": TYPED}
    sent = (
        bob.client.post(f"/approve/{approval.id}", data={**fields, "credential": one}, headers=bob.headers)
        for one in taps
    )
    assert sorted([one.status_code for one in await asyncio.gather(*sent)]) == [303, 409]
    assert side.log.kinds.count("glass.broken") == side.log.kinds.count("approval.voted") == 1


async def test_neither_another_site_nor_an_old_page_nor_an_agent_breaks_it(side: Side) -> None:
    """CSRF, a foreign origin, an agent's token beside a session; a name that is not typed."""
    bob, key = await enrolled(side, "bob")
    approval = await side.approvals.open(asked())
    fields = {"decision": "glass", "reason": WHY, "typed": TYPED, "credential": await _signed(bob, key, approval)}
    path, csrf = f"/approve/{approval.id}", await bob.csrf()
    evil = {"origin": "http://evil.test", "sec-fetch-site": "cross-site"}
    agent = {**bob.headers, "x-stayhand-token": AGENT_TOKEN}
    for headers, token, status in ((bob.headers, "made up", 403), (evil, csrf, 403), (agent, csrf, 403)):
        answer = await bob.client.post(path, data={**fields, "csrf": token}, headers=headers)
        assert answer.status_code == status, answer.text
    async with side.client() as client:
        out = await client.post(path, data=fields, headers=bob.headers)
        assert out.status_code == 401
        for header in (TOKEN, {"authorization": f"Bearer {ADMIN_TOKEN}"}):
            body = {"decision": "glass", "reason": WHY, "typed": TYPED}
            answer = await client.post(f"/api/approvals/{approval.id}/decision", json=body, headers=header)
            assert said(answer) == "decision_invalid"
    wrong = await _broken(bob, approval, await _signed(bob, key, approval), typed="file:/srv")
    assert (wrong.status_code, "not the resource" in wrong.text) == (409, True)
    short = await _broken(bob, approval, await _signed(bob, key, approval, reason="urgent"), reason="urgent")
    assert (short.status_code, "at least 20 characters" in short.text) == (409, True)
    assert _waits(side, approval)


async def test_neither_the_owner_nor_a_newcomer_nor_whom_nothing_names(side: Side) -> None:
    """Olga is named and owns the agent; a passkey that is newer than the call; Alice is not named."""
    olga, hers = await enrolled(side, "olga")
    alice, alices = await enrolled(side, "alice")
    approval = await side.approvals.open(asked())
    side.clock.forward(60)
    bob, late = await enrolled(side, "bob")
    for browser, key, words in (
        (olga, hers, "your own agent"),
        (alice, alices, "does not name you"),
        (bob, late, "newer than this"),
    ):
        assert OFFER not in (await browser.open(f"/approve/{approval.id}")).text
        answer = await _broken(browser, approval, await _signed(browser, key, approval))
        assert (answer.status_code, words in answer.text) == (403, True), words
    assert _waits(side, approval)


async def test_a_denial_and_an_end_stay_what_they_are(side: Side) -> None:
    """What people denied is denied; what is bounded is bounded, and the page says how long."""
    bob, key = await enrolled(side, "bob")
    denied = await side.approvals.open(asked())
    alice = await side.signed_in("alice")
    assert (await alice.answer(denied.id, "deny")).status_code == 303
    answer = await _broken(bob, denied, await _signed(bob, key, denied))
    assert (answer.status_code, "already decided" in answer.text) == (409, True)
    assert _waits(side, replace(denied, id=(await side.approvals.open(asked(digest="f" * 64))).id))
    first, second = [await side.approvals.open(asked(digest=sign * 64)) for sign in "ab"]
    assert (await _broken(bob, first, await _signed(bob, key, first))).status_code == 303
    answer = await _broken(bob, second, await _signed(bob, key, second))
    assert (answer.status_code, "once within a day" in answer.text) == (429, True)
    permit = await bob.answer(second.id, "permit", uses="5", minutes="5", reason=WHY, typed=TYPED)
    assert permit.status_code == 403


async def test_it_is_off_unless_configured() -> None:
    """Nothing is offered, and what asks for it is refused."""
    side = control_side()
    bob, key = await enrolled(side, "bob")
    approval = await side.approvals.open(asked())
    assert OFFER not in (await bob.open(f"/approve/{approval.id}")).text
    assert (await _broken(bob, approval, await _signed(bob, key, approval))).status_code == 403
    assert _waits(side, approval)


async def test_reviews_are_for_whoever_reads_the_log(side: Side) -> None:
    """Not for a viewer, a service or nobody; by token as by session; never by whoever used it."""
    bob, key = await enrolled(side, "bob")
    side.doors.people["vera"] = Approver("vera", "viewer")
    side.doors.people["ada"] = Approver("ada", "auditor")
    side.log.permit(*side.doors.people.values())
    hostile = subject(agent="<b>\u202eroot</b>")
    approval = await side.approvals.open(asked(subject=hostile))
    why = "<script>alert(1)</script> because it is urgent"
    assert (
        await _broken(bob, approval, await _signed(bob, key, approval, reason=why), reason=why)
    ).status_code == 303
    vera, ada = await side.signed_in("vera"), await side.signed_in("ada")
    assert (await vera.open("/console/reviews")).status_code == 403
    text = (await ada.open("/console/reviews")).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    path = f"/api/reviews/{approval.id}"
    async with side.client() as client:
        assert (await client.get("/api/reviews")).status_code == 401
        (row,) = (await client.get("/api/reviews", headers=TOKEN)).json()
        assert (row["id"], row["by"], row["may_review"], row["status"]) == (approval.id, "bob", True, "open")
        for wish, code in (
            ({"finding": "fine", "note": NOTE}, "finding_invalid"),
            ({"finding": "justified"}, "field_missing"),
            ({"finding": "justified", "note": "ok"}, "note_missing"),
        ):
            assert said(await client.post(path, json=wish, headers=TOKEN)) == code
        wish = {"finding": "unjustified", "note": NOTE}
        assert said(await client.post("/api/reviews/apr_x", json=wish, headers=TOKEN)) == "review_unknown"
        own = {"csrf": await bob.csrf(), **wish}
        refused = await bob.client.post(f"/console/reviews/{approval.id}", data=own, headers=bob.headers)
        assert (refused.status_code, "you broke the glass yourself" in refused.text.lower()) == (403, True)
        bare = await ada.client.post(f"/console/reviews/{approval.id}", data=wish, headers=ada.headers)
        assert bare.status_code == 403
        done = (await client.post(path, json=wish, headers=TOKEN)).json()
        assert (done["finding"], done["reviewer"], done["may_review"]) == ("unjustified", "alice", False)
        assert (await client.get("/api/reviews", headers=TOKEN)).json() == []
        assert [one["id"] for one in (await client.get("/api/reviews?status=reviewed", headers=TOKEN)).json()] == [
            approval.id
        ]
        assert said(await client.get("/api/reviews?status=x", headers=TOKEN)) == "status_invalid"
    assert side.log.glass[approval.id].reviewed_at >= START_US


async def test_reviews_that_are_not_shown_are_counted_and_led_to(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest that wait and the newest that were reviewed stand on the page; the API goes on to its end."""
    monkeypatch.setattr(reviews, "OPEN", 2)
    monkeypatch.setattr(reviews, "CLOSED", 2)
    alice = await side.signed_in()
    made = []
    for number in range(6):
        one = await side.approvals.open(asked(digest=f"{number:064x}"))
        finding, at = (Finding.JUSTIFIED, START_US + number) if number % 2 else (None, 0)
        side.log.glass[one.id] = GlassUse(
            approval=one.id, by="per_bob", at=START_US + number, reviewed_at=at, reviewer="per_x", finding=finding
        )
        made.append(one.id)
    text = (await alice.open("/console/reviews")).text
    assert "3 uses wait for a review" in text
    assert "The oldest 2 stand here" in text
    shown = [one for one in made if f"/approve/{one}" in text]
    assert shown == [made[0], made[2], made[3], made[5]]
    assert '<a href="/console/reviews?skip=2">Earlier reviews</a>' in text
    text = (await alice.open("/console/reviews?skip=2")).text
    assert f"/approve/{made[1]}" in text
    assert f"/approve/{made[5]}" not in text
    assert "Earlier reviews" not in text
    assert '<a href="/console/reviews">The newest reviews</a>' in text
    async with side.client(headers=TOKEN) as client:
        for path, wanted in (("/api/reviews", made[::2]), ("/api/reviews?status=reviewed", made[::-2])):
            found, following = [], path
            while following:
                answer = await client.get(following)
                found += [one["id"] for one in answer.json()]
                following = answer.links.get("next", {}).get("url", "")
            assert found == wanted
        assert said(await client.get("/api/reviews?skip=x")) == "skip_invalid"
