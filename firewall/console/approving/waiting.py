"""What the script of an open queue asks for: which calls are new, by id alone."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.service import Approvals
from firewall.console.asking import Asker, SignedOutError
from firewall.console.auth import Access
from firewall.console.rows import Row
from firewall.core.errors import ProtocolError

SCRIPT = "waiting.js"
TOLD = 200
"""Of what waits, so many of the newest are known to a queue that tells of new ones."""
UNDER_WAY_US = 60_000_000
"""A call counts as new when it was opened so long before the page was made: its commit may have come later."""
_DIGITS = 17
_TEXT = files("firewall.console").joinpath(f"static/{SCRIPT}").read_bytes()


class Waiting:
    """The handlers of `/console/waiting` and its script."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    def rows(self) -> tuple[Row, ...]:
        """Return their routes."""
        return (
            Row("GET", f"/console/{SCRIPT}", Access.PUBLIC, self.script),
            Row("GET", "/console/waiting", Access.PAGE, self.waiting),
        )

    async def waiting(self, request: Request, asker: Asker) -> Response:
        """Name what waits and was opened since `?since=`; without it an older call, on a long queue, looks new.

        Raises: SignedOutError; ProtocolError `since_invalid` (400).
        """
        if asker.session is None:
            raise SignedOutError("sign in first")
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) <= _DIGITS):
            raise ProtocolError("`since` is Unix microseconds", code="since_invalid")
        return JSONResponse({"ids": self._approvals.waits(TOLD, int(since))[1]})

    async def script(self, _request: Request, _asker: Asker) -> Response:
        """Serve the script that tells of what waits while the queue is open."""
        return Response(_TEXT, media_type="text/javascript", headers={"cache-control": "public, max-age=300"})
