"""The control side's application: one table of routes with who may use each, and what every answer carries."""

import asyncio
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firewall.approvals.channels.port import Health, Trouble
from firewall.approvals.glass import Glass
from firewall.approvals.service import Approvals
from firewall.console.api import endpoints
from firewall.console.api.admin import Admin, EntryDesk, Json, PeopleDesk, PolicyDesk, Status, TokenDesk
from firewall.console.api.approvals import Api, NoRunner, Runner, problem
from firewall.console.api.credentials import CredentialDesk, CredentialRoutes
from firewall.console.api.drills import DrillDesk
from firewall.console.api.logins import LoginDesk
from firewall.console.api.pins import PinDesk
from firewall.console.api.routes import RouteDesk
from firewall.console.api.spend import SpendDesk
from firewall.console.approving.room import Approving, untroubled
from firewall.console.approving.slack import PATH as SLACK_PATH
from firewall.console.approving.slack import SlackButtons, SlackDesk
from firewall.console.asking import Doorman, admitted
from firewall.console.auth import Access, Authenticator
from firewall.console.origin import Places, places
from firewall.console.pages import Pages
from firewall.console.proving.challenges import Challenges
from firewall.console.proving.deciding import PATH as DECIDE
from firewall.console.proving.mounting import Proving, deciding, mounted, ways_of
from firewall.console.pushing.room import PushDesk, PushRoom
from firewall.console.rooms import Frame, Room
from firewall.console.rows import POLICY, Row
from firewall.console.sessions import Sessions
from firewall.console.throttle import Refusals, Throttle
from firewall.core.absence import Absence
from firewall.core.errors import FirewallError, ProtocolError, StoreError
from firewall.core.ports import Clock, Sequencer, Timer
from firewall.tokens.absences import Absences

FLUSH_S = 5.0
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
    "vary": "Cookie",
}
"""On every answer; a handler may set its own `cache-control` and `content-security-policy`."""
_log = logging.getLogger("stayhand.console")


def no_egress() -> Json:
    """Say that there is no forward proxy."""
    raise ProtocolError("no forward proxy is configured", code="egress_absent", status=404)


@dataclass(frozen=True, slots=True)
class Desks:
    """What the composition root provides beside approvals."""

    tokens: TokenDesk
    people: PeopleDesk
    policy: PolicyDesk
    entries: EntryDesk
    credentials: CredentialDesk
    status: Status
    egress: Callable[[], Json] = no_egress
    routes: RouteDesk | None = None
    spend: SpendDesk | None = None
    drills: DrillDesk | None = None
    rooms: Sequence[Room] = ()
    """Pages beside the queue and the approvals, in the order of their tabs."""
    pins: PinDesk | None = None
    logins: LoginDesk | None = None
    proving: Proving | None = None
    """Passkeys and links of people."""
    absences: Absences | None = None
    holding: Callable[[], Sequence[Absence]] | None = None
    """Who is away now, also by the configuration; None: who was noted by a command."""
    runner: Runner = field(default_factory=NoRunner)
    """Runs what could be done first, or instead of a call."""
    glass: Glass | None = None
    """Approves alone, where somebody is named for it."""
    slack: SlackDesk | None = None
    """Bots whose buttons come back to us."""
    push: PushDesk | None = None
    """Browsers may be told while their page is closed."""


