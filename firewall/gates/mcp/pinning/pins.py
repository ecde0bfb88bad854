"""The pins in force: what a listing may show of a server's tools, and what waits for a person.

First use (ADR 0029): whoever configured a server trusts it as it is then, so what its first listing holds is
approved by that, unless something about it is suspicious. Whatever is other afterwards waits. INVARIANT: a
definition is shown and callable only while its digest is the approved one, and what changed was recorded before.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import chain
from typing import Protocol

import orjson

from firewall.core.errors import FirewallError
from firewall.core.pins import ABOUT, Pin, PinState, pin_digest, pinned_part, said_digest
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import ApprovePin, Committed, ForgetPin, Pinning, PutPin, Record, Unit
from firewall.gates.mcp.pinning.suspicion import Looks, suspicion

FIRST_USE_US = 600 * 1_000_000
"""How long a first listing may take: its pages come one by one."""
MOST_TOOLS = 2_000
"""Of one server, however many pages bring them; more are not shown."""
_MAX_DEFINITION = 256 << 10
_MOST_CURSORS = 256
_TOO_LARGE = "too-large"
Definition = Mapping[str, object]
_OPEN, _THROUGH = "open", "through"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a server's list of tools: which one was asked for, and which one follows."""

    cursor: str = ""
    """With which it was asked for; empty: the first."""
    more: str = ""
    """With which the next one is asked for; empty: it is the last."""


class _Use(Enum):
    """What a page counts as."""

    FIRST = auto()
    """Part of a server's first listing: what it brings is approved by that."""
    LATER = auto()
    STRAY = auto()
    """Asked for under a cursor that the server never gave, before its first listing is through: neither."""


class PinRows(Protocol):
    """Reads what is pinned."""

    def listing(self) -> Sequence[Pin]:
        """Return everything. Raises: StoreError."""
        ...


class PinError(FirewallError):
    """Nothing waits under this name, or something else than what was read."""

    code = "mcp_pin_unknown"
    status = 404


class TooManyToolsError(FirewallError):
    """A page that holds more definitions than a server may have."""

    code = "mcp_too_many_tools"
    status = 502


@dataclass(slots=True)
class _Known:
    """What is known of one server."""

    approved: dict[str, Pin] = field(default_factory=dict)
    waiting: dict[str, Pin] = field(default_factory=dict)
    listing: Pin | None = None
    cursors: deque[bytes] = field(default_factory=lambda: deque(maxlen=_MOST_CURSORS))
    """Hashes of those that it gave with the pages of its first listing."""


@dataclass(slots=True)
class _Change:
    """What one listing changes."""

    looks: Looks
    """Of everything that is pinned, and of what the listing adds."""
    room: int
    """How many names may be added."""
    steps: list[Pinning] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    """Why, by name, of what waits from now on."""
    first: list[str] = field(default_factory=list)
    """What is approved by first use."""
    back: list[str] = field(default_factory=list)
    """What is again as it was approved."""


