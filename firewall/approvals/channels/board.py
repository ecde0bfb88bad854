"""All configured channels as one notifier: who is told of what, when, how often, and that it is over.

Each approval is followed on each channel by a task of its own.
INVARIANT: nothing here decides or releases; what is full, fails or is stopped leaves an approval as it stands.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from firewall.approvals.channels.delivery import Delivery
from firewall.approvals.channels.port import Health, Trouble
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Notice, Opened, Reminded, Seen, Settled
from firewall.core.ports import Clock

MAX_CASES = 1_000
"""Approvals that are told of at a time; more are counted as given up on every channel."""
LONGEST_SLEEP_S = 3600.0
ENDING_US = 1800 * 1_000_000
"""How long an ending is tried to be told."""
_log = logging.getLogger("stayhand.notify")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which approvals a channel is told of, and when; seconds."""

    after_s: int = 0
    """Only what nobody has decided so long after it was opened."""
    every_s: int = 0
    """How often it is told again; 0: never."""
    environments: tuple[str, ...] = ()
    """Patterns of environments; empty: all."""
    effects: tuple[str, ...] = ()
    """Only with one of these; empty: all."""
    groups: tuple[str, ...] = ()
    """Whose channel it is: what other groups are asked for is left out; empty: everybody's."""
    alerts: bool = True
    """Alerts go here as well."""

    def concerns(self, notice: Notice) -> bool:
        """Tell whether an approval is told of here."""
        named = not self.environments or any(fnmatchcase(notice.environment, one) for one in self.environments)
        does = not self.effects or not set(self.effects).isdisjoint(notice.effects)
        may = not self.groups or not notice.groups or not set(self.groups).isdisjoint(notice.groups)
        return named and does and may


@dataclass(frozen=True, slots=True)
class Line:
    """One configured channel."""

    delivery: Delivery
    schedule: Schedule = field(default_factory=Schedule)
    standing: Callable[[], Sequence[str]] = tuple
    """The ids of approvals whose messages stand there and can still be ended."""


@dataclass(slots=True)
class _Case:
    notice: Notice
    is_resumed: bool
    over: asyncio.Event = field(default_factory=asyncio.Event)
    status: ApprovalStatus = ApprovalStatus.PENDING
    is_seen: bool = False
    told: list[Line] = field(default_factory=list)
    left: int = 0


