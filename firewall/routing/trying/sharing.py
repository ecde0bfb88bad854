"""Circuits that several processes share: one leaves a provider alone, so do all, and one of all probes.

A request asks memory alone. A task of its own tells the store and hears from it several times a second, and takes
the right to probe before a request needs it. While the store is away each process decides for itself, as it does
without any.

INVARIANT: what is heard makes a cooldown longer or leaves it; only the answer of this epoch's probe ends it, and
never before this process's own cooldown is over.
INVARIANT: no wait that is heard is believed beyond what the provider's own settings allow.
"""

import asyncio
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from firewall.core.breaker import Change, Opened, State
from firewall.core.sharing import AwayError, CircuitStore, Named, Told
from firewall.routing.providers import Provider
from firewall.routing.trying.circuits import LONGEST_REST_S, Circuit, Circuits

log = logging.getLogger("stayhand.shared")

POLL_S = 0.25
"""How often others are listened to."""
PACE_S = 0.05
"""The least time between two exchanges, however many requests want one."""
FRESH_S = 5.0
"""What was heard longer ago decides nothing: this process does."""
HELD_S = 2.0
"""A right to probe that no request wanted for so long is given back."""
LONGEST_PAUSE_S = 2.0
"""Between two tries to reach a store that is away."""
_MOST_STRANGERS = 256
"""Circuits that nobody named and that never answered: names may be made up, so few of them are told."""
_MOST_HEARD = 256
"""Of such circuits, how many a process that did not know them hears of in an hour: each stands in the log."""
_HOUR_S = 3600.0
_MOST_CHARS = 256


@dataclass(slots=True)
class _Side:
    """What this process knows of a circuit that is not only its own affair."""

    mark: str
    epoch: str = ""
    """Under which it is told; empty: it is not."""
    until: float = 0.0
    """The end of the cooldown that is told."""
    told: Told | None = None
    """What is to be told next."""
    wanted_at: float = float("-inf")
    right: str = ""
    """The owner under which this process has the right to probe; empty: it has none."""


@dataclass(frozen=True, slots=True)
class Link:
    """How the exchange fares."""

    is_up: bool = False
    told: int = 0
    """Circuits that were told of when it was last up."""
    since: float = 0.0
    """By the clock of the circuits."""
    why: str = "unasked"
    failures: dict[str, int] = field(default_factory=dict)
    """How often it failed, by why."""


