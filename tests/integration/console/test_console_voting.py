"""Several people, a typed name, and what the page, the queue, the API and the requester are told of it."""

from dataclasses import replace

import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.demand import demand_of, staged
from firewall.core.verdict import Obligations
from tests.support.approving import ALICE, BOB, ROOT, subject, view, wanted
from tests.support.control_side import APPROVER_TOKEN, Browser, Side, control_side

BEARER = {"authorization": f"Bearer {APPROVER_TOKEN}"}
NAME = "file:/srv/data"
TWO = Obligations(demands=(demand_of("oncall", quorum=2),), typed=True)
ORDERED = Obligations(demands=(staged([[("dba", 1)], [("oncall", 1)]]),))


@pytest.fixture
def side() -> Side:
    """A control side with two of a group, and one of none."""
    found = control_side()
    root = replace(ROOT, groups=("oncall",))
    found.doors.people["root"] = root
    found.log.permit(ALICE, BOB, root, Approver("olga", "approver"))
    return found


async def test_two_people_type_the_name_and_click(side: Side) -> None:
    """The first vote is shown to the second; a wrong name loses nothing; the last lets the call pass."""
    asked = replace(wanted(), obligations=TWO, session="conv-7 /8", subject=subject(session="conv-7 /8"))
    approval = await side.approvals.open(asked)
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("alice")
        page = (await browser.open(f"/approve/{approval.id}")).text
        assert "0 of 2, next: oncall" in page
        assert f"type <code>{NAME}</code>" in page
        assert 'name="typed"' in page
        assert "formnovalidate" in page
        for typed in ("", "file:/srv/Data", f"{NAME} "):
            refused = await browser.answer(approval.id, "approve", typed=typed)
            assert refused.status_code == 409
            assert "type the name" in refused.text.lower() or "no vote was given" in refused.text
            assert (
                ' autofocus aria-invalid="true" aria-describedby="said"' in refused.text
            )  # above the buttons' bar
        assert side.log.rows[approval.id].votes == ()
        assert (await browser.answer(approval.id, "approve", typed=NAME)).status_code == 303
        mine = (await browser.open(f"/approve/{approval.id}")).text
        assert "Your vote is in: 1 of 2, next: oncall" in mine
        assert 'value="approve"' not in mine
        assert 'value="deny"' in mine
        assert "1 of 2, next: oncall" in (await browser.open("/console/")).text
        again = await browser.answer(approval.id, "approve", typed=NAME)
        assert (again.status_code, side.log.kinds.count("approval.voted")) == (409, 1)
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("root")
        theirs = (await browser.open(f"/approve/{approval.id}")).text
        assert "<dt>Vote 1</dt><dd>alice: agreed, " in theirs
        assert f'<a href="/console/sessions/{approval.token}">' in theirs
        assert '<a href="/console/log?session=conv-7+%2F8">conv-7 /8</a>' in theirs
        assert (await browser.answer(approval.id, "approve", typed=NAME)).status_code == 303
    assert side.log.rows[approval.id].status is ApprovalStatus.APPROVED


async def test_who_agreed_is_told_to_whoever_reads_the_log(side: Side) -> None:
    """Approvers see who agreed and what the run did; a viewer sees that somebody did, and no way there."""
    side.doors.people["vic"] = Approver("vic", "viewer", auth="session")
    approval = await side.approvals.open(replace(wanted(), obligations=TWO))
    await side.approvals.decide(approval.id, Decision.APPROVE, by=ALICE, typed=NAME)
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("vic")
        seen = (await browser.open(f"/approve/{approval.id}")).text
    assert "<dt>Vote 1</dt><dd>agreed, <time" in seen
    assert "alice" not in seen
    assert "/console/sessions/" not in seen


async def test_the_page_says_of_how_many_the_name_is_one(side: Side) -> None:
    """Where the worst is done to several things in production, one name does not hide the others."""
    actions = tuple(view(resource=name, environment="production") for name in ("orders", "billing"))
    asked = replace(wanted(subject=subject(actions=actions)), obligations=TWO)
    approval = await side.approvals.open(asked)
    page = (await (await side.signed_in()).open(f"/approve/{approval.id}")).text
    assert "type <code>billing</code>" in page
    assert "one of 2 resources" in page


