"""`/console/approvers` and `/api/approvers/figures`: how people answer, for admins."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.figures import DAY_US, MOST_ANSWERS, Figures, figures_of
from firewall.console.asking import Asker
from firewall.console.auth import Access
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.shape import rfc3339
from firewall.core.approval import Answer
from firewall.core.errors import ProtocolError
from firewall.core.ports import Clock

PATH, FIGURES = "/console/approvers", "/api/approvers/figures"
DAYS, MOST_DAYS = 7, 90
"""How far back is looked, usually and at most."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How people answered, and of which time it says so."""

    people: list[Figures]
    since_us: int
    is_cut: bool
    """More was answered than is counted: `since_us` is when the oldest answer was given that is."""


class Answers(Protocol):
    """Reads votes."""

    def answers(self, since_us: int, limit: int) -> Sequence[Answer]:
        """Return votes after an instant, newest first."""
        ...


class Answering:
    """Counts how people answered."""

    def __init__(
        self, rows: Answers, *, names: Callable[[], Sequence[str]], pseudonym: Callable[[str], str], clock: Clock
    ) -> None:
        """`names`: everybody who has an account."""
        self._rows = rows
        self._names = names
        self._pseudonym = pseudonym
        self._clock = clock

    def look(self, days: int = DAYS) -> Counted:
        """Return everybody's figures of so many days, of the newest MOST_ANSWERS answers. Raises: StoreError."""
        now_us = self._clock.now_us()
        since_us = now_us - days * DAY_US
        answers = self._rows.answers(since_us, MOST_ANSWERS + 1)
        is_cut = len(answers) > MOST_ANSWERS
        if is_cut:
            answers = answers[:MOST_ANSWERS]
            since_us = answers[-1].at
        names = {self._pseudonym(name): name for name in self._names()}
        return Counted(figures_of(answers, names, days=max(1, now_us - since_us) / DAY_US), since_us, is_cut)

    def words(self) -> str:
        """Say who waves everything through, for `doctor`; empty where nobody does. Raises: StoreError."""
        return ", ".join(
            f"{one.name} ({one.approved} of {one.answered} approved, {one.hasty} within 3 s)"
            for one in self.look().people
            if one.waves_through
        )


class ApproverRoom:
    """The room of the page and its JSON."""

    tab = Tab(PATH, "Approvers", Access.ADMIN)

    def __init__(self, desk: Answering) -> None:
        self._desk = desk

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            days = _days(request)
            found = self._desk.look(days)
            waving = [one.name for one in found.people if one.waves_through]
            return frame.html(
                "approvers.html",
                visitor,
                self.tab,
                people=found.people,
                days=days,
                waving=waving,
                cut=rfc3339(found.since_us) if found.is_cut else "",
                most=MOST_ANSWERS,
            )

        async def figures(request: Request, _asker: Asker) -> Response:
            found = self._desk.look(_days(request))
            return JSONResponse([_row(one, found.since_us) for one in found.people])

        return (frame.page(PATH, show, self.tab.needs), Row("GET", FIGURES, Access.ADMIN, figures))


def _row(one: Figures, since_us: int) -> dict[str, object]:
    judged = {"hasty_percent": one.hasty_percent, "waves_through": one.waves_through}
    return {**asdict(one), **judged, "since": rfc3339(since_us)}


def _days(request: Request) -> int:
    """Return how many days are asked for. Raises: ProtocolError `days_invalid`."""
    text = request.query_params.get("days", str(DAYS))
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= days <= MOST_DAYS:
        raise ProtocolError(f"`days` is a whole number from 1 to {MOST_DAYS}", code="days_invalid")
    return days