class Sharing:
    """This process's part in what is shared."""

    def __init__(
        self,
        circuits: Circuits,
        store: CircuitStore,
        *,
        providers: Iterable[Provider],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`providers`: those whose circuits are shared."""
        self._circuits = circuits
        self._store = store
        self._providers = {one.name: one for one in providers}
        self._now = now
        self._sides: dict[Circuit, _Side] = {}
        self._wake = asyncio.Event()
        self._heard_at = float("-inf")
        self._strangers = 0
        """That were heard of since `_since`."""
        self._since = now()
        self.link = Link(since=now())
        circuits.share(self)

    # What requests ask; nothing here waits.

    def may_probe(self, circuit: Circuit, *, is_time: bool) -> bool:
        """A request wants to ask whose circuit is not closed; `is_time`: tell whether it may be the probe."""
        side = self._sides.get(circuit)
        if side is None or not side.epoch:
            return True
        now = self._now()
        side.wanted_at = now
        if not self.link.is_up or now - self._heard_at > FRESH_S or side.right:
            return True
        if is_time:
            self._wake.set()
        return False

    def changed(self, circuit: Circuit, change: Change, *, is_real: bool) -> None:
        """A circuit opened or closed here."""
        side = self._sides.get(circuit)
        if isinstance(change, Opened):
            side = side or self._new_side(circuit, is_real=is_real)
        if side is None:
            return
        if isinstance(change, Opened):
            self._tell_opened(circuit, side)
        elif side.epoch:
            side.told = Told(side.mark, _named(circuit), side.epoch, is_closed=True)
        self._wake.set()

    # The task beside them.

    async def run(self) -> None:
        """Exchange until cancelled."""
        failed = 0
        while True:
            failed = 0 if await self.exchange() else failed + 1
            pause_s = min(POLL_S * 2 ** min(failed, 8), LONGEST_PAUSE_S)
            await asyncio.sleep(PACE_S)
            if failed:
                await asyncio.sleep(pause_s)
            else:
                await _either(self._wake, pause_s)
            self._wake.clear()

    async def exchange(self) -> bool:
        """Tell what is to be told, hear what is told, take and give back rights; False: the store is away."""
        try:
            await self._say()
            heard = await self._store.look()
            self._hear(heard)
            await self._rights()
        except AwayError as error:
            self._is_away(error)
            return False
        self._heard_at = self._now()
        if not self.link.is_up:
            log.info("circuits are shared with other processes")
            self.link = Link(is_up=True, told=len(heard), since=self._now(), why="", failures=self.link.failures)
        elif self.link.told != len(heard):
            self.link = Link(
                is_up=True, told=len(heard), since=self.link.since, why="", failures=self.link.failures
            )
        return True

    def _is_away(self, error: AwayError) -> None:
        why = error.why.value
        failures = {**self.link.failures, why: self.link.failures.get(why, 0) + 1}
        if self.link.is_up or self.link.why == "unasked":
            log.warning(
                "what processes share of circuits is away (%s %s): this process decides for itself",
                why,
                error.detail,
            )
            self.link = Link(is_up=False, since=self._now(), why=why, failures=failures)
        else:
            self.link = Link(is_up=False, since=self.link.since, why=why, failures=failures)
        for side in self._sides.values():
            side.right = ""  # it ends by itself before anybody is heard again

    async def _say(self) -> None:
        for circuit, side in list(self._sides.items()):
            if side.told is None and self._is_longer(circuit, side):
                self._tell_opened(circuit, side)
            told = side.told
            if told is None:
                continue
            if told.is_closed:
                await self._store.close(told)
            else:
                told = self._still(circuit, told)
                await self._store.open(told)
            if side.right:
                await self._store.release(side.mark, side.right)
                side.right = ""
            if side.told is not None and side.told.epoch == told.epoch and side.told.is_closed == told.is_closed:
                side.told = None
            if told.is_closed and side.told is None:
                del self._sides[circuit]

    def _is_longer(self, circuit: Circuit, side: _Side) -> bool:
        """Tell whether this process leaves a provider alone for longer than is told."""
        standing = self._circuits.standing(circuit)
        return standing is not None and standing.until > max(side.until + 0.5, self._now())

    def _still(self, circuit: Circuit, told: Told) -> Told:
        """Return what is told with the wait that is left of it now."""
        standing = self._circuits.standing(circuit)
        wait_s = 0.0 if standing is None else max(0.0, standing.until - self._now())
        return Told(told.mark, told.named, told.epoch, told.trips, int(wait_s * 1000))

    def _tell_opened(self, circuit: Circuit, side: _Side) -> None:
        standing = self._circuits.standing(circuit)
        if standing is not None:
            side.epoch, side.until = secrets.token_hex(16), standing.until
            side.told = Told(side.mark, _named(circuit), side.epoch, standing.trips)

    def _hear(self, heard: Iterable[Told]) -> None:
        told_of: set[Circuit] = set()
        for told in heard:
            named = told.named
            provider = self._providers.get(named.provider)
            circuit = Circuit(named.provider, named.model, named.key)
            if provider is None or told.mark != mark_of(provider, circuit):
                continue
            told_of.add(circuit)
            if told.is_closed:
                self._hear_closed(circuit, told)
            else:
                self._hear_open(circuit, told, provider)
        for circuit, side in list(self._sides.items()):
            if circuit not in told_of and side.told is None:
                self._unheard(circuit, side)

    def _hear_closed(self, circuit: Circuit, told: Told) -> None:
        side = self._sides.get(circuit)
        if side is not None and side.told is None and side.epoch == told.epoch and self._circuits.freed(circuit):
            del self._sides[circuit]

    def _hear_open(self, circuit: Circuit, told: Told, provider: Provider) -> None:
        side = self._sides.get(circuit)
        if side is not None and side.epoch == told.epoch:
            return
        if side is None and not self._circuits.knows(circuit) and not self._may_hear():
            return
        rule = provider.care.breaker
        longest = max(rule.cooldown_s, rule.cooldown_cap_s, LONGEST_REST_S)
        until = self._now() + min(told.wait_ms / 1000, longest)
        self._circuits.joined(circuit, rule, until, told.trips)
        if side is None:
            side = self._sides[circuit] = _Side(told.mark)
        standing = self._circuits.standing(circuit)
        side.epoch, side.until = told.epoch, standing.until if standing else until

    def _may_hear(self) -> bool:
        """Count a circuit that only others know; tell whether it may be heard: they may make names up as well."""
        now = self._now()
        if now - self._since >= _HOUR_S:
            self._since, self._strangers = now, 0
        self._strangers += 1
        return self._strangers <= _MOST_HEARD

    def _unheard(self, circuit: Circuit, side: _Side) -> None:
        """Nobody tells of it any more: it is told anew while this process waits, else it is this process's own."""
        standing = self._circuits.standing(circuit)
        if standing is None or standing.state is State.CLOSED:
            del self._sides[circuit]
        elif standing.state is State.OPEN:
            self._tell_opened(circuit, side)
        else:
            side.epoch = ""

    async def _rights(self) -> None:
        now = self._now()
        for circuit, side in list(self._sides.items()):
            standing = self._circuits.standing(circuit)
            is_wanted = now - side.wanted_at <= HELD_S
            if side.right and standing is not None and (standing.is_probing or is_wanted):
                side.right = side.right if await self._store.keep(side.mark, side.right) else ""
            elif side.right:
                right, side.right = side.right, ""
                await self._store.release(side.mark, right)
            elif is_wanted and side.epoch and standing is not None and standing.state is State.HALF_OPEN:
                owner = secrets.token_hex(16)
                side.right = owner if await self._store.take(side.mark, owner) else ""

    def _new_side(self, circuit: Circuit, *, is_real: bool) -> _Side | None:
        provider = self._providers.get(circuit.provider)
        if provider is None or len(circuit.model) > _MOST_CHARS or not circuit.model.isprintable():
            return None
        if not is_real and len(self._sides) >= _MOST_STRANGERS:
            return None
        found = self._sides[circuit] = _Side(mark_of(provider, circuit))
        return found


def mark_of(provider: Provider, circuit: Circuit) -> str:
    """Return what names a circuit between processes: a digest, so that two of one name elsewhere are two."""
    parts = [provider.name, provider.dialect.value, provider.endpoint.base_url, circuit.model, circuit.key]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _named(circuit: Circuit) -> Named:
    return Named(circuit.provider, circuit.model, circuit.key)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
