"""`/console/log/erase` and `POST /api/audit/erase`: erasing a person, by an admin.

The page asks for the name twice: what happens cannot be undone. The name travels in the body alone, never in an
address that some log keeps, and no answer repeats it.
"""

from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, Doorman, demand_still, read_json
from firewall.console.auth import Access
from firewall.console.erasing.errors import ErasureError
from firewall.console.erasing.service import Erased, Erasing
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.errors import AuthError, FirewallError

PATH = "/console/log/erase"
API = "/api/audit/erase"
_FIELDS = {"subject": str, "reason": str, "revoke": bool}


class ErasingPages:
    """The rows of the page and of the API, under the tab of the log."""

    def __init__(self, erasing: Erasing) -> None:
        self._erasing = erasing

    def rows(self, frame: Frame, tab: Tab) -> tuple[Row, ...]:
        """Return its routes."""

        async def show(_request: Request, visitor: Visitor) -> Response:
            return frame.html("erase.html", visitor, tab, fields={}, said="", done=None)

        async def change(request: Request, visitor: Visitor, fields: Fields) -> Response:
            try:
                still = partial(demand_still, request)
                done = await self._typed(fields, visitor.who, frame.doorman, still)
            except FirewallError as error:
                return frame.html(
                    "erase.html", visitor, tab, status=error.status, fields=fields, said=error.public, done=None
                )
            return frame.html("erase.html", visitor, tab, fields={}, said="", done=done)

        async def asked(request: Request, asker: Asker) -> Response:
            return await self._asked(request, asker, frame.doorman)

        return (
            frame.page(PATH, show, Access.ADMIN),
            frame.form(PATH, change, Access.ADMIN),
            Row("POST", API, Access.ADMIN, asked),
        )

    async def _asked(self, request: Request, asker: Asker, doorman: Doorman) -> Response:
        """Erase: `{"subject", "reason", "revoke"?}`."""
        if asker.who is None:
            raise AuthError(detail="route without a credential")
        wish = await read_json(request, _FIELDS, required=("subject", "reason"))
        is_forced = wish.get("revoke") is True
        done = await self._erasing.erase(
            str(wish["subject"]),
            reason=str(wish["reason"]),
            revoke=is_forced,
            by=asker.who,
            still=partial(demand_still, request),
        )
        doorman.sign_out(done.who.name)
        return JSONResponse(dict(shown(done)))

    async def _typed(self, fields: Fields, who: Approver, doorman: Doorman, still: Callable[[], None]) -> Erased:
        said = fields.get("subject", "").strip()
        if fields.get("typed", "").strip() != said:
            raise ErasureError("type it twice, the same", code="typed_mismatch")
        is_forced = fields.get("revoke") == "yes"
        done = await self._erasing.erase(
            said, reason=fields.get("reason", ""), revoke=is_forced, by=who, still=still
        )
        doorman.sign_out(done.who.name)
        return done


def shown(done: Erased) -> Mapping[str, object]:
    """Return what was done as JSON; the name is not in it."""
    return {
        "subject": done.who.pseudonym,
        "key": done.who.key,
        "entry": done.entry,
        "tokens": done.tokens,
        "approvals": done.approvals,
        "links": done.links,
        "configured": done.is_configured,
        "wal": "emptied" if done.is_emptied else "pending",
        "new_entries": done.is_back,
    }
