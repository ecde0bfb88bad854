"""The desk of the spend page: reads sums and accounts from the ledger, in a thread with its own connection."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from firewall.console.costs.days import DaySums, Kinds, course, dearest, together
from firewall.console.costs.plot import Day, Plot, Spark, moment, money, percent, plot_of, portion, spark_of
from firewall.core.budget import OF_PEOPLE, Budget, Scope, Window, period
from firewall.core.errors import StoreError
from firewall.core.grant import matches
from firewall.core.ports import Clock
from firewall.storage.sqlite import spend_days
from firewall.storage.sqlite.schema import open_reader
from firewall.storage.sqlite.spend_days import DAY_US, GROUPS, Account, Days, Sum

MOST_GROUPS = 10
"""Groups of a kind that are shown; what the others cost stands together."""
MOST_ACCOUNTS = 500
"""Accounts of a window that are looked at: those that moved last."""
MOST_CAPS = 30
"""Caps that are shown: the fullest."""
WARM_DAYS = 90
"""Days that are added up ahead: as many as the page shows at most."""
WARM_PAUSE_S = 0.02
TITLES = {"feature": "By feature", "user_tier": "By user tier", "team": "By team", "model": "By model"}


@dataclass(frozen=True, slots=True)
class Line:
    """One group of calls."""

    name: str
    cost: Sum
    share: int
    """Of all that was spent, in percent."""
    course: Spark

    @property
    def money(self) -> str:
        """What it cost, in words."""
        return money(self.cost.cost_micros)


@dataclass(frozen=True, slots=True)
class Part:
    """All groups of a kind."""

    kind: str
    lines: tuple[Line, ...]
    more: str
    """What groups beyond those cost together, in words; empty: there are none."""

    @property
    def title(self) -> str:
        """What the groups are."""
        return TITLES[self.kind]

    @property
    def by(self) -> str:
        """How a report is asked for the same groups."""
        return ",".join(GROUPS[self.kind])


@dataclass(frozen=True, slots=True)
class Cap:
    """How full an account is."""

    scope: str
    holder: str
    window: str
    spent_micros: int
    held_micros: int
    soft_micros: int
    hard_micros: int

    @property
    def is_of_people(self) -> bool:
        """Its holder is a person, or what one person uses."""
        return self.scope in OF_PEOPLE

    @property
    def limit_micros(self) -> int:
        """Where calls are refused, else where people are told."""
        return self.hard_micros or self.soft_micros

    @property
    def full(self) -> int:
        """What is spent and held of it, in percent; more than 100 where a call cost more than was held."""
        return percent(self.spent_micros + self.held_micros, self.limit_micros)

    @property
    def spent(self) -> str:
        """What is spent, in words."""
        return money(self.spent_micros)

    @property
    def held(self) -> str:
        """What calls under way hold, in words; empty: nothing."""
        return money(self.held_micros) if self.held_micros else ""

    @property
    def limit(self) -> str:
        """What it may hold, in words, and what happens there."""
        hard, soft = self.hard_micros, self.soft_micros
        told = f"people are told at {money(soft)}" if soft else ""
        return ", ".join(word for word in (f"{money(hard)} at most" if hard else "", told) if word)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the page shows."""

    days: int
    at: str
    total: Sum
    plot: Plot
    parts: tuple[Part, ...]
    caps: tuple[Cap, ...]
    more_caps: int
    """Caps beyond those shown, less full than they are."""
    unseen_of: int = 0
    """Accounts of one window that were looked at where it has others, which moved earlier; 0: it has none."""

    @property
    def nameless(self) -> "Overview":
        """The same for those who may not read the log: sums, and caps of people without their holders."""
        return replace(self, caps=tuple(replace(cap, holder="") if cap.is_of_people else cap for cap in self.caps))

    def named(self, names: Mapping[str, str]) -> "Overview":
        """The same with people's names in place of the pseudonymous ids that the books have."""
        return replace(
            self, caps=tuple(replace(cap, holder=names.get(cap.holder, cap.holder)) for cap in self.caps)
        )

    @property
    def money(self) -> str:
        """What everything cost, in words."""
        return money(self.total.cost_micros)

    @property
    def guessed(self) -> str:
        """What nobody counted of it, in words; empty: nothing."""
        return money(self.total.guessed_micros) if self.total.guessed_micros else ""


