"""What model calls cost, on one page: by day, feature, user tier, team and model; and how full caps are."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import Access, may_name
from firewall.console.costs.books import CostDesk
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.errors import ProtocolError

PATH = "/console/spend"
CHOICES = (7, 30, 90)
"""How many days may be asked for: the plots have room for as many bars."""


class SpendPage:
    """The room of the page; it changes nothing and writes nothing."""

    tab = Tab(PATH, "Spend", Access.READER)

    def __init__(self, desk: CostDesk, names: Callable[[], Mapping[str, str]] = dict) -> None:
        """`names`: of people, by their pseudonymous ids."""
        self._desk = desk
        self._names = names

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its route."""

        async def show(request: Request, visitor: Visitor) -> Response:
            page = await self._desk.look(days_of(request.query_params.get("days", "30")))
            shown = page.named(self._names()) if may_name(visitor.who) else page.nameless
            return frame.html("spend.html", visitor, self.tab, page=shown, choices=CHOICES)

        return (frame.page(PATH, show, self.tab.needs),)


def days_of(text: str) -> int:
    """Read how many days are asked for. Raises: ProtocolError `days_invalid` (400)."""
    for days in CHOICES:
        if text == str(days):
            return days
    known = ", ".join(map(str, CHOICES))
    raise ProtocolError(f"`days` is one of {known}", code="days_invalid")
