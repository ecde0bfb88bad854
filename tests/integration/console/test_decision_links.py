"""Personal links that decide: shown by a form, spent by a vote, and worth nothing to whatever opens links."""

import re
from dataclasses import replace

import httpx
import pytest

from firewall.approvals.people import Approver
from firewall.approvals.wanted import Wanted
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.demand import demand_of
from firewall.core.proofs import LinkUse
from firewall.core.verdict import Obligations
from firewall.tokens.links import DECIDE_S
from tests.support.approving import ALICE, BOB, subject, view, wanted
from tests.support.control_side import AGENT_TOKEN, Side, control_side, free_socket, served
from tests.support.enrolling import ADMIN

MILD = wanted(
    effects=("write",),
    subject=subject(actions=(view(effects=("write",)),)),
    obligations=Obligations(auth="link"),
)
"""What a row with `auth=link` asks about."""
STRANGE = "shl_" + "x" * 43
OURS = {"origin": "http://localhost:8788", "sec-fetch-site": "same-origin"}


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


async def _code(side: Side, approval: Approval, person: str = "alice") -> str:
    made = await side.proving.links.for_decision(
        person, approval=approval.id, digest=approval.digest, until_us=approval.expires_at
    )
    return made.secret.reveal()


async def _post(side: Side, code: str, *, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    async with side.client() as client:
        return await client.post("/decide", data={"code": code, **fields}, headers=OURS | (headers or {}))


def _status(side: Side, approval: Approval) -> ApprovalStatus:
    return side.approvals.get(approval.id).status


async def test_a_link_shows_the_call_and_decides_it_once_over_a_socket() -> None:
    """The code is in bodies alone; the first form shows, the second decides; the entries name the link."""
    bound = free_socket()
    public = f"http://localhost:{bound.getsockname()[1]}"
    side = control_side(public, public.removeprefix("http://"))
    approval = await side.approvals.open(MILD)
    code = await _code(side, approval)
    headers = {"origin": public, "sec-fetch-site": "same-origin"}
    async with served(side.console.app, bound), httpx.AsyncClient(base_url=public, trust_env=False) as client:
        opened = await client.get("/decide")
        assert 'action="/decide"' in opened.text
        assert "data-from-address" in opened.text
        assert 'src="/console/passkey.js"' in opened.text
        assert "script-src 'self'" in opened.headers["content-security-policy"]
        shown = await client.post("/decide", data={"code": code}, headers=headers)
        assert shown.status_code == 200
        assert f'name="code" value="{code}"' in shown.text
        assert 'action="/decide"' in shown.text
        assert "csrf" not in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert _status(side, approval) is ApprovalStatus.PENDING
        done = await client.post("/decide", data={"code": code, "decision": "approve"}, headers=headers)
        assert (done.status_code, "set-cookie" in done.headers) == (200, False)
        assert "used up" in done.text
        assert code not in done.text
        assert all(code not in str(one.url) for one in (opened, shown, done))
    assert _status(side, approval) is ApprovalStatus.APPROVED
    kinds = side.log.kinds
    assert kinds == [
        "approval.opened",
        "approver.linked",
        "approval.viewed",
        "approver.link_used",
        "approval.voted",
    ]
    voted = side.log.records[-1]
    assert (voted.person, voted.data["via"], voted.data["auth"]) == ("alice", "link", "link")


async def test_whatever_opens_links_shows_and_decides_nothing(side: Side) -> None:
    """51: GET, HEAD, prefetch, a code in path or query; nothing is looked at, nothing is recorded."""
    approval = await side.approvals.open(MILD)
    code = await _code(side, approval)
    before = len(side.log.records)
    async with side.client() as client:
        pages = [
            await client.request(method, path, headers={"sec-purpose": "prefetch"})
            for method in ("GET", "HEAD")
            for path in ("/decide", f"/decide?code={code}", f"/decide?code={code}&decision=approve")
        ]
        assert {page.status_code for page in pages} == {200}
        assert len({page.text for page in pages if page.text}) == 1
        assert (await client.get(f"/decide/{code}")).status_code == 404
        assert (await client.post(f"/decide?code={code}&decision=approve", headers=OURS)).status_code != 200
    assert _status(side, approval) is ApprovalStatus.PENDING
    assert side.log.kinds[before:] in ([], ["approver.refused"])
    assert side.proving.links.look(code, LinkUse.DECIDE).person == "alice"


async def test_wrong_used_revoked_late_and_settled_links_are_answered_alike(side: Side) -> None:
    """52: one answer for all of them, counted as refusals; a link for sign-in decides nothing."""
    used, revoked, late, settled, moved, signs = [
        await side.approvals.open(replace(MILD, digest=one * 64)) for one in "abcdef"
    ]
    codes = {
        name: await _code(side, one) for name, one in (("used", used), ("revoked", revoked), ("settled", settled))
    }
    codes["moved"] = (
        await side.proving.links.for_decision(
            "alice", approval=moved.id, digest="9" * 64, until_us=moved.expires_at
        )
    ).secret.reveal()
    codes["signs"] = (await side.proving.links.for_sign_in("alice", by="root")).secret.reveal()
    codes["wrong"], codes["empty"], codes["short"] = STRANGE, "", "shl_abc"
    codes["gone"] = await _code(side, signs, "nobody")
    assert (await _post(side, codes["used"], decision="deny")).status_code == 200
    async with side.client() as client:
        row = next(
            one for one in (await client.get("/api/links", headers=ADMIN)).json() if one["approval"] == revoked.id
        )
        assert (await client.delete(f"/api/links/{row['id']}", headers=ADMIN)).status_code == 200
    await side.approvals.cancel(settled.id)
    answers = []
    for name, code in codes.items():
        side.clock.now += 60_000_000
        answers += [(name, await _post(side, code)), (name, await _post(side, code, decision="approve"))]
    codes["late"] = await _code(side, late)
    side.clock.now += DECIDE_S * 1_000_000
    answers.append(("late", await _post(side, codes["late"], decision="approve")))
    assert {(one.status_code, one.text) for _, one in answers} == {(403, answers[0][1].text)}
    assert all(
        _status(side, one) is not ApprovalStatus.APPROVED for one in (used, revoked, late, settled, moved, signs)
    )
    assert {one.data["what"] for one in side.log.records if one.kind == "approver.refused"} == {"link"}


async def test_guessing_is_throttled_and_good_links_are_not(side: Side) -> None:
    """60: ten tries from a source, then 429 also for a good link; whoever has good ones decides on."""
    many = [
        await side.approvals.open(replace(MILD, digest=f"{one:064x}", session=f"ses_{one}")) for one in range(12)
    ]
    for one in many:
        code = await _code(side, one)
        assert (await _post(side, code)).status_code == 200
        assert (await _post(side, code, decision="deny")).status_code == 200
    found = [(await _post(side, STRANGE)).status_code for _ in range(12)]
    assert found[:10] == [403] * 10
    assert found[10:] == [429] * 2
    last = await side.approvals.open(replace(MILD, digest="e" * 64))
    blocked = await _post(side, await _code(side, last), decision="approve")
    assert (blocked.status_code, "retry-after" in blocked.headers) == (429, True)
    assert _status(side, last) is ApprovalStatus.PENDING


@pytest.mark.parametrize(
    "asked",
    [
        wanted(),
        wanted(obligations=Obligations(auth="passkey")),
        wanted(obligations=Obligations(auth="link")),
        replace(MILD, effects=("write", "privilege")),
        replace(MILD, environment="production"),
        replace(MILD, subject=subject(actions=(view(effects=("write",), environment="Production"),))),
    ],
    ids=["no row", "passkey", "destructive", "privilege", "production", "an action in production"],
)
async def test_a_link_decides_only_what_a_row_lets_links_decide(side: Side, asked: Wanted) -> None:
    """Whatever link was made: destructive, privilege, production and rows without `auth=link` want a session."""
    approval = await side.approvals.open(asked)
    code = await _code(side, approval)
    for decision in ("approve", "deny"):
        answer = await _post(side, code, decision=decision)
        assert answer.status_code in (403, 409)
        assert "a link does not decide this" in answer.text
    assert _status(side, approval) is ApprovalStatus.PENDING
    assert side.proving.links.look(code, LinkUse.DECIDE).approval == approval.id


@pytest.mark.parametrize("solo", [False, True])
async def test_the_requesters_owner_decides_nothing_by_a_link(*, solo: bool) -> None:
    """54: under none of his names, and whatever `solo` says: an agent may read his mail."""
    side = control_side(solo=solo)
    side.doors.people["olga2"] = Approver("olga2", "approver", aliases=("OLGA",))
    approval = await side.approvals.open(MILD)
    assert approval.subject is not None
    assert approval.subject.owner == "olga"
    for person in ("olga", "olga2"):
        answer = await _post(side, await _code(side, approval, person), decision="approve")
        assert (answer.status_code, "somebody else decides" in answer.text) == (403, True)
    assert _status(side, approval) is ApprovalStatus.PENDING


async def test_whoever_was_removed_decides_nothing(side: Side) -> None:
    """61: a link is good as long as its person may sign in and decide."""
    approval = await side.approvals.open(MILD)
    codes = [await _code(side, approval, one) for one in ("alice", "bob")]
    del side.doors.people["alice"]
    assert (await _post(side, codes[0], decision="approve")).status_code == 403
    side.log.permit(ALICE)
    answer = await _post(side, codes[1], decision="approve")
    assert (answer.status_code, "no approver any more" in answer.text) == (403, True)
    assert _status(side, approval) is ApprovalStatus.PENDING


async def test_whoever_may_decide_no_more_is_shown_nothing(side: Side) -> None:
    """A link of before gives nobody a look who lost the role or the group: the answer is that to a wrong code."""
    asked = replace(MILD, obligations=Obligations(auth="link", demands=(demand_of("nobody-of-these"),)))
    waiting = [await side.approvals.open(one) for one in (MILD, replace(asked, digest="e" * 64))]
    wrong = await _post(side, "shl_" + "0" * 36)
    side.doors.people["alice"] = replace(side.doors.people["alice"], role="viewer")
    for approval, person in zip(waiting, ("alice", "bob"), strict=True):
        answer = await _post(side, await _code(side, approval, person))
        assert answer.status_code == wrong.status_code == 403
        assert approval.id not in answer.text
    assert "approval.viewed" not in side.log.kinds


async def test_no_agent_and_no_other_site_decides_by_a_link(side: Side) -> None:
    """53, 55: an agent's token beside it, another origin, no origin, JSON, a field twice: refused, and unspent."""
    approval = await side.approvals.open(MILD)
    code = await _code(side, approval)
    for headers in (
        {"authorization": f"Bearer {AGENT_TOKEN}"},
        {"x-stayhand-token": AGENT_TOKEN},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "none"},
    ):
        answer = await _post(side, code, headers=headers, decision="approve")
        assert answer.status_code == 403
    async with side.client() as client:
        bare = await client.post("/decide", data={"code": code, "decision": "approve"})
        assert bare.status_code == 403
        assert (await client.post("/decide", json={"code": code}, headers=OURS)).status_code == 400
        twice = await client.post(
            "/decide",
            content=f"code={code}&decision=approve&decision=deny",
            headers=OURS | {"content-type": "application/x-www-form-urlencoded"},
        )
        assert twice.status_code == 400
    assert (await _post(side, code, decision="perhaps")).status_code == 400
    assert _status(side, approval) is ApprovalStatus.PENDING
    assert (await _post(side, code, decision="approve")).status_code == 200


