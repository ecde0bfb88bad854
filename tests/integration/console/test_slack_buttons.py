"""Buttons in Slack: whose clicks count, what they may do, and everything that forges, repeats or borrows one."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

import httpx
import pytest
from starlette.responses import JSONResponse

from firewall.approvals.channels.http import Poster
from firewall.approvals.channels.slack import APPROVE, DENY, SlackBot
from firewall.approvals.channels.slack_clicks import signature_of
from firewall.approvals.wanted import Wanted
from firewall.console.approving.slack import PATH, SlackApp, SlackDesk
from firewall.core.approval import ApprovalStatus
from firewall.core.demand import demand_of
from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.core.verdict import Obligations
from tests.support.approving import subject, view, wanted
from tests.support.control_side import AGENT_TOKEN, PUBLIC, Side, control_side
from tests.support.receivers import BOT_TOKEN, CHANNEL, Slack, receivers

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"
MEMBERS = {"U0ALICE": "alice", "U0OLGA": "olga", "U0BOB": "bob", "U0GONE": "gone"}
MILD = wanted(
    effects=("write",),
    subject=subject(actions=(view(effects=("write",)),)),
    obligations=Obligations(auth="link"),
)
"""What a row with `auth=link` asks about."""


@dataclass
class House:
    """A control side whose bot speaks to a real server."""

    side: Side
    slack: Slack

    def payload(self, approval: str, action: str = DENY, *, user: str = "U0ALICE", team: str = "T0") -> bytes:
        """Return what Slack posts for a click."""
        content = {
            "type": "block_actions",
            "user": {"id": user, "username": "alice", "name": "alice", "team_id": team},
            "team": {"id": team, "domain": "example"},
            "channel": {"id": CHANNEL, "name": "oncall"},
            "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": approval}],
            "response_url": "https://hooks.slack.com/actions/T0/1/x",
        }
        return f"payload={quote_plus(json.dumps(content))}".encode()

    async def post(self, body: bytes, **changes: str) -> httpx.Response:
        """Post with a signature that holds, unless a test says otherwise."""
        stamp = str(self.side.clock.now_us() // 1_000_000)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": signature_of(body, stamp=stamp, secret=SIGNING.encode()),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with self.side.client() as client:
            return await client.post(PATH, content=body, headers=encoded)

    def status(self, approval: str) -> ApprovalStatus:
        """Return how an approval stands."""
        return self.side.approvals.get(approval).status

    @property
    def said(self) -> str:
        """What whoever clicked last was told."""
        return str(self.slack.whispers[-1]["text"]) if self.slack.whispers else ""


@pytest.fixture(name="house")
async def _house() -> AsyncIterator[House]:
    async with receivers() as found:
        bot = SlackBot(token=lambda: Secret(BOT_TOKEN), channel=CHANNEL, poster=Poster(), api=f"{found.base}/api")
        desk = SlackDesk([SlackApp(lambda: Secret(SIGNING), bot, "T0")], MEMBERS)
        yield House(control_side(slack=desk), found.slack)
        await bot.aclose()


def _unreadable() -> Secret:
    raise ConfigError("the variable SLACK_OTHER is not set")


async def test_a_secret_that_cannot_be_read_stops_no_other_app(caplog: pytest.LogCaptureFixture) -> None:
    """It has signed nothing, the log says so, and clicks of the app beside it count."""
    async with receivers() as found:
        bot = SlackBot(token=lambda: Secret(BOT_TOKEN), channel=CHANNEL, poster=Poster(), api=f"{found.base}/api")
        apps = [SlackApp(_unreadable, bot, "T1"), SlackApp(lambda: Secret(SIGNING), bot, "T0")]
        house = House(control_side(slack=SlackDesk(apps, MEMBERS)), found.slack)
        approval = await house.side.approvals.open(wanted())
        assert (await house.post(house.payload(approval.id))).status_code == 200
        assert house.status(approval.id) is ApprovalStatus.DENIED
        assert "SLACK_OTHER" in caplog.text
        assert (await house.post(house.payload(approval.id), x_slack_signature="v0=0")).status_code == 401
        await bot.aclose()


async def test_a_known_approver_denies_by_a_click(house: House) -> None:
    """The entry says that it came from Slack; nobody needs to be told what the message will show."""
    approval = await house.side.approvals.open(wanted())
    answer = await house.post(house.payload(approval.id))
    assert (answer.status_code, answer.content) == (200, b"")
    assert house.status(approval.id) is ApprovalStatus.DENIED
    record = house.side.log.records[-1]
    assert (record.kind, record.person) == ("approval.voted", "alice")
    assert (record.data["via"], record.data["auth"]) == ("slack", "slack")
    assert house.slack.whispers == []


async def test_a_click_approves_only_where_a_personal_link_could(house: House) -> None:
    """A row says so and the call is nothing grave; everything else is answered with the page's address."""
    mild = await house.side.approvals.open(MILD)
    await house.post(house.payload(mild.id, APPROVE))
    assert house.status(mild.id) is ApprovalStatus.APPROVED
    assert house.side.log.records[-1].data["auth"] == "link"


