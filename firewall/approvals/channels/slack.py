"""Slack: an incoming webhook that says where to decide, or a bot whose message is updated and can have buttons.

Every word that is not ours stands in `plain_text` objects, spelled by `wording`; the one `mrkdwn` line is our own
address. Links are not unfurled, so that Slack's robot does not open the page.
Docs: docs.slack.dev/reference/methods/chat.postMessage, chat.update, docs.slack.dev/reference/block-kit.
"""

import asyncio

from firewall.approvals.channels.http import Hook, Poster, json_bytes
from firewall.approvals.channels.port import NotDeliveredError, Read
from firewall.approvals.channels.posted import Posted
from firewall.approvals.channels.wording import headline, mark, told
from firewall.core.errors import FirewallError
from firewall.core.notice import Alert, Message, Notice, Opened, Reminded, Seen, Settled
from firewall.core.strict_json import loads_object

API = "https://slack.com/api"
APPROVE, DENY = "stayhand_approve", "stayhand_deny"
"""What a button calls itself."""
Json = dict[str, object]


def slack_webhook(*, url: Read, poster: Poster) -> Hook:
    """Return an incoming webhook: it cannot change what it said, so an ending is a second message."""
    return Hook(url=url, poster=poster, said=lambda message: said(message, buttons=False))


class SlackBot:
    """A bot: one message for an approval, replaced when it is decided; reminders are answers in its thread."""

    def __init__(
        self,
        *,
        token: Read,
        channel: str,
        poster: Poster,
        api: str = API,
        has_buttons: bool = False,
        posted: Posted | None = None,
    ) -> None:
        """`has_buttons`: clicks come back to us, signed. `posted`: where its messages stand."""
        self._token = token
        self._channel = channel
        self._poster = poster
        self._api = api.rstrip("/")
        self._has_buttons = has_buttons
        self._posted = posted or Posted()

    async def send(self, message: Message) -> None:
        """Post, answer or replace once. Raises: NotDeliveredError, FirewallError."""
        match message:
            case Seen():
                return
            case Alert():
                await self._call("chat.postMessage", {"channel": self._channel, **said(message, buttons=False)})
            case Opened(notice):
                await self._post(notice, said(message, buttons=self._has_buttons))
            case Reminded(notice):
                await self._remind(notice, message)
            case Settled(notice):
                await self._replace(notice, message)

    def standing(self) -> tuple[str, ...]:
        """Return the ids of approvals whose messages were not ended yet."""
        return self._posted.names()

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Say something to one person in a channel; `text` is ours. Raises: NotDeliveredError, FirewallError."""
        await self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": escaped(text)})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()

    async def _post(self, notice: Notice, body: Json) -> None:
        answer = await self._call("chat.postMessage", {"channel": self._channel, **body})
        where, at = answer.get("channel"), answer.get("ts")
        if isinstance(where, str) and isinstance(at, str):
            await asyncio.to_thread(self._posted.put, notice.id, (where, at))

    async def _remind(self, notice: Notice, message: Reminded) -> None:
        place = self._posted.get(notice.id)
        if place is None:  # nobody knows where it stands
            await self._post(notice, said(message, buttons=self._has_buttons))
            return
        body = {"channel": place[0], "thread_ts": place[1], "reply_broadcast": True}
        await self._call("chat.postMessage", {**body, **said(message, buttons=False)})

    async def _replace(self, notice: Notice, message: Settled) -> None:
        place = self._posted.get(notice.id)
        body = said(message, buttons=False)
        if place is None:
            await self._call("chat.postMessage", {"channel": self._channel, **body})
            return
        await self._call("chat.update", {"channel": place[0], "ts": place[1], **body})
        await asyncio.to_thread(self._posted.drop, notice.id)

    async def _call(self, method: str, body: Json) -> Json:
        headers = {
            "authorization": f"Bearer {self._token().reveal()}",
            "content-type": "application/json; charset=utf-8",
        }
        content = await self._poster.post(f"{self._api}/{method}", json_bytes(body), headers)
        try:
            answer = loads_object(content)
        except FirewallError as error:
            raise NotDeliveredError("slack_unreadable") from error
        if answer.get("ok") is not True:
            said_so = str(answer.get("error", ""))
            is_word = said_so.isascii() and said_so.replace("_", "").isalnum() and len(said_so) < 60
            raise NotDeliveredError(f"slack_{said_so}" if is_word else "slack_refused")
        return answer


def said(message: Message, *, buttons: bool) -> Json:
    """Return a message's text and blocks."""
    if isinstance(message, Alert):
        return _body(message.text, [_words(message.text)])
    notice = message.notice
    first = headline(message)
    blocks = [_words(f"{first}. {told(message)}"), _small(mark(message))]
    if not isinstance(message, Settled):
        blocks += [_link(notice.address)]
        if buttons:
            blocks += [_buttons(notice)]
    return _body(f"{first}: {told(message)}", blocks)


def escaped(text: str) -> str:
    """Return a text in which Slack finds no link, no name and no call to everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _body(text: str, blocks: list[Json]) -> Json:
    return {"text": escaped(text), "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def _words(text: str) -> Json:
    return {"type": "section", "text": _plain(text)}


def _small(text: str) -> Json:
    return {"type": "context", "elements": [_plain(text)]}


def _link(address: str) -> Json:
    text = f"<{escaped(address)}|Open the page and decide>"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _buttons(notice: Notice) -> Json:
    elements = [_button("Deny", DENY, notice.id, "danger")]
    if notice.may_be_answered_outside:
        elements.append(_button("Approve", APPROVE, notice.id, "primary"))
    return {"type": "actions", "block_id": notice.id, "elements": elements}


def _button(text: str, action: str, value: str, style: str) -> Json:
    return {"type": "button", "text": _plain(text), "action_id": action, "value": value, "style": style}
