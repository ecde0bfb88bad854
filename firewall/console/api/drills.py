"""The drills' desk: admins arm them and end them, the log says who did what; and how providers fared by it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, read_json
from firewall.core.errors import ProtocolError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.routing.drills.room import DrillError, DrillRoom
from firewall.routing.drills.scenarios import Scenario
from firewall.settings.values import seconds

Json = Mapping[str, object]
_DAYS_LIMIT_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Wish:
    """A drill that somebody wants."""

    scenario: str
    environment: str
    token: str
    seconds: int
    percent: int
    fails: int


class DrillDesk(Protocol):
    """Arms drills and tells how providers fared."""

    async def arm(self, wish: Wish, by: Approver) -> Json:
        """Mark calls from now on. Raises: DrillError (422)."""
        ...

    def look(self, drill_id: str) -> Json:
        """Return what came of a drill so far. Raises: DrillError (404)."""
        ...

    async def disarm(self, drill_id: str, by: Approver) -> Json:
        """End a drill. Raises: DrillError (404)."""
        ...

    async def report(self, since_s: int) -> Json:
        """Return how providers fared in the last so many seconds. Raises: StoreError."""
        ...


class Drilling:
    """The `DrillDesk` over the drills of this process and its log."""

    def __init__(
        self,
        room: DrillRoom,
        sequencer: Sequencer,
        fared: Callable[[int], Awaitable[Json]],
    ) -> None:
        """`fared` says how providers fared in the last so many seconds."""
        self._room = room
        self._sequencer = sequencer
        self._fared = fared

    async def arm(self, wish: Wish, by: Approver) -> Json:
        """Record who arms what, then arm it.

        Raises: DrillError (422).
        """
        try:
            scenario = Scenario(wish.scenario)
        except ValueError as error:
            raise DrillError(f"`{wish.scenario[:40]}` is no scenario") from error
        await self._recorded("drill_armed", by, scenario=scenario.value, seconds=wish.seconds, fails=wish.fails)
        drill = await self._room.arm(
            scenario,
            seconds=wish.seconds,
            token=wish.token,
            environment=wish.environment,
            percent=wish.percent,
            fails=wish.fails,
        )
        return drill.shown()

    def look(self, drill_id: str) -> Json:
        """Return what came of it so far. Raises: DrillError (404)."""
        return self._room.get(drill_id).shown()

    async def disarm(self, drill_id: str, by: Approver) -> Json:
        """End it. Raises: DrillError (404)."""
        drill = self._room.disarm(drill_id)
        counts = {"calls": drill.calls, "carried": drill.carried, "unanswered": drill.unanswered}
        await self._recorded("drill_ended", by, scenario=drill.scenario.value, **counts)
        return drill.shown()

    async def report(self, since_s: int) -> Json:
        """Say how providers fared since then. Raises: StoreError."""
        return await self._fared(since_s)

    async def _recorded(self, what: str, by: Approver, **data: str | int) -> None:
        record = Record(
            kind="admin.acted",
            data={"what": what, **data},
            person=by.name,
            principal=by.name,
            private={"by": by.name},
        )
        await self._sequencer.submit(Unit(records=(record,)))


_FIELDS = {"scenario": str, "environment": str, "token": str, "seconds": int, "percent": int, "fails": int}


class DrillHandlers:
    """The handlers of `/api/drills…` and `/api/routes/report`."""

    def __init__(self, desk: DrillDesk) -> None:
        self._desk = desk

    async def arm(self, request: Request, asker: Asker) -> Response:
        """Arm a drill: `{"scenario", "environment", "seconds", "token"?, "percent"?, "fails"?}`."""
        said = await read_json(request, _FIELDS, required=("scenario", "environment", "seconds"))
        wish = Wish(
            scenario=str(said["scenario"]),
            environment=str(said["environment"]),
            token=str(said.get("token", "")),
            seconds=_int(said["seconds"]),
            percent=_int(said.get("percent", 100)),
            fails=_int(said.get("fails", 1)),
        )
        return JSONResponse(dict(await self._desk.arm(wish, asker.known)), status_code=201)

    async def look(self, request: Request, _asker: Asker) -> Response:
        """Return what came of a drill so far."""
        return JSONResponse(dict(self._desk.look(request.path_params["id"])))

    async def disarm(self, request: Request, asker: Asker) -> Response:
        """End a drill and return what came of it."""
        return JSONResponse(dict(await self._desk.disarm(request.path_params["id"], asker.known)))

    async def report(self, request: Request, _asker: Asker) -> Response:
        """Return how providers fared: `?since=30d`."""
        try:
            since_s = seconds(request.query_params.get("since", "30d"))
        except ValueError as error:
            raise ProtocolError(str(error)) from error
        if not 0 < since_s <= _DAYS_LIMIT_S:
            raise ProtocolError("`since` is at most 366 days")
        return JSONResponse(dict(await self._desk.report(since_s)))


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