async def test_a_typed_name_is_asked_for_and_a_mistake_does_not_spend_the_link(side: Side) -> None:
    """The vote and the spending are one commit: what is refused leaves the link good."""
    approval = await side.approvals.open(replace(MILD, obligations=Obligations(auth="link", typed=True)))
    code = await _code(side, approval)
    for typed, words in (("", "Type the name"), ("volume:x/other", "typed name is not")):
        answer = await _post(side, code, decision="approve", typed=typed)
        assert (answer.status_code, words in answer.text) == (409, True)
    name = approval.subject.actions[0].resource if approval.subject else ""
    assert (await _post(side, code, decision="approve", typed=name)).status_code == 200
    assert _status(side, approval) is ApprovalStatus.APPROVED
    assert side.log.kinds.count("approver.link_used") == 1


async def test_a_second_link_of_the_same_person_is_no_second_vote(side: Side) -> None:
    """Where two are asked, one person's two links are one vote; another person's link is the second."""
    side.log.permit(ALICE, BOB)
    asked = replace(MILD, obligations=Obligations(auth="link", demands=(demand_of(quorum=2),)))
    approval = await side.approvals.open(asked)
    first, second, other = [await _code(side, approval, one) for one in ("alice", "alice", "bob")]
    said = await _post(side, first, decision="approve")
    assert "others have to agree: 1 of 2" in re.sub(r"\s+", " ", said.text)
    again = await _post(side, second, decision="approve")
    assert (again.status_code, "Your vote is in" in again.text) == (409, True)
    assert _status(side, approval) is ApprovalStatus.PENDING
    assert (await _post(side, other, decision="approve")).status_code == 200
    assert _status(side, approval) is ApprovalStatus.APPROVED