class Channels:
    """The notifier."""

    def __init__(self, lines: Sequence[Line], clock: Clock) -> None:
        self._lines = tuple(lines)
        self._clock = clock
        self._cases: dict[str, _Case] = {}
        self._group: asyncio.TaskGroup | None = None
        self._waiting: list[_Case] = []
        self._freed = asyncio.Event()

    @property
    def health(self) -> tuple[Health, ...]:
        """How each channel fares."""
        return tuple(line.delivery.health for line in self._lines)

    def troubles(self, approval_id: str) -> tuple[Trouble, ...]:
        """Return what could not be told of an approval, channel by channel; nothing of before the start."""
        return tuple(one for line in self._lines for one in line.delivery.troubles(approval_id))

    def opened(self, notice: Notice, *, is_resumed: bool = False) -> None:
        """Tell whom it concerns, until it is over; what is told of already is told again, as a reminder.

        `is_resumed`: it was opened before this process began.
        """
        known = self._cases.get(notice.id)
        if known is not None:
            if not is_resumed:
                self._remind(known)
            return
        lines = [line for line in self._lines if line.schedule.concerns(notice)]
        if len(self._cases) >= MAX_CASES:
            for line in lines:
                line.delivery.turn_away(notice)
            return
        if not lines:
            return
        case = _Case(notice, is_resumed, left=len(lines))
        self._cases[notice.id] = case
        if self._group is None:
            self._waiting.append(case)
        else:
            self._begin(self._group, case)

    async def room(self) -> bool:
        """Return as soon as one more approval can be told of; False: there is no channel."""
        while self._lines and len(self._cases) >= MAX_CASES:
            self._freed.clear()
            await self._freed.wait()
        return bool(self._lines)

    def _remind(self, case: _Case) -> None:
        if self._group is not None:
            for line in case.told:
                self._group.create_task(self._deliver_aside(case, line, Reminded(case.notice)))

    def seen(self, approval_id: str) -> None:
        """Somebody who may decide has read it: whoever was called is called off, once."""
        case = self._cases.get(approval_id)
        if case is None or case.is_seen or self._group is None:
            return
        case.is_seen = True
        for line in case.told:
            self._group.create_task(self._deliver_aside(case, line, Seen(case.notice)))

    def settled(self, approval_id: str, status: ApprovalStatus) -> None:
        """It waits no more."""
        case = self._cases.get(approval_id)
        if case is not None and not case.over.is_set():
            case.status = status
            case.over.set()

    def standing(self) -> Sequence[str]:
        """Return the ids of approvals of which messages of an earlier process stand, and nobody follows them."""
        found = {one for line in self._lines for one in line.standing()}
        return sorted(found - self._cases.keys())

    async def ended(self, notice: Notice, status: ApprovalStatus) -> None:
        """Replace the messages of an approval that was settled before this process began."""
        until_us = self._clock.now_us() + ENDING_US
        for line in self._lines:
            if notice.id not in self._cases and notice.id in line.standing():
                try:
                    await line.delivery.deliver(Settled(notice, status), until_us=until_us)
                except Exception as error:  # noqa: BLE001 - as below
                    _log.error("approval=%s could not be ended: %s", notice.id, type(error).__name__)

    async def run(self) -> None:
        """Tell, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                waiting, self._waiting = self._waiting, []
                for case in waiting:
                    self._begin(group, case)
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def alert(self, alert: Alert) -> None:
        """Tell every channel that takes alerts at the same time; what one of them raises is written down."""
        lines = [line for line in self._lines if line.schedule.alerts or alert.is_for_all]
        told = (line.delivery.deliver(alert) for line in lines)
        for done in await asyncio.gather(*told, return_exceptions=True):
            if isinstance(done, Exception):
                _log.error("an alert was not delivered: %s", type(done).__name__)

    async def aclose(self) -> None:
        """Close what the channels keep open."""
        for line in self._lines:
            await line.delivery.aclose()

    def _begin(self, group: asyncio.TaskGroup, case: _Case) -> None:
        for line in self._lines:
            if line.schedule.concerns(case.notice):
                group.create_task(self._followed(case, line))

    async def _followed(self, case: _Case, line: Line) -> None:
        try:
            await self._follow(case, line)
        except Exception as error:  # noqa: BLE001 - foreign code behind a port must not end the others
            # The text of a foreign error may hold a channel's secret address: its type alone is logged.
            _log.error("approval=%s could not be announced: %s", case.notice.id, type(error).__name__)
        finally:
            case.left -= 1
            if case.left == 0:
                self._cases.pop(case.notice.id, None)
                self._freed.set()

    async def _follow(self, case: _Case, line: Line) -> None:
        notice, schedule = case.notice, line.schedule
        due_at = notice.opened_at + schedule.after_s * 1_000_000
        was_told = case.is_resumed and due_at <= self._clock.now_us()
        await self._sleep_until(due_at, case, line)
        first = Reminded(notice) if was_told else Opened(notice)
        if case.over.is_set():
            is_told = was_told
        else:
            is_told = await line.delivery.deliver(first, until_us=notice.expires_at, over=case.over)
        if is_told:
            case.told.append(line)
        while schedule.every_s and not case.over.is_set():
            await self._sleep_until(self._clock.now_us() + schedule.every_s * 1_000_000, case, line)
            if not case.over.is_set():
                await line.delivery.deliver(Reminded(notice), until_us=notice.expires_at, over=case.over)
        await case.over.wait()
        if is_told:
            until_us = self._clock.now_us() + ENDING_US
            await line.delivery.deliver(Settled(notice, case.status), until_us=until_us)

    async def _deliver_aside(self, case: _Case, line: Line, message: Reminded | Seen) -> None:
        try:
            await line.delivery.deliver(message, until_us=case.notice.expires_at, over=case.over)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("approval=%s could not be told of: %s", case.notice.id, type(error).__name__)

    async def _sleep_until(self, at_us: int, case: _Case, line: Line) -> None:
        """Wait until a time, or until the approval is over."""
        while not case.over.is_set():
            left_s = (at_us - self._clock.now_us()) / 1e6
            if left_s <= 0:
                return
            await line.delivery.rest(min(left_s, LONGEST_SLEEP_S), case.over)
