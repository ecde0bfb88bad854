"""Microsoft Teams: an Adaptive Card to the address of a Workflows webhook.

Foreign words stand in text runs, which know no markdown. A workflow cannot change a card that it posted, so an
ending is a second card. Docs: learn.microsoft.com, "Create incoming webhooks with Workflows", adaptivecards.io.
"""

from firewall.approvals.channels.http import Hook, Poster
from firewall.approvals.channels.port import Read
from firewall.approvals.channels.wording import headline, mark, told
from firewall.core.notice import Alert, Message, Seen, Settled

Json = dict[str, object]


def teams(*, url: Read, poster: Poster) -> Hook:
    """Return what posts cards."""
    return Hook(url=url, poster=poster, said=said)


def said(message: Message) -> Json:
    """Return the request that a workflow takes: one message with one card."""
    if isinstance(message, (Alert, Seen)):
        return _card([_run(message.text if isinstance(message, Alert) else headline(message))], [])
    notice = message.notice
    body = [
        _run(headline(message), weight="Bolder"),
        _run(told(message)),
        _run(mark(message), isSubtle=True),
    ]
    opens: Json = {"type": "Action.OpenUrl", "title": "Open the page and decide", "url": notice.address}
    return _card(body, [] if isinstance(message, Settled) else [opens])


def _card(body: list[Json], actions: list[Json]) -> Json:
    content: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
    attachment: Json = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **look: object) -> Json:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}
