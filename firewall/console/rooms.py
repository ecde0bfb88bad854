"""Rooms of the console: what a page of its own brings along, and what it finds there.

A room has a tab in the navigation, shown to those who may open it, and its rows. Its handlers are asked only for
signed-in people whose role is enough; everybody else gets the sign-in page or a refusal before a handler runs, and
a form's CSRF token has been checked.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, Doorman, SignedOutError, read_form
from firewall.console.auth import Access
from firewall.console.pages import Pages
from firewall.console.rows import Row, Tab
from firewall.console.sessions import Session

Fields = Mapping[str, str]
"""A form's fields, each once."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, whose role is enough for the room."""

    who: Approver
    session: Session
    source: str
    """Where he comes from, as limits count it."""


Show = Callable[[Request, Visitor], Awaitable[Response]]
Change = Callable[[Request, Visitor, Fields], Awaitable[Response]]


class Frame:
    """What every room uses: rows that admit the right people, and pages within the navigation."""

    def __init__(self, pages: Pages, doorman: Doorman) -> None:
        self._pages = pages
        self.doorman = doorman
        """Tells whether a session lasts, for what outlives its request."""

    def page(self, path: str, show: Show, needs: Access) -> Row:
        """Return the row of a page; signed-out people get the sign-in form and come back to it."""

        async def handler(request: Request, asker: Asker) -> Response:
            if asker.who is None or asker.session is None:
                return self._pages.sign_in_form(request.url.path)
            return await show(request, Visitor(asker.who, asker.session, asker.source))

        return Row("GET", path, Access.PAGE, handler, needs=needs)

    def form(self, path: str, change: Change, needs: Access, *, upload_bytes: int = 0) -> Row:
        """Return the row of a form: same origin, strict cookie and CSRF token are checked before `change`.

        `upload_bytes`: it may have a file, and be so large.
        """

        async def handler(request: Request, asker: Asker) -> Response:
            if asker.who is None or asker.session is None:
                raise SignedOutError("sign in first")
            fields = await read_form(request, upload_bytes)
            self.doorman.demand_csrf(asker.session, fields.get("csrf", ""))
            return await change(request, Visitor(asker.who, asker.session, asker.source), fields)

        return Row("POST", path, Access.FORM, handler, needs=needs)

    def html(
        self,
        template: str,
        visitor: Visitor,
        tab: Tab,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        script: str = "",
        **context: object,
    ) -> Response:
        """Return a page of a room; `script`: the one script that it may load (`/console/NAME.js`)."""
        return self._pages.html(
            template,
            visitor.session,
            status=status,
            headers=headers,
            script=script,
            here=tab.path,
            who=visitor.who,
            **context,
        )


class Room(Protocol):
    """One page of the console, or a few under one tab."""

    @property
    def tab(self) -> Tab:
        """Where the navigation leads."""
        ...

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""
        ...
