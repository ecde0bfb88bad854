"""The routes' desk: admins load them from disk, and put somebody else first; the log says who did what.

INVARIANT: what is refused changes nothing, and says so in an entry of its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.core.errors import ConfigError, FirewallError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.swapping import Swap, Swaps

Json = Mapping[str, object]
_T = TypeVar("_T")


class RouteDesk(Protocol):
    """Changes which routes are in force."""

    async def load(self, by: Approver) -> Json:
        """Make the routes on disk those in force. Raises: FirewallError `routes_refused` with file and key."""
        ...

    async def swap(self, name: str, to: str, by: Approver) -> Json:
        """Put somebody else first in a route; no `to`: take the last change back. Raises: FirewallError."""
        ...


class Routing:
    """The desk over the routes in force; one change at a time."""

    def __init__(self, routes: Routes, swaps: Swaps, sequencer: Sequencer) -> None:
        self._routes = routes
        self._swaps = swaps
        self._sequencer = sequencer
        self._one = asyncio.Lock()

    async def load(self, by: Approver) -> Json:
        """Load; a refused load keeps the last good routes.

        Raises: FirewallError `routes_refused` (422) with file and key.
        """
        async with self._one:
            digest = await self._tried(self._routes.load, by, {})
            await self._loaded(digest, by, {})
        return {"routes": digest, "status": "loaded"}

    async def swap(self, name: str, to: str, by: Approver) -> Json:
        """Put `to` first in a route, or take the last change back.

        Raises: FirewallError `routes_refused` (422).
        """
        swaps, routes = self._swaps, self._routes
        work = partial(swaps.swap, routes, name, to) if to else partial(swaps.undo, routes, name)
        async with self._one:
            done: Swap = await self._tried(work, by, {"route": name, "to": to})
            told = {"route": done.route, "was": done.was, "now": done.now}
            await self._loaded(done.digest, by, told)
        return {**told, "routes": done.digest, "status": "swapped"}

    async def _tried(self, work: Callable[[], _T], by: Approver, told: Mapping[str, str]) -> _T:
        try:
            return await asyncio.to_thread(work)
        except ConfigError as error:
            private = {"by": by.name, "why": error.public, **told}
            refused = Record(kind="config.refused", person=by.name, principal=by.name, private=private)
            await self._sequencer.submit(Unit(records=(refused,)))
            raise FirewallError(error.public, code="routes_refused", status=422, detail=error.hint) from error

    async def _loaded(self, digest: str, by: Approver, told: Mapping[str, str]) -> None:
        loaded = Record(
            kind="config.loaded",
            data={"routes": digest},
            person=by.name,
            principal=by.name,
            private={"by": by.name, **told},
        )
        await self._sequencer.submit(Unit(records=(loaded,)))


class RouteHandlers:
    """The handlers of `/api/routes/…`."""

    def __init__(self, desk: RouteDesk) -> None:
        self._desk = desk

    async def load(self, _request: Request, asker: Asker) -> Response:
        """Make the routes on disk those in force."""
        return JSONResponse(dict(await self._desk.load(asker.known)))

    async def swap(self, request: Request, asker: Asker) -> Response:
        """Put somebody else first: `{"name", "to"}`; without `to` the last change is taken back."""
        fields = await read_json(request, {"name": str, "to": str}, required=("name",))
        name, to = str(fields["name"]), str(fields.get("to") or "")
        return JSONResponse(dict(await self._desk.swap(name, to, asker.known)))