@pytest.mark.parametrize(
    "asked",
    [
        wanted(),
        wanted(obligations=Obligations(auth="passkey")),
        wanted(obligations=Obligations(auth="link")),
        replace(MILD, environment="production"),
        replace(MILD, effects=("unknown",)),
    ],
)
async def test_what_is_grave_or_asks_for_more_is_approved_on_its_page(house: House, asked: Wanted) -> None:
    """No row, a passkey's row, what is destructive, production, unknown: refused, with the address."""
    approval = await house.side.approvals.open(asked)
    answer = await house.post(house.payload(approval.id, APPROVE))
    assert answer.status_code == 200
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert f"{PUBLIC}/approve/{approval.id}" in house.said


async def test_votes_by_clicks_count_like_others(house: House) -> None:
    """The first of two is told that others have to agree, and clicking again adds nothing."""
    two = replace(MILD, obligations=Obligations(auth="link", demands=(demand_of(quorum=2),)))
    house.side.doors.people["gone"] = replace(house.side.doors.people["bob"], name="gone")
    approval = await house.side.approvals.open(two)
    await house.post(house.payload(approval.id, APPROVE))
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert "others have to agree" in house.said


@pytest.mark.parametrize("user", ["U0STRANGER", "", "alice", "U0GONE"])
async def test_strangers_decide_nothing(house: House, user: str) -> None:
    """Unmapped, without an id, named like an approver, or no longer an approver: counted, and nothing decided."""
    approval = await house.side.approvals.open(wanted())
    answer = await house.post(house.payload(approval.id, user=user))
    assert answer.status_code == 200
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert house.side.log.records[-1].data["what"] == "slack_member"


async def test_a_member_of_another_workspace_is_a_stranger(house: House) -> None:
    """A shared channel brings foreign people: `team` says whose clicks count."""
    approval = await house.side.approvals.open(wanted())
    await house.post(house.payload(approval.id, team="T9"))
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert "does not know you" in house.said


@pytest.mark.parametrize("action", [APPROVE, DENY])
async def test_the_human_owner_of_the_agent_decides_nothing_by_a_click(house: House, action: str) -> None:
    """Whom the call is for is refused here as on the page."""
    approval = await house.side.approvals.open(MILD)
    await house.post(house.payload(approval.id, action, user="U0OLGA"))
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert "somebody else decides" in house.said


async def test_a_group_that_a_row_asks_for_is_asked_for_here_as_well(house: House) -> None:
    """Bob is no member of it, Alice is."""
    approval = await house.side.approvals.open(wanted(obligations=Obligations(demands=(demand_of("oncall"),))))
    await house.post(house.payload(approval.id, user="U0BOB"))
    assert house.status(approval.id) is ApprovalStatus.PENDING
    await house.post(house.payload(approval.id, user="U0ALICE"))
    assert house.status(approval.id) is ApprovalStatus.DENIED


