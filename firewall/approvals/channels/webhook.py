"""A webhook of your own: JSON, signed with HMAC-SHA256 when a secret is configured."""

import hmac
import json
from datetime import UTC, datetime
from typing import assert_never

from firewall.approvals.channels.http import Poster
from firewall.approvals.channels.port import Read
from firewall.approvals.channels.wording import told
from firewall.core.notice import Alert, Message, Opened, Reminded, Seen, Settled
from firewall.core.ports import Clock

SIGNATURE_HEADER = "x-stayhand-signature"


class Webhook:
    """Posts every message as JSON."""

    def __init__(self, *, url: Read, clock: Clock, secret: Read | None, poster: Poster) -> None:
        """`url` and `secret` are read anew for each try (rotation)."""
        self._url = url
        self._clock = clock
        self._secret = secret
        self._poster = poster

    async def send(self, message: Message) -> None:
        """Post once. Raises: NotDeliveredError, FirewallError."""
        body = content(message)
        if not body:
            return
        headers: dict[str, str] = {}
        key = self._secret().reveal().encode() if self._secret else b""
        if key:
            headers[SIGNATURE_HEADER] = signature(key, body, self._clock.now_us() // 1_000_000)
        await self._poster.post(self._url().reveal(), body, headers)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


def content(message: Message) -> bytes:
    """Return the JSON that a webhook receives; empty: it is not told of this."""
    match message:
        case Alert():
            return _json({"kind": message.kind, "text": message.text, **message.facts})
        case Seen():
            return b""
        case Opened():
            event = "opened"
        case Reminded():
            event = "reminded"
        case Settled():
            event = message.status.value
        case _:
            assert_never(message)
    notice = message.notice
    expires_at = datetime.fromtimestamp(notice.expires_at / 1e6, UTC).isoformat(timespec="seconds")
    return _json(
        {
            "event": event,
            "id": notice.id,
            "address": notice.address,
            "summary": told(message),
            "environment": notice.environment,
            "effects": list(notice.effects),
            "expires_at": expires_at.replace("+00:00", "Z"),
        }
    )


def signature(secret: bytes, body: bytes, at_s: int) -> str:
    """Return the signature header: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    return f"t={at_s},v1={hmac.new(secret, b'%d.' % at_s + body, 'sha256').hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
