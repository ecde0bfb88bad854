"""The ledger's desk: what model calls cost, by whom and for what, and what budgets have left."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.console.asking import Asker, ForbiddenError
from firewall.console.auth import Access, may_name, needing
from firewall.console.paging import paged, skip_of
from firewall.core.budget import OF_PEOPLE, Budget, Scope, Window, period
from firewall.core.errors import ProtocolError
from firewall.core.grant import matches
from firewall.core.ports import Clock
from firewall.settings.values import seconds
from firewall.storage.sqlite.schema import open_reader
from firewall.storage.sqlite.spending import TAG, WORDS, Group, balances, report

Json = Mapping[str, object]
MOST_WORDS = 4
MOST_GROUPS = 1_000
_LAST_US = 253_370_764_800_000_000
"""The year 9999."""
_TAG = re.compile(r"[a-z][a-z0-9_]{0,31}")


APPROVALS = ("provider", "model")
"""What a report groups by besides, where it says who approved each model."""


@dataclass(frozen=True, slots=True)
class Approved:
    """Who approved a model, as models.toml says it now; days as ISO 8601, empty where nobody says."""

    approved_by: str = ""
    approved_at: str = ""
    review_by: str = ""


class SpendDesk(Protocol):
    """Reads the ledger."""

    async def report(
        self, by: tuple[str, ...], since_us: int, until_us: int, *, skip: int = 0, approvals: bool = False
    ) -> tuple[list[Json], bool]:
        """Return groups of calls, the dearest first, and whether there are more; `skip`: without so many.

        `approvals`: with who approved the model of each.
        """
        ...

    async def budgets(self, skip: int = 0) -> tuple[list[Json], bool]:
        """Return accounts of budgets in their present windows, and whether others have not been looked at.

        `skip`: those that moved last and were looked at before.
        """
        ...

    def now_us(self) -> int:
        """Return the time by which reports begin and end."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """The desk over the database; each question has a connection and a thread of its own, so nobody else waits."""

    path: Path
    clock: Clock
    limits: tuple[Budget, ...]
    approved: Callable[[str, str], Approved]
    """Provider and model to who approved it."""

    def now_us(self) -> int:
        """Return the time."""
        return self.clock.now_us()

    async def report(
        self, by: tuple[str, ...], since_us: int, until_us: int, *, skip: int = 0, approvals: bool = False
    ) -> tuple[list[Json], bool]:
        """As the desk says; with `approvals` each group is of one model at one provider."""
        groups = await asyncio.to_thread(self._report, by, since_us, until_us, skip)
        rows = [self._shown(by, group, approvals=approvals) for group in groups[:MOST_GROUPS]]
        return rows, len(groups) > MOST_GROUPS

    async def budgets(self, skip: int = 0) -> tuple[list[Json], bool]:
        """As the desk says, with what they have left."""
        now_us = self.clock.now_us()
        found = await asyncio.to_thread(self._balances, skip)
        rows = [row for one in found[:MOST_GROUPS] for row in self._account(*one, now_us)]
        return rows, len(found) > MOST_GROUPS

    def _report(self, by: tuple[str, ...], since_us: int, until_us: int, skip: int) -> list[Group]:
        connection = open_reader(self.path)
        try:
            connection.execute("BEGIN")  # one state of the books, whatever is booked meanwhile
            return report(connection, by, since_us=since_us, until_us=until_us, limit=MOST_GROUPS + 1, skip=skip)
        finally:
            connection.close()

    def _balances(self, skip: int) -> list[tuple[str, int, int]]:
        connection = open_reader(self.path)
        try:
            return balances(connection, MOST_GROUPS + 1, skip)
        finally:
            connection.close()

    def _shown(self, by: tuple[str, ...], group: Group, *, approvals: bool) -> Json:
        row: dict[str, object] = dict(zip(by, group.words, strict=True))
        row |= {key: value for key, value in asdict(group).items() if key not in ("words", "models")}
        if approvals:
            row |= asdict(self.approved(str(row["provider"]), str(row["model"])))
        elif "model" in by or "feature" in by:
            row["models"] = [
                {"model": name, "approved_by": self.approved(*name.split("/", 1)).approved_by}
                for name in group.models
            ]
        return row

    def _account(self, key: str, spent: int, held: int, now_us: int) -> list[Json]:
        scope, _, rest = key.partition(":")
        holder, window, day = rest.rsplit(":", 2)
        if window != Window.LIFE and day != period(Window(window), now_us):
            return []
        fitting = [
            one
            for one in self.limits
            if one.scope == Scope(scope) and one.window == window and matches(one.holders, holder)
        ]
        hard = min((one.hard_micros for one in fitting if one.hard_micros), default=0)
        row = {"scope": scope, "holder": holder, "window": window, "period": day, "spent_micros": spent}
        left = {"left_micros": max(0, hard - spent - held)} if hard else {}
        return [{**row, "held_micros": held, "hard_micros": hard, **left}]


class SpendHandlers:
    """The handlers of `/api/spend…`: sums for everybody with a role, names for those who may read the log."""

    def __init__(self, desk: SpendDesk) -> None:
        self._desk = desk

    async def report(self, request: Request, asker: Asker) -> Response:
        """Report: `?by=feature,model&since=7d&until=2026-11-21`; `&approvals=1`: who approved each model.

        The MOST_GROUPS dearest; `more`: there are others, which `&skip=N` shows.
        """
        asked = request.query_params
        by, approvals = words_of(asked.get("by", "")), asked.get("approvals", "") == "1"
        if approvals:
            by = words_of(",".join(dict.fromkeys((*by, *APPROVALS))))
        is_named = may_name(asker.who)
        if not is_named and (approvals or any(_is_of_people(word) for word in by)):
            role = asker.who.role if asker.who else ""
            raise ForbiddenError(f"{needing(Access.LOG, role)}, for it names people", code="role_refused")
        now_us = self._desk.now_us()
        since_us = instant(asked.get("since") or "7d", now_us)
        until_us = instant(asked["until"], now_us) if asked.get("until") else now_us + 1
        found, more = await self._desk.report(by, since_us, until_us, skip=skip_of(request), approvals=approvals)
        rows = found if is_named else [_nameless(row) for row in found]
        times = {"since": _iso(since_us), "until": _iso(until_us)}
        return JSONResponse({"by": list(by), **times, "rows": rows, "more": more})

    async def budgets(self, request: Request, asker: Asker) -> Response:
        """Show what the accounts of budgets have spent, hold and have left: of the MOST_GROUPS that moved last.

        Where there are others a `Link` leads on, with `?skip=N`.
        """
        skip = skip_of(request)
        found, more = await self._desk.budgets(skip)
        rows = [dict(one) if may_name(asker.who) else _nameless(one) for one in found]
        return paged(request, rows, {"skip": str(skip + MOST_GROUPS)} if more else {})


def _is_of_people(word: str) -> bool:
    """Tell whether groups of a word are people, what one person uses, or whatever a call says in a tag."""
    return word == "principal" or word in OF_PEOPLE or word.startswith(TAG)


def _nameless(row: Json) -> dict[str, object]:
    """Return a row without the holder of an account that is a person's, and without who approved models."""
    found = dict(row)
    if found.get("scope") in OF_PEOPLE:
        found["holder"] = ""
    models = found.get("models")
    if isinstance(models, list):
        found["models"] = [{"model": one["model"]} for one in models]
    return found


