"""Trying until it is delivered, its time is over or it is not wanted any more; and what became of the tries.

A channel that fails releases nothing and holds up no other. At most CONCURRENT tries of a channel run at a time:
a flood of approvals is no flood of connections.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from firewall.approvals.channels.port import Health, NotDeliveredError, Sender, Trouble, failure_of
from firewall.core.notice import Alert, Message, Notice, Opened, Reminded, Seen, Settled
from firewall.core.ports import Clock

ATTEMPTS = 5
"""Tries for what has no time of its own: endings and alerts."""
CONCURRENT = 4
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_WISH_S = 300.0
"""A receiver that wants to be left alone for longer is asked again after this."""
MAX_TROUBLED = 1_000
"""Approvals of which a channel keeps what it could not tell; the oldest make room."""
Pause = Callable[[float], Awaitable[None]]
_log = logging.getLogger("stayhand.notify")


class Delivery:
    """The tries of one channel."""

    def __init__(self, sender: Sender, *, name: str, clock: Clock, pause: Pause = asyncio.sleep) -> None:
        self._sender = sender
        self._clock = clock
        self._pause = pause
        self._running = asyncio.Semaphore(CONCURRENT)
        self.health = Health(name)
        self._troubles: dict[str, dict[str, Trouble]] = {}
        """By the id of an approval, and by what was to be told of it."""

    def troubles(self, approval_id: str) -> Sequence[Trouble]:
        """Return what could not be told of an approval, as far as that still stands, since the start."""
        return tuple(self._troubles.get(approval_id, {}).values())

    async def deliver(self, message: Message, *, until_us: int = 0, over: asyncio.Event | None = None) -> bool:
        """Try until it is delivered; return whether it was.

        `until_us`: when it makes no sense any more; 0: ATTEMPTS tries. `over`: set when it is not wanted any more;
        a try that is under way is not broken off, as nobody would know what became of it.
        """
        pause_s, tries = FIRST_PAUSE_S, 0
        while over is None or not over.is_set():
            failure = await self._attempt(message)
            if failure is None:
                self.health = replace(self.health, delivered=self.health.delivered + 1, last_failure="")
                self._forget(message)
                return True
            tries += 1
            wait_s = max(pause_s, min(failure.retry_after_s, LONGEST_WISH_S))
            left_s = (until_us - self._clock.now_us()) / 1e6
            gives_up = left_s <= wait_s if until_us else tries >= ATTEMPTS
            self._failed(message, failure.word, gives_up=gives_up)
            again_at = 0 if gives_up else self._clock.now_us() + round(wait_s * 1_000_000)
            self._note(message, failure.word, tries, again_at)
            if gives_up:
                return False
            await self.rest(wait_s, over)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._forget(message)  # nobody has to be told of it any more
        return False

    async def rest(self, seconds: float, over: asyncio.Event | None) -> None:
        """Wait, or until it is over."""
        if over is None:
            await self._pause(seconds)
            return
        waits = [asyncio.ensure_future(self._pause(seconds)), asyncio.ensure_future(over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def turn_away(self, notice: Notice) -> None:
        """Count what could not even be queued."""
        self.health = replace(self.health, given_up=self.health.given_up + 1, last_failure="queue_full")
        self._note(Opened(notice), "queue_full", 0, 0)

    async def aclose(self) -> None:
        """Let go of what the channel keeps open."""
        await self._sender.aclose()

    async def _attempt(self, message: Message) -> NotDeliveredError | None:
        async with self._running:
            try:
                await self._sender.send(message)
            except Exception as error:  # noqa: BLE001 - foreign code behind a port: what it did not deliver is not told
                return failure_of(error)
        return None

    def _note(self, message: Message, word: str, tries: int, again_at: int) -> None:
        if isinstance(message, Alert):
            return
        kept = self._troubles.setdefault(message.notice.id, {})
        about = _about(message)
        kept[about] = Trouble(self.health.channel, about, word, tries, again_at)
        if len(self._troubles) > MAX_TROUBLED:
            del self._troubles[next(iter(self._troubles))]

    def _forget(self, message: Message) -> None:
        if isinstance(message, Alert):
            return
        kept = self._troubles.get(message.notice.id, {})
        kept.pop(_about(message), None)
        if not kept:
            self._troubles.pop(message.notice.id, None)

    def _failed(self, message: Message, word: str, *, gives_up: bool) -> None:
        health = self.health
        self.health = replace(
            health,
            failed_attempts=health.failed_attempts + 1,
            given_up=health.given_up + int(gives_up),
            last_failure=word,
        )
        what = f"alert={message.kind}" if isinstance(message, Alert) else f"approval={message.notice.id}"
        _log.warning("%s channel=%s failure=%s", what, health.channel, word)


def _about(message: Opened | Reminded | Seen | Settled) -> Literal["waits", "seen", "over"]:
    match message:
        case Opened() | Reminded():
            return "waits"
        case Seen():
            return "seen"
        case Settled():
            return "over"
