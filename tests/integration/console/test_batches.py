"""Batches at the console: each is shown whole and answered by itself; what was not shown is not answered."""

import re
from dataclasses import replace

import httpx
import pytest

from firewall.approvals.batches import MOST
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.verdict import Obligations
from tests.support.approving import new_id, subject, view, wanted
from tests.support.control_side import AGENT_TOKEN, Browser, Side, control_side, free_socket, served

PENDING, APPROVED, DENIED = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.DENIED
APPROVE = "Approve the chosen"


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side(max_pending=100, max_of_session=100)


async def _asked(side: Side, number: int, **changes: object) -> Approval:
    path = f"/srv/data/{number}"
    one = view(
        effects=("write",), resource=f"file:{path}", text=f"touch {path}", evidence=((0, 5, "makes it"),),
        summary=f"Makes {path}",
    )  # fmt: skip
    plain: dict[str, object] = {
        "digest": f"{number:064}",
        "effects": ("write",),
        "subject": subject(actions=(one,), arguments=f"touch {path}"),
    }
    return await side.approvals.open(replace(wanted(), **(plain | changes)))  # type: ignore[arg-type]  # tests name the fields


async def _answered(browser: Browser, of: Approval, *chosen: Approval, **fields: str) -> httpx.Response:
    data = {"csrf": await browser.csrf(), "decision": "approve", **{one.id: one.digest for one in chosen}} | fields
    return await browser.client.post(f"/console/batch/{of.id}", data=data, headers=browser.headers)


def _now(side: Side, *found: Approval) -> list[ApprovalStatus]:
    return [side.approvals.get(one.id).status for one in found]


async def test_several_of_a_kind_are_shown_whole_and_answered_each_by_itself(side: Side) -> None:
    """Found from the queue; each look, each vote and each digest is an entry's own; one left out waits on."""
    alice = await side.signed_in()
    many = [await _asked(side, number) for number in range(3)]
    other = await _asked(side, 9, subject=subject(actions=(view(),)))
    queue = (await alice.open("/console/")).text
    path = re.search(r"/console/batch/apr_\w{22}", queue)
    assert path
    assert "3 of one kind" in queue
    page = (await alice.open(path[0])).text
    assert [page.count(f'name="{one.id}" value="{one.digest}"') for one in (*many, other)] == [1, 1, 1, 0]
    assert all(f" /srv/data/{number}</code>" in page for number in range(3)), "the bytes of each"
    assert side.log.kinds.count("approval.viewed") == 3
    answer = await _answered(alice, many[0], *many[:2])
    assert (answer.status_code, "2 of 2 answered" in answer.text) == (200, True)
    assert _now(side, *many, other) == [APPROVED, APPROVED, PENDING, PENDING]
    voted = [record for record in side.log.records if record.kind == "approval.voted"]
    assert [(one.approval, one.data["digest"], one.data["together"]) for one in voted] == [
        (one.id, one.digest, 2) for one in many[:2]
    ]


async def test_one_that_fails_fails_alone_and_is_told(side: Side) -> None:
    """Changed, denied by another, of another kind, unknown: the others are answered."""
    alice = await side.signed_in()
    good, denied, changed = [await _asked(side, number) for number in range(3)]
    foreign = await _asked(side, 7, effects=("write", "exec"))
    await (await side.signed_in("bob")).answer(denied.id, "deny")
    unknown = replace(good, id=new_id())
    stale = replace(changed, digest="f" * 64)
    answer = await _answered(alice, good, stale, denied, foreign, unknown, good)
    assert answer.status_code == 409
    assert "1 of 5 answered" in answer.text
    for words in ("no longer what was shown", "already decided", "of another kind", "no such approval"):
        assert words in answer.text
    assert _now(side, good, denied, changed, foreign) == [APPROVED, DENIED, PENDING, PENDING]
    again = await _answered(alice, good, good)
    assert (again.status_code, "0 of 1 answered" in again.text) == (409, True)
    assert [record.kind for record in side.log.records].count("approval.voted") == 2


