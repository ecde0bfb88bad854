"""Channels that tell people that something waits: terminal and webhook.

INVARIANT: a message carries an id, an address, an environment, effects and a time, never an argument: a channel is
not a place where approvers are known, and an address is no authority.
A channel that fails releases nothing; it is tried again with growing pauses until the approval's time is over.
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TextIO

from firewall.core.approval import Approval
from firewall.core.errors import FirewallError
from firewall.core.ports import Clock
from firewall.core.secret import Secret

if TYPE_CHECKING:
    import httpx

ATTEMPT_S = 10.0
"""How long one attempt may take."""
ALERT_ATTEMPTS = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
SIGNATURE_HEADER = "x-stayhand-signature"
_log = logging.getLogger("stayhand.notify")


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel fares since the start, for metrics and the console."""

    channel: str
    delivered: int = 0
    failed_attempts: int = 0
    given_up: int = 0
    last_failure: str = ""
    """A short stable word (`http_500`, `ConnectError`), never an address; empty once one was delivered."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people should know and need not decide: no name of a person, no argument."""

    kind: str
    """A short stable word, e.g. `budget`."""
    text: str
    """One line."""
    facts: Mapping[str, str | int]


class Channel(Protocol):
    """One way to reach people."""

    async def alert(self, alert: Alert) -> None:
        """Tell once or in a few attempts; never raises for a failing receiver."""
        ...

    @property
    def health(self) -> Health:
        """How it fares."""
        ...

    async def opened(self, approval: Approval, address: str) -> None:
        """Deliver, or give up when the approval's time is over; never raises for a failing receiver."""
        ...

    async def aclose(self) -> None:
        """Let go of what is kept open."""
        ...


class Terminal:
    """Writes one line, id and address only."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._delivered = 0

    @property
    def health(self) -> Health:
        """How it fares."""
        return Health("terminal", delivered=self._delivered)

    async def aclose(self) -> None:
        """Nothing is kept open: the stream is somebody else's."""

    async def alert(self, alert: Alert) -> None:
        """Write the line."""
        self._stream.write(f"stayhand: {alert.text}\n")
        self._stream.flush()
        self._delivered += 1

    async def opened(self, approval: Approval, address: str) -> None:
        """Write the line."""
        self._stream.write(f"stayhand: approval {approval.id} waits at {address}\n")
        self._stream.flush()
        self._delivered += 1


class Webhook:
    """Posts JSON, signed with HMAC-SHA256 when a secret is configured."""

    def __init__(
        self,
        *,
        url: Callable[[], Secret] | str,
        clock: Clock,
        secret: Callable[[], Secret] | str = "",
        name: str = "webhook",
        transport: "httpx.AsyncBaseTransport | None" = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`url` and `secret`: texts, or functions that read them anew for each attempt (rotation)."""
        import httpx  # only where there is a webhook: it brings rich and pygments along

        self._url = _reader(url)
        self._clock = clock
        self._secret = _reader(secret)
        self._pause = pause
        self._health = Health(name)
        for library in ("httpx", "httpcore"):  # they would write down the address, which is the receiver's secret
            logging.getLogger(library).setLevel(logging.WARNING)
        # No environment proxies, no redirects: the address goes where it was configured to go or nowhere.
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=ATTEMPT_S, transport=transport
        )

    @property
    def health(self) -> Health:
        """How it fares."""
        return self._health

    async def opened(self, approval: Approval, address: str) -> None:
        """Post until a 2xx answer comes or the approval's time is over."""
        body = message(approval, address)
        pause_s = FIRST_PAUSE_S
        while True:
            failure = await self._attempt(body)
            if not failure:
                self._note(delivered=1)
                return
            left_s = (approval.expires_at - self._clock.now_us()) / 1e6
            gives_up = left_s <= pause_s
            self._note(failure=failure, given_up=int(gives_up))
            _log.warning("approval=%s channel=%s failure=%s", approval.id, self._health.channel, failure)
            if gives_up:
                return
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def alert(self, alert: Alert) -> None:
        """Post until a 2xx answer comes, ALERT_ATTEMPTS times at most."""
        content = {"kind": alert.kind, "text": alert.text, **alert.facts}
        body, pause_s = json.dumps(content, separators=(",", ":")).encode(), FIRST_PAUSE_S
        for left in reversed(range(ALERT_ATTEMPTS)):
            failure = await self._attempt(body)
            if not failure:
                self._note(delivered=1)
                return
            self._note(failure=failure, given_up=int(not left))
            _log.warning("alert=%s channel=%s failure=%s", alert.kind, self._health.channel, failure)
            if left:
                await self._pause(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(self, body: bytes) -> str:
        import httpx

        headers = {"content-type": "application/json", "user-agent": "stayhand"}
        try:
            key = self._secret().reveal().encode()
            if key:
                headers[SIGNATURE_HEADER] = signature(key, body, self._clock.now_us() // 1_000_000)
            answer = await self._client.post(self._url().reveal(), content=body, headers=headers)
        except FirewallError as error:  # the secret cannot be read now
            return error.code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return type(error).__name__
        return "" if answer.is_success else f"http_{answer.status_code}"

    def _note(self, *, delivered: int = 0, failure: str = "", given_up: int = 0) -> None:
        was = self._health
        self._health = Health(
            channel=was.channel,
            delivered=was.delivered + delivered,
            failed_attempts=was.failed_attempts + bool(failure),
            given_up=was.given_up + given_up,
            last_failure=failure,
        )


class Channels:
    """All configured channels as one notifier; one that fails does not hold up another."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)

    @property
    def health(self) -> tuple[Health, ...]:
        """How each channel fares."""
        return tuple(channel.health for channel in self._channels)

    async def aclose(self) -> None:
        """Close what the channels keep open."""
        for channel in self._channels:
            await channel.aclose()

    async def opened(self, approval: Approval, address: str) -> None:
        """Tell every channel at the same time.

        Raises: ExceptionGroup with whatever a channel raised, after all have had their turn.
        """
        results = await asyncio.gather(
            *(channel.opened(approval, address) for channel in self._channels), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("channels failed", failures)

    async def alert(self, alert: Alert) -> None:
        """Tell every channel at the same time; what one of them raises is written down."""
        for done in await asyncio.gather(
            *(channel.alert(alert) for channel in self._channels), return_exceptions=True
        ):
            if isinstance(done, Exception):
                _log.error("an alert was not delivered: %s", type(done).__name__)


def _reader(value: Callable[[], Secret] | str) -> Callable[[], Secret]:
    if not isinstance(value, str):
        return value
    secret = Secret(value)
    return lambda: secret


def message(approval: Approval, address: str) -> bytes:
    """Return the JSON that a webhook receives."""
    expires_at = datetime.fromtimestamp(approval.expires_at / 1e6, UTC).isoformat(timespec="seconds")
    content = {
        "id": approval.id,
        "address": address,
        "environment": approval.environment,
        "effects": list(approval.effects),
        "expires_at": expires_at.replace("+00:00", "Z"),
    }
    return json.dumps(content, separators=(",", ":")).encode()


def signature(secret: bytes, body: bytes, at_s: int) -> str:
    """Return the signature header: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    return f"t={at_s},v1={hmac.new(secret, b'%d.' % at_s + body, 'sha256').hexdigest()}"
