"""The JSON API: shapes, waiting, deciding, strict bodies."""

import asyncio
from dataclasses import replace

import pytest

from firewall.approvals.channels.port import Health, Trouble
from firewall.cli.approval_text import as_text
from firewall.console.shape import rfc3339
from firewall.core.approval import ApprovalStatus, Form
from tests.support.approving import START_US, subject, until, view, wanted
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, SECRET, Side, control_side

BEARER = {"authorization": f"Bearer {APPROVER_TOKEN}"}
ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


async def test_a_listing_has_the_documented_fields(side: Side) -> None:
    """DESIGN 6.1: id, status, environment, effects, summary, digest, expires_at; times are RFC 3339 in UTC."""
    approval = await side.approvals.open(wanted())
    async with side.client(headers=BEARER) as client:
        rows = (await client.get("/api/approvals")).json()
        assert (await client.get("/api/approvals?status=denied")).json() == []
        bad = await client.get("/api/approvals?status=maybe")
    assert bad.status_code == 400
    (row,) = rows
    assert row["id"] == approval.id
    assert row["status"] == "pending"
    assert row["environment"] == "staging"
    assert row["effects"] == ["destructive"]
    assert row["summary"] == "Deletes /srv/data and everything in it"
    assert row["digest"] == "d" * 64
    assert row["expires_at"] == "2026-09-21T14:43:20Z"
    assert "arguments" not in row
    assert side.log.kinds == ["approval.opened"]


async def test_the_worst_action_speaks_for_the_call(side: Side) -> None:
    """The summary is that of the strictest action, whatever comes first in the call."""
    actions = (view(effects=("read",), summary="Lists files"), view(), view(effects=("write",), summary="Writes"))
    await side.approvals.open(replace(wanted(), subject=subject(actions=actions)))
    async with side.client(headers=BEARER) as client:
        rows = (await client.get("/api/approvals")).json()
    assert rows[0]["summary"] == "Deletes /srv/data and everything in it (and 2 more)"


async def test_one_approval_shows_the_call_and_is_recorded_as_viewed(side: Side) -> None:
    """Arguments and evidence are there for those permitted, and the log says who saw them."""
    approval = await side.approvals.open(wanted())
    async with side.client(headers=BEARER) as client:
        row = (await client.get(f"/api/approvals/{approval.id}")).json()
        unknown = await client.get("/api/approvals/apr_" + "z" * 22)
        malformed = await client.get("/api/approvals/1")
    assert row["arguments"] == subject().arguments
    assert row["actions"][0]["evidence"][0]["note"] == "removes everything below, without asking"
    assert row["may_decide"] is True
    assert side.log.kinds[-1] == "approval.viewed"
    assert {unknown.status_code, malformed.status_code} == {404}


async def test_wait_answers_when_decided(side: Side) -> None:
    """`?wait=` returns as soon as somebody decides, not at the end of the wait."""
    approval = await side.approvals.open(wanted())
    async with side.client(headers=BEARER) as client:
        waiting = asyncio.create_task(client.get(f"/api/approvals/{approval.id}?wait=60"))
        await until(lambda: approval.id in side.approvals._waiters)
        answer = await client.post(
            f"/api/approvals/{approval.id}/decision", json={"decision": "deny", "reason": "no"}
        )
        assert answer.json()["status"] == "denied"
        row = (await asyncio.wait_for(waiting, 30)).json()
        bad = await client.get(f"/api/approvals/{approval.id}?wait=-1")
    assert (row["status"], row["reason"]) == ("denied", "no")
    assert bad.status_code == 400