class Console:
    """The control side, ready to be served; `run` belongs into the server's task group."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        authenticator: Authenticator,
        sequencer: Sequencer,
        clock: Timer,
        desks: Desks,
        control_listen: str,
        session_secret: bytes | None = None,
        channels: Callable[[], Sequence[Health]] = tuple,
        troubles: Callable[[str], Sequence[Trouble]] = untroubled,
    ) -> None:
        """Wire the control side.

        `channels` tells how notification channels fare, for the queue page; `troubles` what they could not tell of
        an approval, for its own.
        """
        self._places = places(approvals.rules.public_url, control_listen)
        self.sessions = Sessions(clock=clock, is_https=self._places.is_https, secret=session_secret)
        self._refusals = Refusals(sequencer=sequencer, clock=clock)
        self._doorman = Doorman(
            places=self._places,
            sessions=self.sessions,
            authenticator=authenticator,
            sequencer=sequencer,
            throttle=Throttle(clock=clock),
            refusals=self._refusals,
        )
        challenges = Challenges(clock)
        ways = ways_of(desks.proving, challenges)
        rooms: Sequence[Room] = (*desks.rooms, *((PushRoom(desks.push),) if desks.push is not None else ()))
        tabs = [room.tab for room in rooms]
        self._pages = Pages(doorman=self._doorman, sessions=self.sessions, ways=ways, tabs=tabs)
        approving = Approving(approvals, clock, desks.runner, channels, ways, desks.glass, desks.push, troubles)
        frame = Frame(self._pages, self._doorman)
        self.rows = (
            *self._always(desks, approving, clock),
            *_optional(desks),
            *self._pages.rows(),
            *self._browsers(approving, desks.proving, challenges),
            *self._slack(desks.slack, approvals, authenticator, clock),
            *(row for room in rooms for row in room.rows(frame)),
        )
        self.app: ASGIApp = Guarded(self._application(), self._places)

    def _always(self, desks: Desks, approving: Approving, clock: Clock) -> tuple[Row, ...]:
        """Return the routes of the JSON API that every installation has."""
        api = Api(
            approvals=approving.approvals,
            doorman=self._doorman,
            sessions=self.sessions,
            clock=clock,
            runner=desks.runner,
            around=approving.around,
        )
        admin = Admin(
            tokens=desks.tokens,
            people=desks.people,
            policy=desks.policy,
            entries=desks.entries,
            status=desks.status,
            egress=desks.egress,
            sign_out=self.sessions.end_of,
        )
        return endpoints.always(api, admin, CredentialRoutes(desks.credentials))

    def _browsers(self, approving: Approving, proving: Proving | None, challenges: Challenges) -> tuple[Row, ...]:
        """Return the routes of people who answer, and of how they prove themselves."""
        pages, doorman = self._pages, self._doorman
        calls = approving.calls(pages)
        return (
            *approving.rows(pages, doorman, calls),
            *mounted(proving, challenges, pages, doorman, self.sessions),
            *deciding(proving, approving.approvals, pages, doorman, calls),
        )

    def _slack(
        self, desk: SlackDesk | None, approvals: Approvals, authenticator: Authenticator, clock: Clock
    ) -> tuple[Row, ...]:
        if desk is None:
            return ()
        refusals = self._refusals
        buttons = SlackButtons(
            desk, approvals=approvals, authenticator=authenticator, refusals=refusals, clock=clock
        )
        return (Row("POST", SLACK_PATH, Access.PUBLIC, buttons.click),)

    def load_late(self) -> None:
        """Load what pages need and no start; a thread may do it beside the first of them."""
        self._pages.load()

    async def run(self) -> None:
        """Write what was counted of refused sign-ins, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self._refusals.flush()
            except StoreError as error:
                _log.warning("refused sign-ins could not be recorded yet: %s", error.public)

    def _application(self) -> Starlette:
        application = Starlette(
            routes=[Route(row.path, self._endpoint(row), methods=[row.method]) for row in self.rows],
            exception_handlers={FirewallError: self._failed, HTTPException: self._failed},
        )
        application.router.redirect_slashes = False
        return application

    def _endpoint(self, row: Row) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            asker = await self._doorman.admit(request, row.access, row.needs)
            admitted(request, partial(self._doorman.demand_lasting, request, asker, row.access, row.needs))
            return await row.handler(request, asker)

        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except (FirewallError, HTTPException, ClientDisconnect):
                raise
            except Exception as error:  # noqa: BLE001 - the outermost layer; FAIL-CLOSED: no traceback leaves
                raise _ours(row, error) from None

        return guarded

    async def _failed(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            code = "method_refused" if error.status_code == 405 else "not_found"
            words = "this method is not served here" if error.status_code == 405 else "there is no such page"
            error = ProtocolError(words, code=code, status=error.status_code)
        if not isinstance(error, FirewallError):
            raise error
        if error.detail:
            _log.info("path=%s code=%s detail=%s", request.url.path, error.code, error.detail)
        is_page = (
            request.url.path.startswith(("/approve/", "/console", "/status/", DECIDE)) or request.url.path == "/"
        )
        return self._pages.problem(request, error) if is_page else problem(error)


def _ours(row: Row, error: Exception) -> FirewallError:
    """Return what is said of an error that nobody expected; the server's log has the rest under its number."""
    number, (*_, last) = secrets.token_hex(4), traceback.extract_tb(error.__traceback__)
    place = f"{Path(last.filename).name}:{last.lineno}"
    _log.error("fault=%s route=%s unexpected %s at %s", number, row.path, type(error).__name__, place)
    return FirewallError(f"something went wrong on our side; the server's log calls it {number}")


class Guarded:
    """Refuses strange Host names and puts the same headers on every answer."""

    def __init__(self, app: ASGIApp, known: Places) -> None:
        self._app = app
        self._places = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in present)]
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not self._places.knows_host(hosts[0]):
            error = ProtocolError("this name is not served here", code="host_refused", status=421)
            await problem(error)(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


def _optional(desks: Desks) -> tuple[Row, ...]:
    """Return the routes of desks that not every installation has."""
    return (
        *endpoints.of_routes(desks.routes),
        *endpoints.of_spend(desks.spend),
        *endpoints.of_drills(desks.drills),
        *endpoints.of_pins(desks.pins),
        *endpoints.of_logins(desks.logins),
        *endpoints.of_absences(desks.absences, desks.holding),
        *endpoints.of_push(desks.push.pushes if desks.push is not None else None),
    )