async def test_whose_turn_has_not_come_may_deny(side: Side) -> None:
    """The page says who votes first, offers no approval, and one click still denies."""
    approval = await side.approvals.open(replace(wanted(), obligations=ORDERED))
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("alice")
        page = (await browser.open(f"/approve/{approval.id}")).text
        assert "others vote first: 0 of 2, next: dba" in page
        assert 'value="approve"' not in page
        assert (await browser.answer(approval.id, "approve")).status_code == 409
        assert (await browser.answer(approval.id, "deny")).status_code == 303
    assert side.log.rows[approval.id].status is ApprovalStatus.DENIED


async def test_one_of_a_group_approves_and_does_not_only_vote(side: Side) -> None:
    """The button says what it does: one person's yes lets the call pass, wherever he has to come from."""
    one = await side.approvals.open(replace(wanted(), obligations=Obligations(demands=(demand_of("oncall"),))))
    two = await side.approvals.open(replace(wanted(), digest="e" * 64, obligations=TWO))
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("alice")
        assert ">Approve once</button>" in (await browser.open(f"/approve/{one.id}")).text
        assert ">Vote to approve</button>" in (await browser.open(f"/approve/{two.id}")).text


async def test_a_passkey_is_asked_for_by_name(side: Side) -> None:
    """A token is told what is missing, with a code of its own, and a denial needs none."""
    approval = await side.approvals.open(replace(wanted(), obligations=replace(TWO, auth="passkey")))
    path = f"/api/approvals/{approval.id}/decision"
    async with side.client(headers=BEARER) as client:
        shown = (await client.get(f"/api/approvals/{approval.id}")).json()
        refused = await client.post(path, json={"decision": "approve", "typed": NAME})
    assert (shown["may_decide"], shown["may_approve"]) == (True, False)
    assert (shown["auth"], shown["approve_refusal"]) == ("passkey", "passkey_needed")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "passkey_needed")


async def test_the_api_tells_how_far_people_have_come(side: Side) -> None:
    """How many, of how many, who is next; after a vote, who gave it, by name and pseudonym; and who decided."""
    plain = await side.approvals.open(wanted())
    approval = await side.approvals.open(replace(wanted(), digest="e" * 64, obligations=TWO))
    async with side.client(headers=BEARER) as client:
        rows = {one["id"]: one for one in (await client.get("/api/approvals")).json()}
        voted = await client.post(
            f"/api/approvals/{approval.id}/decision", json={"decision": "approve", "typed": NAME}
        )
        shown = (await client.get(f"/api/approvals/{approval.id}")).json()
    one, two = rows[plain.id], rows[approval.id]
    assert (one["votes"], one["asked"], one["next"], one["standing"]) == (0, 1, [""], "")
    assert (two["votes"], two["asked"], two["next"]) == (0, 2, ["oncall"])
    assert (voted.json()["status"], voted.json()["standing"]) == ("pending", "1 of 2, next: oncall")
    (given,) = shown["given"]
    assert (given["voter"], given["decision"]) == (side.log.pseudonym("alice"), "approve")
    assert (given["name"], shown["token"]) == ("alice", approval.token)
    await side.approvals.decide(approval.id, Decision.DENY, by=side.doors.people["root"])
    async with side.client(headers=BEARER) as client:
        ended = (await client.get(f"/api/approvals/{approval.id}")).json()
    assert (ended["decided_by"], ended["decided_by_name"]) == (side.log.pseudonym("root"), "root")
    assert (shown["typed"], shown["approve_refusal"]) == (NAME, "vote_counted")


async def test_the_requesters_page_tells_it_too(side: Side) -> None:
    """Whose agent asks sees how many have agreed, and decides nothing."""
    approval = await side.approvals.open(replace(wanted(), obligations=TWO))
    await side.approvals.decide(approval.id, Decision.APPROVE, by=ALICE, typed=NAME)
    async with side.client() as client:
        browser = Browser(client, side.public)
        await browser.sign_in("olga")
        assert "1 of 2, next: oncall" in (await browser.open(f"/status/{approval.id}")).text


async def test_a_page_says_by_name_who_decided(side: Side) -> None:
    """To himself `you`, to others his name; who is no longer there stays the log's pseudonym."""
    approval = await side.approvals.open(wanted())
    alice, bob = await side.signed_in("alice"), await side.signed_in("bob")
    assert (await alice.answer(approval.id, "deny")).status_code == 303
    assert "by you" in (await alice.open(f"/approve/{approval.id}")).text
    assert "by alice" in (await bob.open(f"/approve/{approval.id}")).text
    side.log.permit(BOB)
    assert "by per_ecila" in (await bob.open(f"/approve/{approval.id}")).text