async def test_the_typed_name_must_be_the_resource(side: Side) -> None:
    """A typed name that is not this call's resource approves nothing."""
    approval = await side.approvals.open(wanted())
    path = f"/api/approvals/{approval.id}/decision"
    async with side.client(headers=BEARER) as client:
        wrong = await client.post(path, json={"decision": "approve", "typed": "file:/srv/other"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "typed_mismatch")
        assert side.log.rows[approval.id].status is ApprovalStatus.PENDING
        right = await client.post(path, json={"decision": "approve", "typed": "file:/srv/data"})
    assert right.json()["status"] == "approved"


async def test_a_form_is_run_by_the_same_decision(side: Side) -> None:
    """`"first": true` has it run under the same checks, which one by number; the answer tells what came of it."""
    forms = (Form("do that instead: POST /x", '{"method": "POST"}'),)
    approval = await side.approvals.open(wanted(subject=subject(forms=forms)))
    path = f"/api/approvals/{approval.id}/decision"
    first = {"decision": "approve", "first": True}
    async with side.client(headers=BEARER) as client:
        for wrong, code in (
            ({**first, "typed": "file:/srv/other"}, "typed_mismatch"),
            ({**first, "form": 2}, "form_unknown"),
            ({**first, "first": False}, "decision_invalid"),
            ({**first, "decision": "deny"}, "decision_invalid"),
        ):
            assert (await client.post(path, json=wrong)).json()["error"]["code"] == code
        assert side.log.rows[approval.id].runs == ()
        done = (await client.post(path, json={**first, "typed": "file:/srv/data"})).json()
    assert (done["status"], [run["state"] for run in done["runs"]]) == ("denied", ["done"])
    assert done["forms"] == [{"line": "do that instead: POST /x", "before": False, "can_run": True}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"decision":"approve","first":1}', "field_invalid"),
        (b'{"decision":"approve","decision":"deny"}', "json_duplicate_key"),
        (b'{"decision":"yes"}', "decision_invalid"),
        (b'{"decision":true}', "field_invalid"),
        (b'{"decision":"approve","force":true}', "field_unknown"),
        (b"{}", "field_missing"),
        (b"[]", "json_invalid"),
        (b"", "json_invalid"),
        (b"decision=approve", "json_invalid"),
    ],
)
async def test_a_decision_is_read_strictly(side: Side, body: bytes, code: str) -> None:
    """37, 32: what two readers could read differently, or a field too many, decides nothing."""
    approval = await side.approvals.open(wanted())
    async with side.client(headers=BEARER | {"content-type": "application/json"}) as client:
        answer = await client.post(f"/api/approvals/{approval.id}/decision", content=body)
        other = await client.post(
            f"/api/approvals/{approval.id}/decision", content=body, headers={"content-type": "text/plain"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert other.status_code == 415
    assert side.log.rows[approval.id].status is ApprovalStatus.PENDING


async def test_a_session_by_json_decides_with_its_csrf_token(side: Side) -> None:
    """Sign in, decide, sign out; afterwards the cookie is worth nothing."""
    approval = await side.approvals.open(wanted())
    origin = {"origin": side.public}
    async with side.client() as client:
        wrong = await client.post("/api/session", json={"name": "bob", "passphrase": "x"}, headers=origin)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "passphrase_wrong")
        signed = await client.post("/api/session", json={"name": "bob", "passphrase": SECRET}, headers=origin)
        headers = origin | {"x-csrf-token": signed.json()["csrf"]}
        path = f"/api/approvals/{approval.id}/decision"
        assert (await client.post(path, json={"decision": "approve"}, headers=origin)).status_code == 403
        decided = await client.post(path, json={"decision": "approve"}, headers=headers)
        assert decided.json()["status"] == "approved"
        vote = next(record for record in side.log.records if record.kind == "approval.voted")
        assert (vote.data["via"], vote.person) == ("session", "bob")
        cookie = client.cookies["stayhand"]
        assert (await client.delete("/api/session", headers=headers)).status_code == 200
    async with side.client(cookies={"stayhand": cookie}) as client:
        assert (await client.get("/api/approvals")).status_code == 401
    assert side.log.kinds.count("approver.signed_in") == 1


async def test_the_desks_are_asked_in_the_name_of_the_asker(side: Side) -> None:
    """Minting, narrowing, revoking, people and policy carry who did it; unknown fields are refused."""
    async with side.client(headers=ADMIN) as client:
        assert (await client.post("/api/tokens", json={"env": "staging", "verbs": ["read"]})).status_code == 201
        assert (await client.post("/api/tokens", json={"is_admin": True})).status_code == 400
        assert (await client.post("/api/tokens", json={"verbs": [1]})).status_code == 400
        assert (await client.post("/api/tokens/tok_1/narrow", json={"env": "production"})).status_code == 400
        assert (await client.post("/api/tokens/tok_1/narrow", json={"ttl": "1h"})).status_code == 201
        assert (await client.get("/api/tokens/tok_9")).status_code == 404
        assert (await client.delete("/api/tokens/tok_1")).status_code == 200
        assert (await client.post("/api/approvers", json={"name": "zoe", "groups": ["oncall"]})).status_code == 201
        assert (await client.delete("/api/approvers/zoe")).status_code == 200
        assert (await client.post("/api/policy/load")).json() == {"rows": 12}
        assert (await client.get("/api/entries/3")).json()["seq"] == 3
        assert (await client.get("/api/entries/99")).status_code == 404
        assert (await client.get("/api/entries/x")).status_code == 400
    assert [one[0] for one in side.desk.asked] == [
        "mint", "narrow", "revoke", "add", "remove", "load", "entry", "entry",
    ]  # fmt: skip
    assert {one[-1] for one in side.desk.asked} == {"root"}


async def test_a_failing_channel_is_shown_to_people() -> None:
    """A channel that does not get through is said on the queue page, by name and without its address."""
    failing = (Health("webhook", failed_attempts=3, last_failure="http_500"), Health("terminal", delivered=1))
    side = control_side(channels=lambda: failing)
    page = (await (await side.signed_in()).open("/console/")).text
    assert "The channel webhook does not get through (http_500)" in page
    assert "terminal" not in page


async def test_what_channels_could_not_tell_of_an_approval_is_shown_on_it() -> None:
    """By page, API and command line: which, of what, why, and when it is tried again; of another nothing."""
    failed = [
        Trouble("webhook", "waits", "http_500", 1, START_US + 60_000_000),
        Trouble("mail<b>", "over", "ConnectError", 5),
    ]
    asked: list[str] = []

    def troubles(approval_id: str) -> list[Trouble]:
        asked.append(approval_id)
        return failed if approval_id == first.id else []

    side = control_side(troubles=troubles)
    first, second = (
        await side.approvals.open(wanted()),
        await side.approvals.open(replace(wanted(), digest="e" * 64)),
    )
    browser = await side.signed_in()
    page = (await browser.open(f"/approve/{first.id}")).text
    at = rfc3339(START_US + 60_000_000)
    assert "<strong>webhook</strong> did not tell that it waits" in page
    assert f'1 try; it is tried again at <time datetime="{at}">' in page
    assert "<strong>mail&lt;b&gt;</strong> did not tell how it ended" in page
    assert "5 tries; given up" in page
    assert "Channels that failed" not in (await browser.open(f"/approve/{second.id}")).text
    assert asked == [first.id, second.id]
    row = (await browser.client.get(f"/api/approvals/{first.id}")).json()
    assert row["channels"] == [
        {"channel": "webhook", "about": "waits", "failure": "http_500", "tries": 1, "again_at": at},
        {"channel": "mail<b>", "about": "over", "failure": "ConnectError", "tries": 5, "again_at": ""},
    ]
    assert (await browser.client.get(f"/api/approvals/{second.id}")).json()["channels"] == []
    text = "\n".join(as_text(row))
    assert f"not told    that it waits by webhook: http_500 after 1 try, tried again at {at}" in text
    assert "not told    how it ended by mail<b>: ConnectError after 5 tries, given up" in text