async def test_what_came_since_is_not_answered(side: Side) -> None:
    """The form names what was shown; another of the kind that appears meanwhile waits."""
    alice = await side.signed_in()
    shown = [await _asked(side, number) for number in range(2)]
    await alice.open(f"/console/batch/{shown[0].id}")
    late = await _asked(side, 5)
    assert (await _answered(alice, shown[0], *shown)).status_code == 200
    assert _now(side, *shown, late) == [APPROVED, APPROVED, PENDING]


GRAVE = {
    "a typed name": {"obligations": Obligations(typed=True)},
    "a passkey": {"obligations": Obligations(auth="passkey")},
    "production": {"environment": "production", "effects": ("destructive",)},
}


@pytest.mark.parametrize("changes", GRAVE.values(), ids=GRAVE)
async def test_what_is_grave_is_denied_together_and_approved_alone(side: Side, changes: dict[str, object]) -> None:
    """No button approves, and a form that was made up approves nothing."""
    alice = await side.signed_in()
    many = [await _asked(side, number, **changes) for number in range(2)]
    page = (await alice.open(f"/console/batch/{many[0].id}")).text
    assert "approved one by one" in page
    assert APPROVE not in page
    assert (await _answered(alice, many[0], *many)).status_code == 409
    assert _now(side, *many) == [PENDING, PENDING]
    denied = await _answered(alice, many[0], *many, decision="deny", reason="not today")
    assert denied.status_code == 200
    assert _now(side, *many) == [DENIED, DENIED]
    assert {side.approvals.get(one.id).reason for one in many} == {"not today"}


async def test_neither_the_owner_nor_another_site_nor_too_much_at_once(side: Side) -> None:
    """Olga sees nothing to answer; CSRF, a foreign origin, an agent's token, nothing or too many chosen."""
    alice, olga = await side.signed_in(), await side.signed_in("olga")
    many = [await _asked(side, number) for number in range(MOST + 1)]
    assert "Nothing of this kind waits for you" in (await olga.open(f"/console/batch/{many[0].id}")).text
    assert (await _answered(olga, many[0], *many[:2])).status_code == 409
    page = (await alice.open(f"/console/batch/{many[0].id}")).text
    assert page.count("Answer this one as well") == MOST
    path, csrf = f"/console/batch/{many[0].id}", await alice.csrf()
    fields = {"decision": "approve", many[0].id: many[0].digest}
    evil = {"origin": "http://evil.test", "sec-fetch-site": "cross-site"}
    agent = {**alice.headers, "authorization": f"Bearer {AGENT_TOKEN}"}
    for headers, token in ((alice.headers, "made up"), (evil, csrf), (agent, csrf)):
        answer = await alice.client.post(path, data={**fields, "csrf": token}, headers=headers)
        assert answer.status_code == 403
    for chosen, more in ((many, {}), ((), {}), (many[:1], {"decision": "permit"}), (many[:1], {"apr_x": "y"})):
        assert (await _answered(alice, many[0], *chosen, **more)).status_code == 400
    assert set(_now(side, *many)) == {PENDING}
    for bad in ("/console/batch/apr_x", f"/console/batch/{new_id()}"):
        assert (await alice.open(bad)).status_code == 404


async def test_over_a_real_socket_and_nothing_hidden() -> None:
    """What came from an agent is text on this page as well, and the whole form fits what a form may hold."""
    bound = free_socket()
    port = bound.getsockname()[1]
    side = control_side(
        public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}", max_pending=100, max_of_session=100
    )
    hostile = "<img src=x onerror=alert(1)> \u202e /srv"
    many = []
    for number in range(MOST):
        one = view(effects=("write",), summary=hostile, text=f"{hostile} {number}", evidence=())
        many.append(await _asked(side, number, subject=subject(actions=(one,), arguments="")))
    client = httpx.AsyncClient(base_url=side.public, trust_env=False)
    async with served(side.console.app, bound), client:
        browser = Browser(client, side.public)
        assert (await browser.sign_in("alice")).status_code == 303
        page = (await browser.open(f"/console/batch/{many[0].id}")).text
        assert "<img" not in page
        assert "\u202e" not in page
        assert (await _answered(browser, many[0], *many, reason="x")).status_code == 200
    assert set(_now(side, *many)) == {APPROVED}
