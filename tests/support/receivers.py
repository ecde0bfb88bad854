"""Slack, Microsoft Teams and PagerDuty as real servers on loopback that refuse what the real ones refuse.

Checked against docs.slack.dev (chat.postMessage, chat.update, chat.postEphemeral, incoming webhooks, Block Kit),
learn.microsoft.com (Workflows webhooks, Adaptive Cards 1.4) and developer.pagerduty.com (Events API v2).
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from firewall.gates.edge.server import bind
from tests.support.control_side import served

Json = dict[str, object]
BOT_TOKEN = "xoxb-111-222-abcdef"
CHANNEL = "C0123ABCD"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_MARKUP = re.compile(r"<([^>]*)>")


@dataclass
class Receiver:
    """What every one of them has: what it was told, and answers that a test wants first."""

    first: list[Response] = field(default_factory=list)
    tries: int = 0
    base: str = ""

    def refused(self) -> Response | None:
        """Return what a test wants answered next."""
        self.tries += 1
        return self.first.pop(0) if self.first else None


@dataclass
class Slack(Receiver):
    """A workspace with one channel, a bot and an incoming webhook."""

    messages: dict[str, Json] = field(default_factory=dict)
    """As they stand now, by their `ts`."""
    whispers: list[Json] = field(default_factory=list)
    unfurls: bool = False

    async def api(self, request: Request) -> Response:
        """Answer `chat.*`."""
        wanted = self.refused()
        if wanted is not None:
            return wanted
        if request.headers.get("authorization") != f"Bearer {BOT_TOKEN}":
            return _no("invalid_auth")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _no("invalid_post_type")
        body = json.loads(await request.body())
        if body.get("channel") != CHANNEL:
            return _no("channel_not_found")
        problem = complaint(body)
        if problem:
            return _no(problem)
        return self._done(request.path_params["method"], body)

    async def webhook(self, request: Request) -> Response:
        """Take what an incoming webhook takes."""
        wanted = self.refused()
        if wanted is not None:
            return wanted
        try:
            body = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        problem = complaint(body)
        if problem:
            return PlainTextResponse(problem, 400)
        self._keep(body)
        return PlainTextResponse("ok")

    def _done(self, method: str, body: Json) -> Response:
        match method:
            case "chat.postEphemeral":
                return self._whisper(body)
            case "chat.update":
                return self._update(body)
            case "chat.postMessage" if body.get("thread_ts", "") not in ("", *self.messages):
                return _no("thread_not_found")
            case "chat.postMessage":
                return JSONResponse({"ok": True, "channel": CHANNEL, "ts": self._keep(body)})
            case _:
                return _no("unknown_method")

    def _whisper(self, body: Json) -> Response:
        if not re.fullmatch(r"[UW][A-Z0-9]+", str(body.get("user"))):
            return _no("user_not_in_channel")
        self.whispers.append(body)
        return JSONResponse({"ok": True, "message_ts": "1.0"})

    def _update(self, body: Json) -> Response:
        at = str(body.get("ts"))
        if at not in self.messages:
            return _no("message_not_found")
        self.messages[at] = body
        return JSONResponse({"ok": True, "channel": CHANNEL, "ts": at})

    def _keep(self, body: Json) -> str:
        at = f"1790000000.{len(self.messages):06}"
        self.messages[at] = body
        self.unfurls |= body.get("unfurl_links") is not False
        return at


def complaint(body: Json) -> str:
    """Return what Slack would refuse of a message, empty where it is fine."""
    blocks = body.get("blocks", [])
    if not body.get("text") and not blocks:
        return "no_text"
    if not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_blocks"
    return "" if all(map(_is_block, blocks)) else "invalid_blocks"


def _is_block(block: Json) -> bool:
    match block:
        case {"type": "section", "text": dict(text)}:
            return _is_text(text)
        case {"type": "context", "elements": [*elements]}:
            return 0 < len(elements) <= 10 and all(isinstance(one, dict) and _is_text(one) for one in elements)
        case {"type": "actions", "elements": [*elements]}:
            return 0 < len(elements) <= 25 and all(map(_is_button, elements))
        case _:
            return False


def _is_text(text: Json) -> bool:
    allowed = {"type", "text", "emoji"} if text.get("type") == "plain_text" else {"type", "text", "verbatim"}
    is_known = text.get("type") in ("plain_text", "mrkdwn") and set(text) <= allowed
    return is_known and isinstance(text.get("text"), str) and 0 < len(str(text["text"])) <= 3000


def _is_button(button: object) -> bool:
    match button:
        case {"type": "button", "text": {"type": "plain_text", "text": str(text)}, "action_id": str(name)}:
            style = button.get("style", "primary")
            return len(text) <= 75 and len(name) <= 255 and style in ("primary", "danger")
        case _:
            return False


def marked_up(body: Json) -> list[str]:
    """Return every `<…>` that Slack would act on: links, people, groups and calls to everybody."""
    return [found for text in _mrkdwn(body) for found in _MARKUP.findall(text)]


def _mrkdwn(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):  # entities and <…> are read in both
            yield str(value.get("text"))
        elif isinstance(value.get("text"), str):
            yield str(value["text"])
        for one in value.values():
            yield from _mrkdwn(one)
    elif isinstance(value, list):
        for one in value:
            yield from _mrkdwn(one)


def buttons(body: Json) -> list[str]:
    """Return the action ids of a message's buttons."""
    found: list[str] = []
    blocks = body.get("blocks")
    for block in blocks if isinstance(blocks, list) else []:
        if block.get("type") == "actions":
            found += [one["action_id"] for one in block["elements"]]
    return found


