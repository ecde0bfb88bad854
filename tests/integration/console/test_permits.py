"""Repeat permits on the page and the API: offered where they may be given, told as such, taken back."""

from dataclasses import replace

import pytest

from firewall.approvals.wanted import Wanted
from firewall.core.approval import ApprovalStatus
from firewall.core.verdict import Obligations
from tests.support.approving import subject, view, wanted
from tests.support.control_side import APPROVER_TOKEN, Side, control_side
from tests.support.enrolling import enrolled, said

TOKEN = {"authorization": f"Bearer {APPROVER_TOKEN}"}
MILD = wanted(effects=("write",), subject=subject(actions=(view(effects=("write",)),)))
GRAVE = wanted(environment="production", subject=subject(actions=(view(environment="production"),)))
ASKS = "Approve repeats"


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


@pytest.mark.parametrize(("asked", "offers"), [(MILD, True), (GRAVE, False)], ids=["mild", "grave"])
async def test_the_page_offers_what_may_be_given(side: Side, asked: Wanted, *, offers: bool) -> None:
    """Where it may not, a form that was made up is refused and nothing is decided."""
    alice = await side.signed_in()
    approval = await side.approvals.open(asked)
    assert (ASKS in (await alice.open(f"/approve/{approval.id}")).text) is offers
    answer = await alice.answer(approval.id, "permit", uses="5", minutes="30")
    assert answer.status_code == (303 if offers else 403)
    now = side.approvals.get(approval.id)
    assert now.status is (ApprovalStatus.APPROVED if offers else ApprovalStatus.PENDING)
    assert now.uses == (5 if offers else 1)


async def test_a_permit_is_shown_and_taken_back_on_its_page(side: Side) -> None:
    """Whoever may decide sees how often it was used, and ends it; approving once is not called a permit."""
    alice, bob, olga = [await side.signed_in(name) for name in ("alice", "bob", "olga")]
    approval = await side.approvals.open(MILD)
    await alice.answer(approval.id, "permit", uses="3", minutes="10")
    page = (await bob.open(f"/approve/{approval.id}")).text
    assert "A permit for 3 uses of the exact same call; used 0 times" in page
    assert "Withdraw" in page
    assert "Withdraw" not in (await olga.open(f"/approve/{approval.id}")).text
    assert (await olga.answer(approval.id, "withdraw")).status_code == 403
    assert (await bob.answer(approval.id, "withdraw")).status_code == 303
    assert side.approvals.get(approval.id).status is ApprovalStatus.CANCELLED
    assert (await bob.answer(approval.id, "withdraw")).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"uses": "1", "minutes": "5"},
        {"uses": "5"},
        {"uses": "-2", "minutes": "5"},
        {"uses": "5", "minutes": "9999"},
    ],
)
async def test_a_form_that_says_too_little_or_too_much_decides_nothing(side: Side, fields: dict[str, str]) -> None:
    """Neither words nor endless permits."""
    alice = await side.signed_in()
    approval = await side.approvals.open(MILD)
    assert (await alice.answer(approval.id, "permit", **fields)).status_code == 400
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING


async def test_the_api_permits_and_withdraws(side: Side) -> None:
    """`uses` and `minutes` go together and with `approve`; the rows say how often it was used."""
    approval = await side.approvals.open(MILD)
    path = f"/api/approvals/{approval.id}"
    async with side.client() as client:
        shown = (await client.get(path, headers=TOKEN)).json()
        assert (shown["may_permit"], shown["uses"], shown["used"]) == (True, 1, 0)
        for wrong in ({"uses": 5}, {"minutes": 5}, {"uses": 1, "minutes": 5}, {"uses": True, "minutes": 5}):
            answer = await client.post(f"{path}/decision", json={"decision": "approve", **wrong}, headers=TOKEN)
            assert answer.status_code == 400
        denied = {"decision": "deny", "uses": 5, "minutes": 5}
        assert said(await client.post(f"{path}/decision", json=denied, headers=TOKEN)) == "permit_invalid"
        body = {"decision": "approve", "uses": 5, "minutes": 15}
        given = (await client.post(f"{path}/decision", json=body, headers=TOKEN)).json()
        assert (given["status"], given["uses"], given["used"]) == ("approved", 5, 0)
        gone = await client.post(f"{path}/withdraw", headers=TOKEN)
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
        assert said(await client.post(f"{path}/withdraw", headers=TOKEN)) == "approval_decided"


async def test_a_tap_for_once_permits_no_repeats(side: Side) -> None:
    """What was signed says how often and how long; another number is another answer."""
    alice, key = await enrolled(side)
    approval = await side.approvals.open(replace(MILD, obligations=Obligations(auth="passkey")))

    async def signed(**fields: str) -> str:
        data = {"csrf": await alice.csrf(), **fields}
        asked = await alice.client.post(f"/api/approvals/{approval.id}/passkey", data=data, headers=alice.headers)
        assert asked.status_code == 200, asked.text
        return key.get(asked.json())

    for tap in (
        await signed(decision="approve"),
        await signed(decision="permit", uses="2", minutes="10"),
        await signed(decision="permit", uses="5", minutes="1"),
    ):
        answer = await alice.answer(approval.id, "permit", uses="5", minutes="10", credential=tap)
        assert answer.status_code in (403, 409)
    assert side.approvals.get(approval.id).status is ApprovalStatus.PENDING
    tap = await signed(decision="permit", uses="5", minutes="10")
    assert (await alice.answer(approval.id, "permit", uses="5", minutes="10", credential=tap)).status_code == 303
    assert side.approvals.get(approval.id).uses == 5
