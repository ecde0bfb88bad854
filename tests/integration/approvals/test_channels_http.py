"""Slack, Teams, PagerDuty and webhooks over real sockets; receivers refuse what the real ones refuse."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from firewall.app.channels import channels_of
from firewall.approvals.channels.board import Channels, Line
from firewall.approvals.channels.delivery import Delivery
from firewall.approvals.channels.http import Poster
from firewall.approvals.channels.pagerduty import PagerDuty
from firewall.approvals.channels.port import NotDeliveredError, Read, Sender
from firewall.approvals.channels.posted import Posted
from firewall.approvals.channels.slack import SlackBot, slack_webhook
from firewall.approvals.channels.teams import teams
from firewall.approvals.channels.webhook import Webhook, signature
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Message, Opened, Reminded, Seen, Settled
from firewall.core.secret import Secret
from firewall.gates.edge.server import bind
from firewall.references import references_of
from firewall.settings.load import settings_of
from tests.support.approving import START_US, MemoryLog, StillClock, approvals, until, wanted
from tests.support.control_side import served
from tests.support.receivers import BOT_TOKEN, CHANNEL, ROUTING_KEY, Receivers, buttons, receivers
from tests.support.telling import HOSTILE, notice
from tests.unit.app.test_channels_configured import Everybody, Nobody

ENDED = Settled(notice(), ApprovalStatus.DENIED)


@pytest.fixture(name="house")
async def _house() -> AsyncIterator[Receivers]:
    async with receivers() as house:
        yield house


def _is(text: str) -> Read:
    return lambda: Secret(text)


def _bot(
    house: Receivers, *, token: str = BOT_TOKEN, channel: str = CHANNEL, kept: Path | None = None
) -> SlackBot:
    return SlackBot(
        token=_is(token),
        channel=channel,
        poster=Poster(),
        api=f"{house.base}/api",
        has_buttons=True,
        posted=Posted(kept),
    )


async def _told(sender: Sender, *messages: Message) -> None:
    for one in messages:
        await sender.send(one)
    await sender.aclose()


async def test_slacks_message_is_replaced_when_it_is_decided(house: Receivers) -> None:
    """One message with a button, a reminder in its thread, and no button or link once it is over."""
    await _told(_bot(house), Opened(notice()), Reminded(notice()), Seen(notice()), ENDED)
    first, reminder = house.slack.messages.values()
    assert buttons(first) == []
    assert "was denied" in json.dumps(first)
    assert notice().address not in json.dumps(first)
    assert (reminder["thread_ts"], reminder["reply_broadcast"]) == (first["ts"], True)
    assert not house.slack.unfurls


async def test_a_message_is_replaced_after_a_restart_as_well(house: Receivers, tmp_path: Path) -> None:
    """Where it stands is kept, for its owner's eyes alone: no button is left that waits for nothing."""
    kept = tmp_path / "slack.json"
    await _told(_bot(house, kept=kept), Opened(notice()))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    await _told(_bot(house, kept=kept), Reminded(notice()))
    await _told(_bot(house, kept=kept), ENDED)
    first, reminder = house.slack.messages.values()
    assert buttons(first) == []
    assert "was denied" in json.dumps(first)
    assert reminder["thread_ts"] == first["ts"]
    assert Posted(kept).get(notice().id) is None