def words_of(text: str) -> tuple[str, ...]:
    """Read what to group by.

    Raises: ProtocolError `by_invalid` (400).
    """
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in words:
        is_tag = word.startswith(TAG) and _TAG.fullmatch(word.removeprefix(TAG))
        if word not in WORDS and not is_tag:
            known = ", ".join([*WORDS, "tag:NAME"])
            raise ProtocolError(f"`{word[:40]}` is nothing to group by: {known}", code="by_invalid")
    if len(words) > MOST_WORDS or len(set(words)) < len(words):
        raise ProtocolError(f"group by at most {MOST_WORDS} different words", code="by_invalid")
    return words


def instant(text: str, now_us: int) -> int:
    """Read `7d`, `12h` or a day such as `2026-11-21` (its beginning, UTC) as microseconds.

    Raises: ProtocolError `time_invalid` (400).
    """
    try:
        found = _read(text, now_us)
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found < _LAST_US:
        raise ProtocolError(
            f"`{text[:40]}` is no time: write for example `7d` or `2026-11-21`", code="time_invalid"
        )
    return found


def _read(text: str, now_us: int) -> int:
    if text[:1].isdigit() and text[-1:].isalpha():
        return now_us - seconds(text) * 1_000_000
    day = datetime.fromisoformat(text)
    day = day if day.tzinfo else day.replace(tzinfo=UTC)
    return int((day - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")