class Pins:
    """Everything that is pinned, kept in memory as it stands in the store; one change at a time."""

    def __init__(self, rows: PinRows, sequencer: Sequencer, clock: Clock) -> None:
        """Raises: StoreError when what is pinned cannot be read."""
        self._sequencer = sequencer
        self._clock = clock
        self._one = asyncio.Lock()
        self._known: dict[str, _Known] = {}
        for pin in rows.listing():
            self._keep(pin)

    def listing(self) -> list[Pin]:
        """Return what is approved and what waits, by server and name."""
        return sorted(self._all(), key=lambda pin: (pin.server, pin.tool, pin.state))

    def approved(self, server: str, tool: str) -> str | None:
        """Return the approved definition of a tool that nothing waits for, in JSON; None: it may not be called."""
        known = self._known.get(server)
        if known is None or tool in known.waiting or tool not in known.approved:
            return None
        return known.approved[tool].definition

    async def admit(
        self, server: str, identity: str, named: Sequence[tuple[str, Definition]], *, page: Page | None
    ) -> set[str]:
        """Hold definitions against their pins, record what changed, and return the names that may be shown.

        `page` None: they are the server's own words alone, which end no listing.
        Raises: TooManyToolsError; StoreError when a change could not be recorded. Nothing is pinned or shown then.
        """
        if len(named) > MOST_TOOLS:
            raise TooManyToolsError(
                f"`{server}` lists {len(named)} tools in one page; at most {MOST_TOOLS} are taken"
            )
        async with self._one:
            known = self._known.setdefault(server, _Known())
            room = MOST_TOOLS - len(known.approved.keys() | known.waiting.keys())
            change = _Change(Looks(self._all()), room)
            use = self._listing(server, identity, known, change, page=page)
            shown = {
                name for name, said in named if self._holds(server, identity, (name, said), known, change, use=use)
            }
            if change.steps:
                await self._commit(server, change)
            if page is not None and page.more and use is _Use.FIRST:
                known.cursors.append(_hash(page.more))
            return shown

    async def approve(self, server: str, wanted: Mapping[str, str], *, by: str) -> list[str]:
        """Approve definitions that wait, each by the digest that was read; returns their names.

        Raises: PinError when one does not wait, or is another by now.
        """
        async with self._one:
            known = self._known.get(server, _Known())
            for name, digest in wanted.items():
                pin = known.waiting.get(name)
                if pin is None or pin.digest != digest:
                    raise PinError(f"`{name or 'instructions'}` of `{server}` does not wait as it was read")
                if pin.why == _TOO_LARGE:
                    raise PinError(f"`{name}` of `{server}` is too large to be read by anybody", status=409)
            at, pseudonym = self._clock.now_us(), self._sequencer.pseudonym(by)
            steps = [ApprovePin(server, name, digest, pseudonym, at) for name, digest in wanted.items()]
            record = Record(
                kind="mcp.changed",
                data={"change": "approved", "tools": len(steps)},
                person=by,
                principal=by,
                private={"server": server, "tools": dict(wanted), "by": by},
            )
            outcome = await self._sequencer.submit(Unit(records=(record,), steps=tuple(steps)))
            if not isinstance(outcome, Committed):
                raise PinError(f"`{outcome.found}` of `{server}` does not wait as it was read", status=409)
            for name in wanted:
                pin = known.waiting.pop(name)
                known.approved[name] = replace(pin, state=PinState.APPROVED, why="", at=at, by=pseudonym)
            return list(wanted)

    def _listing(self, server: str, identity: str, known: _Known, change: _Change, *, page: Page | None) -> _Use:
        """Tell what a page counts as, and note where a first listing begins and ends."""
        now, begun = self._clock.now_us(), known.listing
        if begun is not None and (begun.why == _THROUGH or now - begun.at > FIRST_USE_US):
            return _Use.LATER
        if page is not None and page.cursor and _hash(page.cursor) not in known.cursors:
            return _Use.STRAY
        pin = begun or Pin(server, ABOUT, PinState.LISTING, identity, "", "", why=_OPEN, at=now)
        if page is not None and not page.more:
            pin = replace(pin, why=_THROUGH)
        if pin != begun:
            change.steps.append(PutPin(pin))
        return _Use.FIRST

    def _holds(
        self,
        server: str,
        identity: str,
        one: tuple[str, Definition],
        known: _Known,
        change: _Change,
        *,
        use: _Use,
    ) -> bool:
        """Tell whether a definition may be shown; what changes with it goes into `change`."""
        name, said = one
        written = pinned_part(said)
        digest = pin_digest(identity, written)
        approved, waiting = known.approved.get(name), known.waiting.get(name)
        if approved is not None and approved.digest == digest:
            if waiting is not None:
                change.steps.append(ForgetPin(server, name))
                change.back.append(name)
            return True
        if waiting is not None and waiting.digest == digest:
            return False
        is_large = len(written) > _MAX_DEFINITION
        if approved is None and (is_large or use is _Use.STRAY or (waiting is None and change.room <= 0)):
            return False
        change.room -= approved is None and waiting is None
        if approved is not None:
            why = _TOO_LARGE if is_large else "changed" if approved.identity == identity else "other-server"
        else:
            why = suspicion(server, name, said, change.looks, said_digest(written))
            why = why or ("" if use is _Use.FIRST else "new")
        if is_large:  # nobody reads it; that it is there takes what was approved out of use
            written = orjson.dumps({"name": name, "bytes": len(written)}).decode()
        state = PinState.WAITING if why else PinState.APPROVED
        pin = Pin(server, name, state, identity, digest, written, why=why, at=self._clock.now_us())
        change.steps.append(PutPin(pin))
        change.looks.add(pin)
        if why:
            change.changed[name] = why
        else:
            change.first.append(name)
        return not why

    async def _commit(self, server: str, change: _Change) -> None:
        records = [
            Record(
                kind="mcp.changed",
                data={"change": word, "tools": len(names)},
                private={"server": server, "tools": names},
            )
            for word, names in (
                ("waiting", change.changed),
                ("first-use", change.first),
                ("as-approved", change.back),
            )
            if names
        ]
        await self._sequencer.submit(Unit(records=tuple(records), steps=tuple(change.steps)))
        for step in change.steps:
            if isinstance(step, PutPin):
                self._keep(step.pin)
            elif isinstance(step, ForgetPin):
                self._known[server].waiting.pop(step.tool, None)

    def _keep(self, pin: Pin) -> None:
        known = self._known.setdefault(pin.server, _Known())
        match pin.state:
            case PinState.APPROVED:
                known.approved[pin.tool] = pin
            case PinState.WAITING:
                known.waiting[pin.tool] = pin
            case PinState.LISTING:
                known.listing = pin

    def _all(self) -> Iterable[Pin]:
        return chain.from_iterable(
            chain(known.approved.values(), known.waiting.values()) for known in self._known.values()
        )


def _hash(cursor: str) -> bytes:
    return hashlib.sha256(cursor.encode("utf-8", "surrogatepass")).digest()
