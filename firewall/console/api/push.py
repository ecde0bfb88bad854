"""`/api/push…`: the browsers that are told by push; one's own, and everybody's for an admin."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker
from firewall.console.shape import rfc3339
from firewall.core.push import PushBrowser
from firewall.tokens.pushes import Pushes


class PushHandlers:
    """The handlers of `/api/push…` that need no browser."""

    def __init__(self, pushes: Pushes) -> None:
        self._pushes = pushes

    async def listing(self, _request: Request, asker: Asker) -> Response:
        """List browsers, by person and then oldest first; an endpoint is never told."""
        who = asker.known
        return JSONResponse([_row(one) for one in self._pushes.seen_by(who.name, is_admin=is_admin(who))])

    async def end(self, request: Request, asker: Asker) -> Response:
        """Have a browser told no more."""
        who = asker.known
        gone = await self._pushes.ended_by(who.name, request.path_params["id"], is_admin=is_admin(who))
        return JSONResponse({"id": gone.id, "name": gone.person, "status": "ended"})


def is_admin(who: Approver) -> bool:
    """Tell whether somebody sees and ends the browsers of others."""
    return who.role == "admin"


def _row(one: PushBrowser) -> dict[str, str]:
    return {
        "id": one.id,
        "name": one.person,
        "label": one.label,
        "service": one.host,
        "created_at": rfc3339(one.created_at),
    }
