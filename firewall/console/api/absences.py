"""`/api/absences…`: who is away, and who may speak for whom until when; of oneself, or of anybody for an admin."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.approvals.people import Approver
from firewall.console.asking import Asker, ForbiddenError, read_json
from firewall.console.shape import rfc3339
from firewall.core.absence import Absence
from firewall.core.errors import AuthError, ProtocolError
from firewall.tokens.absences import Absences

_FIELDS: Mapping[str, type] = {"until": str, "delegate": str, "away": bool}


class AbsenceHandlers:
    """The handlers of `/api/absences…`."""

    def __init__(self, absences: Absences, holding: Callable[[], Sequence[Absence]]) -> None:
        """`holding`: what holds now, of commands and of the configuration."""
        self._absences = absences
        self._holding = holding

    async def listing(self, _request: Request, _asker: Asker) -> Response:
        """List what holds now."""
        return JSONResponse([_row(one) for one in self._holding()])

    async def note(self, request: Request, asker: Asker) -> Response:
        """Note: `{"until": "2026-12-24T18:00:00Z", "delegate"?: "bob", "away"?: true}`."""
        by, name = _himself(request, asker)
        fields = await read_json(request, _FIELDS, required=("until",))
        noted = await self._absences.note(
            name,
            delegate=str(fields.get("delegate", "")),
            is_away=fields.get("away") is True,
            until_us=end_of(str(fields["until"])),
            by=by.name,
        )
        return JSONResponse(_row(noted), 201)

    async def end(self, request: Request, asker: Asker) -> Response:
        """Forget what was noted."""
        by, name = _himself(request, asker)
        await self._absences.end(name, by=by.name)
        return JSONResponse({"name": name, "status": "back"})


def end_of(text: str) -> int:
    """Return the instant that a text names, in unix microseconds; a day alone means its end in UTC.

    Raises: ProtocolError `until_invalid` for what is neither, or has no offset.
    """
    try:
        if len(text) == len("2026-12-24"):
            return _us(datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ProtocolError(
            "`until` is a day or an instant: 2026-12-24T18:00:00Z", code="until_invalid"
        ) from error
    if found.tzinfo is None:
        raise ProtocolError("`until` needs an offset: 2026-12-24T18:00:00Z", code="until_invalid")
    return _us(found)


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _himself(request: Request, asker: Asker) -> tuple[Approver, str]:
    """Return who asks and whom it is about: himself, or anybody where an admin asks. Raises: ForbiddenError."""
    if asker.who is None:
        raise AuthError(detail="route without a credential")
    name = str(request.path_params["name"])
    if asker.who.name != name and asker.who.role != "admin":
        raise ForbiddenError("an approver notes this of himself; an admin of anybody", code="role_refused")
    return asker.who, name


def _row(one: Absence) -> dict[str, object]:
    return {
        "name": one.person,
        "delegate": one.delegate,
        "away": one.is_away,
        "since": rfc3339(one.since),
        "until": rfc3339(one.until),
    }
