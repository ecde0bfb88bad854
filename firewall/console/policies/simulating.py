"""What a change of rows would have done to the calls of the last days; nothing of it is put in force.

The rows are loaded and checked as a load checks them. Then the log is read from its end, bodies are opened as far
as their keys are there, and each call is judged on paper under both policies. The reading is recorded first.
INVARIANT: bounded in entries, in bodies, in time and to one simulation at a time; what was not looked at is said.
"""

import asyncio
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import orjson

from audit import AuditError, decode
from audit.seal import identity_of
from firewall.approvals.people import Approver
from firewall.core.errors import ConfigError, FirewallError, ProtocolError, StoreError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Record, Unit
from firewall.policy.replaying import Compared, Told, compared
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import Scene
from firewall.sequencer.sealing import Sealing
from firewall.storage.sqlite.schema import open_reader

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
STRETCH = 200
"""Entries that are read and opened at a time; fewer where they are long."""
STRETCH_BYTES = 8 << 20
"""Stored bytes that are read and opened at a time; an entry that is larger alone."""
MOST_ENTRIES = 200_000
"""Entries of the log that one simulation passes over."""
MOST_CALLS = 10_000
"""Calls that it judges."""
MOST_BYTES = 512 << 20
"""Stored bytes of calls that it opens."""
LIMIT_S = 20.0
"""How long one simulation judges; it is looked at before each call."""
MOST_FLIPS = 2_000
"""Different flips that are kept, alike ones counted as one."""
MOST_DAYS = 90
MOST_KEPT = 16
"""People whose last simulation is kept."""


class Rules(Protocol):
    """The policy in force, and what it would be with other rows."""

    def __call__(self) -> Snapshot:
        """Return the one in force."""
        ...

    def tried(self, rows: bytes) -> Snapshot:
        """Return it with other rows. Raises: ConfigError."""
        ...

    def on_disk(self) -> str:
        """Return the rows as they lie on disk."""
        ...


@dataclass(frozen=True, slots=True)
class Flip:
    """Calls alike whose verdict would be another."""

    compared: Compared
    tool: str
    count: int
    seq: int
    """The newest of them."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came out."""

    days: int
    back_to_us: int
    """How far back the calls reach that were judged."""
    is_whole: bool
    """All calls of these days were looked at."""
    calls: int = 0
    """Calls that were judged on paper."""
    closed: int = 0
    """Calls whose bodies cannot be opened: their key was erased, or they are not what was sealed."""
    untold: int = 0
    """Calls of which the entry tells nothing that can be judged."""
    flips: tuple[Flip, ...] = ()
    """The most frequent first."""
    left_out: int = 0
    """Different flips beyond MOST_FLIPS."""
    asked_now: int = 0
    """Requests to approvers under the policy in force; what repeats within an hour is one."""
    asked_then: int = 0
    span_us: int = DAY_US
    read: tuple[int, int] = (0, -1)
    """The numbers of the first and the last entry that may have been opened."""

    @property
    def flipped(self) -> int:
        """Calls whose verdict would be another."""
        return sum(flip.count for flip in self.flips)

    def a_day(self, asked: int) -> str:
        """Return a number of requests as requests a day; a log of less than a day counts as one day."""
        return f"{asked * DAY_US / max(DAY_US, self.span_us):.1f}"


_Row = tuple[int, int, bytes, bytes | None]
"""Number, time, body and sealed part of a call."""


@dataclass(slots=True)
class _Found:
    calls: int = 0
    closed: int = 0
    untold: int = 0
    weight: int = 0
    """Stored bytes of what was read."""
    oldest_us: int = 0
    is_late: bool = False
    """The time of one simulation is up."""
    flips: dict[tuple[str, Compared], list[int]] = field(default_factory=dict)
    """(tool, what would change) to [count, newest entry]."""
    left_out: set[tuple[str, Compared]] = field(default_factory=set)
    now: set[object] = field(default_factory=set)
    then: set[object] = field(default_factory=set)
    memo: dict[bytes, Compared | None] = field(default_factory=dict)
    scenes: dict[str, Scene] = field(default_factory=dict)

    @property
    def may_go_on(self) -> bool:
        """One simulation may look at more."""
        return not self.is_late and self.calls + self.closed < MOST_CALLS and self.weight < MOST_BYTES


@dataclass(frozen=True, slots=True)
class _Call:
    seq: int
    at_us: int
    token: str
    same: object
    """What makes it one request to approvers."""
    gate: str
    private: Mapping[str, object] | None


