"""PagerDuty, Events API v2: an alert for an approval, acknowledged when it is read, resolved when it is over.

The approval's id is the `dedup_key`, so that a reminder, an acknowledgement and a resolution find the same alert,
also after a restart of ours. Docs: developer.pagerduty.com, "Events API v2".
"""

import hashlib
import json

from firewall.approvals.channels.http import Poster
from firewall.approvals.channels.port import Read
from firewall.approvals.channels.wording import headline, sentence
from firewall.core.notice import Alert, Message, Notice, Opened, Reminded, Seen, Settled

API = "https://events.pagerduty.com/v2/enqueue"
SOURCE = "stayhand"
_GRAVE = frozenset({"destructive", "privilege", "secret", "exfil"})
Json = dict[str, object]


class PagerDuty:
    """Sends events."""

    def __init__(self, *, routing_key: Read, poster: Poster, api: str = API) -> None:
        self._key = routing_key
        self._poster = poster
        self._api = api

    async def send(self, message: Message) -> None:
        """Send one event. Raises: NotDeliveredError, FirewallError."""
        body = {"routing_key": self._key().reveal(), **event(message)}
        await self._poster.post(self._api, json.dumps(body, separators=(",", ":")).encode(), {})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


def event(message: Message) -> Json:
    """Return an event without its key."""
    match message:
        case Alert():
            same = hashlib.sha256(f"{message.kind} {message.text}".encode()).hexdigest()[:32]
            return {
                "event_action": "trigger",
                "dedup_key": f"{SOURCE}-{same}",
                "payload": _payload(message.text, severity="warning"),
                "client": SOURCE,
            }
        case Seen(notice):
            return {"event_action": "acknowledge", "dedup_key": notice.id}
        case Settled(notice):
            return {"event_action": "resolve", "dedup_key": notice.id}
        case Opened(notice) | Reminded(notice):
            is_grave = not _GRAVE.isdisjoint(notice.effects)
            return {
                "event_action": "trigger",
                "dedup_key": notice.id,
                "payload": {
                    **_payload(
                        f"{headline(message)}: {sentence(notice)}", severity="critical" if is_grave else "warning"
                    ),
                    "custom_details": _details(notice),
                },
                "links": [{"href": notice.address, "text": "Open the page and decide"}],
                "client": SOURCE,
                "client_url": notice.address,
            }


def _payload(summary: str, *, severity: str) -> Json:
    return {"summary": summary[:1024], "source": SOURCE, "severity": severity}


def _details(notice: Notice) -> Json:
    return {"approval": notice.id, "environment": notice.environment, "effects": ", ".join(notice.effects)}