def _no(word: str) -> Response:
    return JSONResponse({"ok": False, "error": word})


@dataclass
class Teams(Receiver):
    """A workflow that posts cards."""

    cards: list[Json] = field(default_factory=list)

    async def webhook(self, request: Request) -> Response:
        """Take a message with one card."""
        wanted = self.refused()
        if wanted is not None:
            return wanted
        match json.loads(await request.body()):
            case {
                "type": "message",
                "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": dict(card)}],
            } if _is_card(card):
                self.cards.append(card)
                return Response(status_code=202)
            case _:
                return JSONResponse({"error": {"code": "TriggerInputSchemaMismatch"}}, 400)


def _is_card(card: Json) -> bool:
    body, actions = card.get("body"), card.get("actions", [])
    if card.get("type") != "AdaptiveCard" or card.get("version") not in ("1.2", "1.3", "1.4", "1.5"):
        return False
    if not isinstance(body, list) or not body or not isinstance(actions, list):
        return False
    opens = all(
        one.get("type") == "Action.OpenUrl" and str(one.get("url", "")).startswith("http") for one in actions
    )
    return opens and all(one.get("type") in ("TextBlock", "RichTextBlock") for one in body)


@dataclass
class PagerDuty(Receiver):
    """An integration of Events API v2."""

    events: list[Json] = field(default_factory=list)
    alerts: dict[str, str] = field(default_factory=dict)
    """How each alert stands, by its `dedup_key`."""

    async def enqueue(self, request: Request) -> Response:
        """Take an event."""
        wanted = self.refused()
        if wanted is not None:
            return wanted
        body = json.loads(await request.body())
        if body.get("routing_key") != ROUTING_KEY:
            return _invalid("Invalid routing key")
        key, action = str(body.get("dedup_key", "")), body.get("event_action")
        if not key or len(key) > 255 or action not in ("trigger", "acknowledge", "resolve"):
            return _invalid("Event object is invalid")
        if action == "trigger" and not _is_payload(body.get("payload")):
            return _invalid("'payload' is invalid")
        self.events.append(body)
        if action == "trigger" and self.alerts.get(key) in (None, "resolved"):
            self.alerts[key] = "triggered"
        elif action != "trigger" and self.alerts.get(key, "resolved") != "resolved":
            self.alerts[key] = f"{action}d"
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, 202)


def _is_payload(payload: object) -> bool:
    match payload:
        case {"summary": str(summary), "source": str(source), "severity": str(severity)}:
            known = severity in ("critical", "error", "warning", "info")
            return 0 < len(summary) <= 1024 and bool(source) and known
        case _:
            return False


def _invalid(why: str) -> Response:
    return JSONResponse({"status": "invalid event", "message": why, "errors": [why]}, 400)


@dataclass(frozen=True)
class Receivers:
    """All three at one address."""

    slack: Slack
    teams: Teams
    pagerduty: PagerDuty
    base: str

    @property
    def slack_webhook(self) -> str:
        """The secret address of Slack's incoming webhook."""
        return f"{self.base}/services/T0/B0/hook"


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    """Serve all three."""
    slack, teams, pagerduty = Slack(), Teams(), PagerDuty()
    app = Starlette(
        routes=[
            Route("/api/{method}", slack.api, methods=["POST"]),
            Route("/services/T0/B0/hook", slack.webhook, methods=["POST"]),
            Route("/workflows/hook", teams.webhook, methods=["POST"]),
            Route("/v2/enqueue", pagerduty.enqueue, methods=["POST"]),
        ]
    )
    async with served(app, bind("127.0.0.1", 0)) as port:
        yield Receivers(slack, teams, pagerduty, f"http://127.0.0.1:{port}")