@dataclass(slots=True)
class Simulating:
    """Simulates for admins; remembers the last one of each, so that its pages can be turned."""

    path: Path
    rules: Rules
    sealing: Sealing
    sequencer: Sequencer
    clock: Clock
    ticks: Callable[[], float] = time.monotonic
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: OrderedDict[str, tuple[int, Simulation]] = field(default_factory=OrderedDict)
    """With how many people were erased before it began."""

    def on_disk(self) -> str:
        """Return the rows as they lie on disk."""
        return self.rules.on_disk()

    def last(self, name: str) -> Simulation | None:
        """Return somebody's last simulation; none, where somebody was erased since."""
        erasures, found = self._last.get(name, (-1, None))
        return found if erasures == self.sealing.erasures else None

    async def again(self, by: Approver) -> Simulation | None:
        """Return somebody's last simulation once it is recorded that he looks at it again. Raises: StoreError."""
        found = self.last(by.name)
        if found is not None:
            await self._recorded(*found.read, by)
        return found

    async def simulate(self, rows: str, days: int, by: Approver) -> Simulation:
        """Judge the calls of the last days under other rows.

        Raises: FirewallError `policy_refused` (422) with every problem, ProtocolError `days_invalid` (400) and
        `simulation_busy` (429), StoreError.
        """
        if not 0 < days <= MOST_DAYS:
            raise ProtocolError(f"`days` is from 1 to {MOST_DAYS}", code="days_invalid")
        if self._one.locked():
            raise ProtocolError("another simulation is under way", code="simulation_busy", status=429)
        async with self._one:
            try:
                other = await asyncio.to_thread(self.rules.tried, rows.encode("utf-8", errors="surrogatepass"))
            except ConfigError as error:
                raise FirewallError(error.public, code="policy_refused", status=422, detail=error.hint) from error
            erasures = self.sealing.erasures
            found = await self._simulated(other, days, by)
        self._last[by.name] = (erasures, found)
        self._last.move_to_end(by.name)
        while len(self._last) > MOST_KEPT:
            self._last.popitem(last=False)
        return found

    async def _simulated(self, other: Snapshot, days: int, by: Approver) -> Simulation:
        now_us = self.clock.now_us()
        since_us = now_us - days * DAY_US
        last = await asyncio.to_thread(self._read, lambda one: int(_only(one, "SELECT coalesce(max(seq), -1)")))
        first = max(0, last + 1 - MOST_ENTRIES)
        await self._recorded(first, last, by)
        now, found, until, is_over = self.rules(), _Found(oldest_us=now_us), last, False
        until_s = self.ticks() + LIMIT_S
        while until >= first and not is_over and found.may_go_on:
            start = max(first, until + 1 - STRETCH)
            until, is_over = await asyncio.to_thread(
                self._judged, (start, until), (now, other), since_us=since_us, until_s=until_s, found=found
            )
        flips = sorted(found.flips.items(), key=lambda one: (-one[1][0], -one[1][1]))
        return Simulation(
            days=days,
            back_to_us=found.oldest_us,
            is_whole=is_over or until < 0,
            calls=found.calls,
            closed=found.closed,
            untold=found.untold,
            flips=tuple(Flip(what, tool, count, seq) for (tool, what), (count, seq) in flips),
            left_out=len(found.left_out),
            asked_now=len(found.now),
            asked_then=len(found.then),
            span_us=now_us - found.oldest_us,
            read=(first, last),
        )

    async def _recorded(self, first: int, last: int, by: Approver) -> None:
        read = Record(
            kind="audit.read",
            data={"from": first, "to": last, "what": "policy_simulate"},
            person=by.name,
            principal=by.name,
            private={"name": by.name},
        )
        await self.sequencer.submit(Unit(records=(read,)))

    def _read(self, ask: Callable[[sqlite3.Connection], int]) -> int:
        try:
            connection = open_reader(self.path)
            try:
                return ask(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError("the log cannot be read", detail=str(error)) from error

    def _judged(
        self,
        span: tuple[int, int],
        both: tuple[Snapshot, Snapshot],
        *,
        since_us: int,
        until_s: float,
        found: _Found,
    ) -> tuple[int, bool]:
        """Read, open and judge a stretch, in a thread; return where the next ends, and if days are over.

        When the time is up in between, the next would end at the first call that was not judged.
        """
        rows, reached = self._stretch(*span)
        found.weight += sum(len(body) + len(sealed or b"") for _, _, body, sealed in rows)
        calls = [call for row in rows if (call := self._opened(row, since_us, found)) is not None]
        left = self._compare(calls, both, until_s, found)
        if left is not None:
            found.is_late = True
            return left.seq, False
        return reached - 1, bool(rows) and rows[-1][1] < since_us

    def _stretch(self, start: int, until: int) -> tuple[list[_Row], int]:
        """Return calls of a stretch, newest first, and the number down to which it came within its bytes."""
        rows: list[_Row] = []

        def ask(connection: sqlite3.Connection) -> int:
            query = (
                "SELECT seq, at, body, sealed FROM audit_entries WHERE seq BETWEEN ? AND ? "
                "AND kind = 'tool.judged' ORDER BY seq DESC"
            )
            weight = 0
            for row in connection.execute(query, (start, until)):
                weight += len(row[2]) + len(row[3] or b"")
                if rows and weight > STRETCH_BYTES:
                    return int(rows[-1][0])
                rows.append(row)
            return start

        return rows, self._read(ask)

    def _opened(self, row: _Row, since_us: int, found: _Found) -> _Call | None:
        seq, at_us, body, sealed = row
        if at_us < since_us:
            return None
        try:
            entry = decode(body)
            opened = self.sealing.open_under(entry.subject, sealed, identity_of(entry)) if sealed else None
            private = orjson.loads(opened) if opened else None
        except (AuditError, orjson.JSONDecodeError):
            private = None
        if not isinstance(private, dict):
            found.closed += 1
            return None
        data = entry.data
        same = entry.approval or (entry.principal, str(data.get("digest", "")), at_us // HOUR_US)
        return _Call(seq, at_us, str(data.get("token", "")), same, str(data.get("gate", "")), private)

    def _compare(
        self, calls: list[_Call], both: tuple[Snapshot, Snapshot], until_s: float, found: _Found
    ) -> _Call | None:
        """Judge a few calls; return the one before which the time was up."""
        self._learn_scenes({call.token for call in calls} - set(found.scenes), found)
        for call in calls:
            if self.ticks() >= until_s:
                return call
            found.oldest_us = min(found.oldest_us, call.at_us)
            told = _told(call, found.scenes[call.token])
            key = sha256(
                orjson.dumps([told.gate, told.tool, told.arguments, asdict(told.scene), told.actions])
            ).digest()
            if key not in found.memo:
                found.memo[key] = compared(told, *both)
            what = found.memo[key]
            if what is None:
                found.untold += 1
                continue
            found.calls += 1
            if what.was == "ask":
                found.now.add(call.same)
            if what.then == "ask":
                found.then.add(call.same)
            if what.is_flip:
                _count(found, (told.tool, what), call.seq)
        return None

    def _learn_scenes(self, tokens: set[str], found: _Found) -> None:
        def ask(connection: sqlite3.Connection) -> int:
            for token in tokens:
                row = connection.execute("SELECT grant_json FROM tokens WHERE id = ?", (token,)).fetchone()
                found.scenes[token] = _scene(row[0] if row else "")
            return len(tokens)

        if tokens:
            self._read(ask)


def _count(found: _Found, key: tuple[str, Compared], seq: int) -> None:
    known = found.flips.get(key)
    if known is not None:
        known[0] += 1
    elif len(found.flips) < MOST_FLIPS:
        found.flips[key] = [1, seq]
    else:
        found.left_out.add(key)


def _only(connection: sqlite3.Connection, select: str) -> int:
    return int(connection.execute(f"{select} FROM audit_entries").fetchone()[0])


def _scene(grant: str) -> Scene:
    """Return from where calls of a token are judged; of a token that is gone, anywhere."""
    try:
        row = orjson.loads(grant) if grant else {}
    except orjson.JSONDecodeError:
        row = {}
    scene = Scene(environment=str(row.get("environment", "")), workspace=str(row.get("workspace", "")))
    return replace(scene, role=str(row["role"])) if row.get("role") else scene


def _told(call: _Call, scene: Scene) -> Told:
    private = call.private or {}
    actions = private.get("actions")
    listed = [one for one in actions if isinstance(one, dict)] if isinstance(actions, list) else []
    return Told(call.gate, str(private.get("tool", "")), str(private.get("arguments", "")), listed, scene)