class CostDesk(Protocol):
    """Knows what was spent."""

    async def look(self, days: int) -> Overview:
        """Return what the last so many days cost, today included. Raises: StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Costs:
    """The `CostDesk` over the ledger."""

    path: Path
    clock: Clock
    limits: tuple[Budget, ...]
    sums: DaySums = field(default_factory=DaySums)

    async def look(self, days: int) -> Overview:
        """Return what the last so many days cost, today included.

        Raises: StoreError when the ledger cannot be read.
        """
        return await asyncio.to_thread(self._look, days)

    async def warm(self) -> None:
        """Add up the days that are over, one at a time with a pause behind it, before anybody looks.

        Raises: StoreError when the ledger cannot be read.
        """
        today = self.clock.now_us() // DAY_US
        for day in range(today - 1, today - WARM_DAYS, -1):
            await asyncio.to_thread(self._sum, (day, day))
            await asyncio.sleep(WARM_PAUSE_S)

    def _sum(self, days: Days) -> dict[int, Kinds]:
        with self._reading() as connection:
            return self.sums.of(connection, days)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Yield one state of the books, whatever is booked meanwhile."""
        try:
            with closing(open_reader(self.path)) as connection:
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise StoreError("the ledger cannot be read", detail=str(error)) from error

    def _look(self, days: int) -> Overview:
        now_us = self.clock.now_us()
        today = now_us // DAY_US
        span = (today - days + 1, today)
        with self._reading() as connection:
            found_days = self.sums.of(connection, span)
            caps, is_cut = self._caps(connection, now_us)
        by_day = {day: together(kinds["feature"].values()) for day, kinds in found_days.items()}
        total = together(by_day.values())
        parts = tuple(_part(found_days, kind, span, total) for kind in GROUPS)
        costs = {day: Day(one.cost_micros, one.guessed_micros, one.calls) for day, one in by_day.items()}
        plot = plot_of(costs, *span)
        more, unseen = max(0, len(caps) - MOST_CAPS), MOST_ACCOUNTS if is_cut else 0
        return Overview(days, moment(now_us), total, plot, parts, caps[:MOST_CAPS], more, unseen)

    def _caps(self, connection: sqlite3.Connection, now_us: int) -> tuple[tuple[Cap, ...], bool]:
        """Return what has a cap, the fullest first, and whether a window has accounts that were not looked at."""
        found: list[Account] = []
        is_cut = False
        for window in Window:
            accounts = spend_days.present(
                connection, [f"{window.value}:{period(window, now_us)}"], MOST_ACCOUNTS + 1
            )
            is_cut |= len(accounts) > MOST_ACCOUNTS
            found += accounts[:MOST_ACCOUNTS]
        caps = [self._cap(one) for one in found]
        full = sorted((cap for cap in caps if cap.limit_micros), key=lambda cap: (-cap.full, cap.holder))
        return tuple(full), is_cut

    def _cap(self, account: Account) -> Cap:
        scope, _, rest = account.key.partition(":")
        holder, window, _ = rest.rsplit(":", 2)
        fitting = [
            one
            for one in self.limits
            if one.scope == Scope(scope) and one.window == window and matches(one.holders, holder)
        ]
        hards = [micros for micros in (account.cap_micros, *(one.hard_micros for one in fitting)) if micros]
        softs = [one.soft_micros for one in fitting if one.soft_micros]
        return Cap(
            scope=scope.replace("_", " "),
            holder=holder,
            window=window,
            spent_micros=account.spent_micros,
            held_micros=account.held_micros,
            soft_micros=min(softs, default=0),
            hard_micros=min(hards, default=0),
        )


def _part(days: Mapping[int, Kinds], kind: str, span: Days, total: Sum) -> Part:
    groups = dearest(days, kind)
    lines = [
        Line(
            "/".join(words) or "-",
            cost,
            portion(cost.cost_micros, total.cost_micros),
            spark_of(course(days, kind, words), *span),
        )
        for words, cost in groups[:MOST_GROUPS]
    ]
    rest = total.cost_micros - sum(line.cost.cost_micros for line in lines)
    return Part(kind, tuple(lines), money(rest) if len(groups) > MOST_GROUPS else "")
