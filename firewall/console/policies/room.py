"""The policies in force: rows in order with how often each decided, and a box that explains a text."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import ROLES, Access
from firewall.console.costs.plot import moment
from firewall.console.costs.room import days_of
from firewall.console.policies.explaining import KINDS, Asked, Explained, Explainer
from firewall.console.policies.tally import DAY_US, Counted, RowTally
from firewall.console.policies.trying import SimulatePage, Simulator
from firewall.console.policies.wording import words_of
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.errors import FirewallError, StoreError
from firewall.core.ports import Clock
from firewall.policy.rows import Row as PolicyRow
from firewall.policy.snapshot import Snapshot

PATH = "/console/policies"
CHOICES = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class RowSeen:
    """One row and how often it decided."""

    row: PolicyRow
    count: int

    @property
    def words(self) -> str:
        """What it does."""
        return words_of(self.row)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the page shows of the policy in force."""

    digest: str
    days: int
    rows: tuple[RowSeen, ...]
    counted: Counted

    @property
    def busy(self) -> tuple[RowSeen, ...]:
        """Rows that decided something, the one that decided most first."""
        return tuple(sorted((one for one in self.rows if one.count), key=lambda one: -one.count))

    @property
    def idle(self) -> tuple[RowSeen, ...]:
        """Rows that decided nothing, in the order of the file."""
        return tuple(one for one in self.rows if not one.count)

    @property
    def never(self) -> int:
        """How many rows decided nothing."""
        return len(self.idle)

    @property
    def no_row(self) -> int:
        """Calls that no row decided: the grant, a limit, our own reach."""
        return self.counted.by_row.get("", 0)

    @property
    def back_to(self) -> str:
        """How far back the log was counted, where that is not far enough yet; empty: it is."""
        return moment(self.counted.back_to_us) if self.counted.back_to_us else ""


class PolicyLook(Protocol):
    """Knows the policy in force and how often its rows decided."""

    async def look(self, days: int) -> Overview:
        """Return both, of the last so many days. Raises: StoreError."""
        ...


@dataclass(slots=True)
class InForce:
    """The `PolicyLook` over the rules in force and the log."""

    rules: Callable[[], Snapshot]
    tally: RowTally
    clock: Clock
    _reading: "asyncio.Task[None] | None" = None
    """Counts on in the background, where a look did not reach back far enough."""

    async def look(self, days: int) -> Overview:
        """Return the rows in force with their counts.

        Raises: StoreError when the log cannot be read.
        """
        snapshot = self.rules()
        counted = await self._step(snapshot.digest, days)
        if counted.back_to_us and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_on(snapshot.digest, days))
        rows = tuple(RowSeen(row, counted.by_row.get(row.ref, 0)) for row in snapshot.rows)
        return Overview(snapshot.digest, days, rows, counted)

    async def _step(self, policy: str, days: int) -> Counted:
        now_us = self.clock.now_us()
        return await asyncio.to_thread(self.tally.look, policy, now_us // DAY_US - days + 1, now_us)

    async def _read_on(self, policy: str, days: int) -> None:
        with suppress(StoreError):  # the next look says so
            while (await self._step(policy, days)).back_to_us:
                pass


class PolicyPage:
    """The room of the page; explaining runs nothing and writes nothing."""

    tab = Tab(PATH, "Policies", Access.READER)

    def __init__(self, desk: PolicyLook, explainer: Explainer, simulator: Simulator) -> None:
        self._desk = desk
        self._simulate = SimulatePage(simulator, self.tab)
        self._explainer = explainer

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            page = await self._desk.look(days_of(request.query_params.get("days", "30")))
            return frame.html(
                "policies.html",
                visitor,
                self.tab,
                page=page,
                choices=CHOICES,
                kinds=KINDS,
                asked=Asked(),
                may_simulate=visitor.who.role in ROLES[Access.ADMIN],
            )

        async def explain(_request: Request, visitor: Visitor, fields: Fields) -> Response:
            asked = Asked(
                text=fields.get("text", "").replace("\r\n", "\n"),
                kind=fields.get("kind", ""),
                environment=fields.get("environment", "")[:100].strip(),
                role=fields.get("role", "")[:100].strip() or Asked().role,
                workspace=fields.get("workspace", "")[:500].strip(),
            )
            found: Explained | None = None
            said: FirewallError | None = None
            try:
                found = await self._explainer.explain(asked)
            except FirewallError as error:
                said = error
            return frame.html(
                "explained.html",
                visitor,
                self.tab,
                status=said.status if said else 200,
                found=found,
                asked=asked,
                kinds=KINDS,
                said=said.public if said else "",
            )

        return (
            frame.page(PATH, show, self.tab.needs),
            frame.form(f"{PATH}/explain", explain, self.tab.needs),
            *self._simulate.rows(frame),
        )