async def test_two_rows_of_one_channel_keep_their_messages_apart(
    house: Receivers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each replaces its own after a restart."""
    monkeypatch.setenv("M3_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("M3_URL", f"{house.base}/api")
    row = f"""
[[notify]]
kind = "slack"
token = {{ env = "M3_TOKEN" }}
url = {{ env = "M3_URL" }}
channel = "{CHANNEL}"
"""
    settings = settings_of(f'[server]\ndata_dir = "{tmp_path}"\n{row}{row}', tmp_path / "stayhand.toml", {})

    async def told(message: Message) -> None:
        channels = channels_of(settings, references_of(settings), Everybody(), StillClock(), inviter=Nobody())
        for line in channels._lines:
            assert await line.delivery.deliver(message)
        await channels.aclose()

    await told(Opened(notice()))
    await told(ENDED)
    assert ["was denied" in json.dumps(one) for one in house.slack.messages.values()] == [True, True]


async def test_a_message_is_replaced_that_was_over_before_the_start(house: Receivers, tmp_path: Path) -> None:
    """It expired while no server ran: the first thing at the start is that its buttons go, and it is forgotten."""
    log, clock, kept = MemoryLog(), StillClock(), tmp_path / "slack.json"
    approval = await approvals(log, clock).open(wanted())
    await _told(_bot(house, kept=kept), Opened(notice(id=approval.id)))
    clock.now = approval.expires_at + 1
    bot = _bot(house, kept=kept)
    channels = Channels([Line(Delivery(bot, name="slack", clock=clock), standing=bot.standing)], clock)
    running = asyncio.create_task(approvals(log, clock, channels).run())
    try:
        await until(lambda: not bot.standing())
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await channels.aclose()
    (message,) = house.slack.messages.values()
    assert (buttons(message), "expired" in json.dumps(message)) == ([], True)
    assert json.loads(kept.read_text()) == {}


async def test_where_nothing_is_kept_a_message_is_said_anew(house: Receivers) -> None:
    """Nobody knows which message it was: the reminder has the buttons, the ending replaces it."""
    await _told(_bot(house), Opened(notice()))
    await _told(_bot(house), Reminded(notice()), ENDED)
    old, new = house.slack.messages.values()
    assert buttons(old) == ["stayhand_deny"]
    assert "was denied" in json.dumps(new)
    await _told(_bot(house), replace(ENDED, notice=notice(id="apr_y")), Alert("budget", "spent", {}))
    assert len(house.slack.messages) == 4


@pytest.mark.parametrize(
    ("token", "channel", "word"),
    [("xoxb-wrong", CHANNEL, "slack_invalid_auth"), (BOT_TOKEN, "C9", "slack_channel_not_found")],
)
async def test_what_slack_refuses_is_a_failed_try(house: Receivers, token: str, channel: str, word: str) -> None:
    """Slack answers 200 and says no inside; the word is Slack's own."""
    bot = _bot(house, token=token, channel=channel)
    with pytest.raises(NotDeliveredError) as caught:
        await bot.send(Opened(notice()))
    await bot.aclose()
    assert caught.value.word == word
    assert house.slack.messages == {}


@pytest.mark.parametrize(
    "answer",
    [JSONResponse({"ok": False, "error": "<b>x</b>"}), JSONResponse([1]), PlainTextResponse("no JSON")],
)
async def test_an_answer_that_is_none_is_a_failed_try(house: Receivers, answer: Response) -> None:
    """Words that are no words do not reach logs and metrics."""
    house.slack.first = [answer]
    bot = _bot(house)
    with pytest.raises(NotDeliveredError) as caught:
        await bot.send(Opened(notice()))
    await bot.aclose()
    assert caught.value.word in ("slack_refused", "slack_unreadable")


async def test_a_rate_limit_says_how_long(house: Receivers) -> None:
    """`Retry-After` of a 429 is passed on."""
    house.slack.first = [PlainTextResponse("", 429, {"retry-after": "30"})]
    hook = slack_webhook(url=_is(house.slack_webhook), poster=Poster())
    with pytest.raises(NotDeliveredError) as caught:
        await hook.send(Opened(notice()))
    assert (caught.value.word, caught.value.retry_after_s) == ("http_429", 30)
    await _told(hook, Opened(notice()), Seen(notice()), ENDED, Alert("budget", "spent", {}))
    assert len(house.slack.messages) == 3


async def test_teams_gets_a_card_for_each(house: Receivers) -> None:
    """The opening has a link, the ending has none."""
    hook = teams(url=_is(f"{house.base}/workflows/hook"), poster=Poster())
    await _told(hook, Opened(notice()), Reminded(notice()), Seen(notice()), ENDED, Alert("x", "spent", {}))
    assert [len(json.loads(json.dumps(card))["actions"]) for card in house.teams.cards] == [1, 1, 0, 0]


async def test_pagerduty_pages_is_called_off_and_resolved(house: Receivers) -> None:
    """One alert through its whole life, also when a reminder comes in between."""
    pager = PagerDuty(routing_key=_is(ROUTING_KEY), poster=Poster(), api=f"{house.base}/v2/enqueue")
    stands: list[str] = []
    for one in (Opened(notice()), Seen(notice()), Reminded(notice()), ENDED):
        await pager.send(one)
        stands.append(house.pagerduty.alerts["apr_x"])
    await _told(pager, Alert("budget", "spent", {}))
    assert stands == ["triggered", "acknowledged", "acknowledged", "resolved"]
    assert len(house.pagerduty.alerts) == 2


async def test_a_wrong_key_of_pagerduty_is_a_failed_try(house: Receivers) -> None:
    """A 400 is tried again as anything else: the key may be put right meanwhile."""
    pager = PagerDuty(routing_key=_is("wrong"), poster=Poster(), api=f"{house.base}/v2/enqueue")
    with pytest.raises(NotDeliveredError, match="http_400"):
        await pager.send(Opened(notice()))
    await pager.aclose()


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_taken_by_every_receiver(house: Receivers, name: str) -> None:
    """What is spelled out is still a message that Slack, Teams and PagerDuty take."""
    told = Opened(notice(operations=(name,), environment=name))
    await _told(_bot(house), told)
    await _told(teams(url=_is(f"{house.base}/workflows/hook"), poster=Poster()), told)
    pager = PagerDuty(routing_key=_is(ROUTING_KEY), poster=Poster(), api=f"{house.base}/v2/enqueue")
    await _told(pager, told)
    assert (len(house.slack.messages), len(house.teams.cards), len(house.pagerduty.events)) == (1, 1, 1)


@pytest.mark.parametrize("secret", ["s3cret", ""])
async def test_a_webhook_is_signed_so_that_its_receiver_can_check(secret: str) -> None:
    """HMAC-SHA256 over time and exact body, with the secret as it is now; without one there is no header."""
    seen: list[tuple[bytes, str]] = []

    async def take(request: Request) -> Response:
        seen.append((await request.body(), request.headers.get("x-stayhand-signature", "")))
        return Response(status_code=204)

    async with served(Starlette(routes=[Route("/", take, methods=["POST"])]), bind("127.0.0.1", 0)) as port:
        read = _is(secret) if secret else None
        url = _is(f"http://127.0.0.1:{port}/")
        await _told(Webhook(url=url, clock=StillClock(), secret=read, poster=Poster()), Opened(notice()))
    ((body, given),) = seen
    assert given == (signature(secret.encode(), body, START_US // 1_000_000) if secret else "")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda: RedirectResponse("http://127.0.0.1:1/elsewhere", 302), "http_302"),
        (lambda: PlainTextResponse("", 500), "http_500"),
    ],
)
async def test_a_webhook_goes_where_it_was_configured_to_go_or_nowhere(
    answer: Callable[[], Response], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A redirect is not followed; the address, which is a secret, is in no log line."""

    async def take(_request: Request) -> Response:
        return answer()

    caplog.set_level("DEBUG")
    async with served(
        Starlette(routes=[Route("/{_:path}", take, methods=["POST"])]), bind("127.0.0.1", 0)
    ) as port:
        hook = slack_webhook(url=_is(f"http://127.0.0.1:{port}/services/CANARY"), poster=Poster())
        with pytest.raises(NotDeliveredError) as caught:
            await hook.send(Opened(notice()))
        await hook.aclose()
    assert caught.value.word == word
    assert "CANARY" not in caplog.text


async def test_nobody_listening_is_a_failed_try() -> None:
    """The word is the library's name of the error, without the address."""
    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    bound.close()
    hook = slack_webhook(url=_is(f"http://127.0.0.1:{port}/CANARY"), poster=Poster())
    with pytest.raises(NotDeliveredError) as caught:
        await hook.send(Opened(notice()))
    await hook.aclose()
    assert caught.value.word == "ConnectError"