async def test_a_click_that_comes_twice_decides_once(house: House) -> None:
    """Slack repeats what it thinks was lost, and so can who overheard it: the second finds it decided."""
    approval = await house.side.approvals.open(wanted())
    body = house.payload(approval.id)
    await house.post(body)
    await house.post(body)
    await house.post(house.payload(approval.id, user="U0BOB"))
    assert house.side.log.kinds.count("approval.voted") == 1
    assert "already decided" in house.said


@pytest.mark.parametrize("stale_s", [-301, 301, -86_400, 10**10])
async def test_an_old_or_early_request_is_refused(house: House, stale_s: int) -> None:
    """Five minutes in either direction, whoever signed it."""
    approval = await house.side.approvals.open(wanted())
    body = house.payload(approval.id)
    stamp = str(house.side.clock.now_us() // 1_000_000 + stale_s)
    signature = signature_of(body, stamp=stamp, secret=SIGNING.encode())
    answer = await house.post(body, x_slack_request_timestamp=stamp, x_slack_signature=signature)
    assert answer.status_code == 401
    assert house.status(approval.id) is ApprovalStatus.PENDING
    assert house.side.log.records[-1].data["what"] == "slack"


@pytest.mark.parametrize(
    "changes",
    [
        {"x_slack_signature": ""},
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_signature": "v0=\u00e4"},
        {"x_slack_request_timestamp": ""},
        {"x_slack_request_timestamp": "1e9"},
        {"x_slack_request_timestamp": "\u0661\u0662"},
    ],
)
async def test_what_slack_did_not_sign_is_refused(house: House, changes: dict[str, str]) -> None:
    """A missing, wrong or unreadable signature or time is one refusal, counted, and nothing is read."""
    approval = await house.side.approvals.open(wanted())
    body = house.payload(approval.id)
    answer = await house.post(body, **changes)
    assert answer.status_code == 401
    assert house.status(approval.id) is ApprovalStatus.PENDING


async def test_a_changed_body_is_refused(house: House) -> None:
    """A signature is over the exact bytes: another id under it is nobody's click."""
    first = await house.side.approvals.open(wanted())
    stamp = str(house.side.clock.now_us() // 1_000_000)
    signature = signature_of(house.payload("apr_other"), stamp=stamp, secret=SIGNING.encode())
    answer = await house.post(house.payload(first.id), x_slack_signature=signature)
    assert answer.status_code == 401
    assert house.status(first.id) is ApprovalStatus.PENDING


async def test_an_agents_token_beside_a_good_signature_is_refused(house: House) -> None:
    """Whatever else a request carries."""
    approval = await house.side.approvals.open(wanted())
    answer = await house.post(house.payload(approval.id), authorization=f"Bearer {AGENT_TOKEN}")
    assert answer.status_code == 403
    assert house.status(approval.id) is ApprovalStatus.PENDING


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"payload=%7B%22type%22%3A%22view_submission%22%7D", 200),
        (b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B%5D%7D", 200),
        (b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B1%2C2%5D%7D", 200),
        (b"payload=%5B%5D", 400),
        (b"payload=no", 400),
        (b"other=1", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
    ],
)
async def test_what_is_no_click_of_ours_changes_nothing(house: House, body: bytes, status: int) -> None:
    """Other things that Slack tells are taken without a word; what cannot be read is refused."""
    assert (await house.post(body)).status_code == status
    assert "approval.voted" not in house.side.log.kinds


async def test_a_value_that_is_no_id_is_answered(house: House) -> None:
    """Nobody but us made the button; a value of somebody's own finds nothing."""
    await house.post(house.payload("../../console"))
    assert house.said == "There is no such approval."


async def test_an_answer_that_slack_does_not_take_changes_nothing(house: House) -> None:
    """The click was refused and stays so, told or not."""
    approval = await house.side.approvals.open(wanted())
    house.slack.first = [JSONResponse({"ok": False, "error": "not_in_channel"})]
    assert (await house.post(house.payload(approval.id, APPROVE))).status_code == 200
    assert house.status(approval.id) is ApprovalStatus.PENDING


async def test_without_buttons_there_is_no_such_place() -> None:
    """A control side without a signing secret does not know the path."""
    async with control_side().client() as client:
        assert (await client.post(PATH, content=b"")).status_code == 404
