"""The page and the address of simulations: rows are pasted or uploaded, what would flip is shown page by page."""

from dataclasses import asdict
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.console.auth import Access
from firewall.console.costs.plot import moment
from firewall.console.policies.simulating import MOST_DAYS, Flip, Simulation
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.errors import AuthError, FirewallError, ProtocolError

PATH = "/console/policies/simulate"
PAGE = 50
"""Flips on one page."""
MOST_SAID = 500
"""Flips in one answer of the API, the most frequent."""
DAYS = 7
FORM_BYTES = 256 * 1024
"""Of what is sent to be simulated, all fields together."""


class Simulator(Protocol):
    """Simulates a change of rows."""

    async def simulate(self, rows: str, days: int, by: Approver) -> Simulation:
        """Judge the calls of the last days under other rows. Raises: FirewallError."""
        ...

    async def again(self, by: Approver) -> Simulation | None:
        """Return somebody's last simulation, once it is recorded that he looks at it. Raises: FirewallError."""
        ...

    def on_disk(self) -> str:
        """Return the rows as they lie on disk."""
        ...


class SimulatePage:
    """The routes of simulations, below the page of policies."""

    def __init__(self, simulator: Simulator, tab: Tab) -> None:
        self._simulator = simulator
        self._tab = tab

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return them."""

        async def show(request: Request, visitor: Visitor) -> Response:
            page = _page(request.query_params.get("page", "1"))
            found = await self._simulator.again(visitor.who)
            return self._html(frame, visitor, found, page=page, rows=self._simulator.on_disk())

        async def simulate(_request: Request, visitor: Visitor, fields: Fields) -> Response:
            given = fields.get("file") or fields.get("rows", "")
            rows, days = given.replace("\r\n", "\n"), fields.get("days", "")
            try:
                number = int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0
                found = await self._simulator.simulate(rows, number, visitor.who)
            except FirewallError as error:
                return self._html(frame, visitor, None, rows=rows, said=error)
            return self._html(frame, visitor, found, rows=rows)

        return (
            frame.page(PATH, show, Access.ADMIN),
            frame.form(PATH, simulate, Access.ADMIN, upload_bytes=FORM_BYTES),
            Row("POST", "/api/policy/simulate", Access.ADMIN, self._api),
        )

    def _html(
        self,
        frame: Frame,
        visitor: Visitor,
        found: Simulation | None,
        *,
        rows: str,
        page: int = 1,
        said: FirewallError | None = None,
    ) -> Response:
        flips = found.flips if found else ()
        pages = max(1, -(-len(flips) // PAGE))
        page = min(page, pages)
        return frame.html(
            "simulate.html",
            visitor,
            self._tab,
            status=said.status if said else 200,
            found=found,
            flips=flips[(page - 1) * PAGE : page * PAGE],
            page=page,
            pages=pages,
            rows=rows,
            days=found.days if found else DAYS,
            most_days=MOST_DAYS,
            most_kib=FORM_BYTES // 1024,
            back_to=moment(found.back_to_us) if found else "",
            said=said.public if said else "",
        )

    async def _api(self, request: Request, asker: Asker) -> Response:
        """Simulate: `{"rows": TEXT, "days"?: 7}`."""
        if asker.who is None:
            raise AuthError(detail="simulation without a credential")
        fields = await read_json(request, {"rows": str, "days": int}, required=("rows",), most=FORM_BYTES)
        days = fields.get("days", DAYS)
        found = await self._simulator.simulate(
            str(fields["rows"]), days if isinstance(days, int) else 0, asker.who
        )
        return JSONResponse(as_json(found))


def as_json(found: Simulation) -> dict[str, object]:
    """Return a simulation as the API says it."""
    return {
        "days": found.days,
        "back_to": moment(found.back_to_us),
        "whole": found.is_whole,
        "calls": found.calls,
        "closed": found.closed,
        "untold": found.untold,
        "flipped": found.flipped,
        "flips": [_flip(one) for one in found.flips[:MOST_SAID]],
        "more_flips": max(0, len(found.flips) - MOST_SAID) + found.left_out,
        "approvals_a_day_now": found.a_day(found.asked_now),
        "approvals_a_day_then": found.a_day(found.asked_then),
    }


def _flip(one: Flip) -> dict[str, object]:
    return {"tool": one.tool, "count": one.count, "entry": one.seq, **asdict(one.compared)}


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 5) or int(text) < 1:
        raise ProtocolError("`page` is a number from 1 on", code="page_invalid")
    return int(text)
