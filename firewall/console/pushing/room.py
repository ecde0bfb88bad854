"""`/console/push`: the browsers of whoever looks that are told while their page is closed, and adding this one.

INVARIANT: everybody sees, adds and ends his own alone; an admin sees and ends others' as well. The service worker
is ours, its policy lets it load and ask nothing, and it lies above no page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from firewall.approvals.people import ROLES, Approver
from firewall.codecs.push.keys import keys_of
from firewall.codecs.push.places import place_of
from firewall.console.api.push import is_admin
from firewall.console.asking import Asker
from firewall.console.auth import Access
from firewall.console.pages import SCRIPTED
from firewall.console.paging import skip_of
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.push import PushBrowser
from firewall.core.secret import Secret
from firewall.tokens.pushes import MOST, Pushes, Wanted

PATH, API = "/console/push", "/api/push"
SCRIPT = "push.js"
WORKER = f"{PATH}/worker.js"
MANIFEST = f"{PATH}/manifest.json"
PUSHING = f"{SCRIPTED}; worker-src 'self'; manifest-src 'self'"
"""The policy of pages that may have this browser told."""
_MARK_CHARS = 32
_OTHERS = 50
"""Browsers of other people on one page."""
_STATIC = files("firewall.console").joinpath("static")
_SCRIPTS = {name: _STATIC.joinpath(name).read_bytes() for name in (SCRIPT, "push-worker.js")}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page gives its script."""

    key: str
    """The public key that the browser's push service is to know us by."""
    known: tuple[str, ...]
    """Marks of the browsers of whoever looks: the beginnings of their endpoints' SHA-256."""


class PushDesk:
    """Who may have a browser told, and where its push service may be."""

    def __init__(self, pushes: Pushes, *, hosts: Sequence[str], application_key: str) -> None:
        self.pushes = pushes
        self.hosts = tuple(hosts)
        self._key = application_key

    def offer(self, who: Approver) -> Offer | None:
        """Return what the page of somebody offers; None: he decides nothing, so nothing waits for him."""
        if who.role not in ROLES:
            return None
        return Offer(self._key, tuple(one.fingerprint[:_MARK_CHARS] for one in self.pushes.of(who.name)))


class PushRoom:
    """The room's handlers."""

    tab = Tab(PATH, "Notifications", Access.DECIDER)

    def __init__(self, desk: PushDesk) -> None:
        self._desk = desk

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            return self._page(frame, request, visitor)

        needs = self.tab.needs
        return (
            frame.page(PATH, show, needs),
            frame.form(API, self._add, needs),
            frame.form(f"{PATH}/{{id}}/end", self._end, needs),
            Row("GET", f"/console/{SCRIPT}", Access.PUBLIC, self._script),
            Row("GET", WORKER, Access.PUBLIC, self._worker),
            Row("GET", MANIFEST, Access.PUBLIC, self._manifest),
        )

    def _page(self, frame: Frame, request: Request, visitor: Visitor) -> Response:
        name = visitor.who.name
        seen = self._desk.pushes.seen_by(name, is_admin=is_admin(visitor.who))
        others = [_row(one) for one in seen if one.person != name]
        skip = skip_of(request)
        return frame.html(
            "push.html",
            visitor,
            self.tab,
            headers={"content-security-policy": PUSHING},
            script=SCRIPT,
            rows=[_row(one) for one in seen if one.person == name],
            others=others[skip : skip + _OTHERS],
            others_count=len(others),
            skip=skip,
            behind=skip + _OTHERS if len(others) > skip + _OTHERS else 0,
            most=MOST,
            push=self._desk.offer(visitor.who),
        )

    async def _add(self, _request: Request, visitor: Visitor, fields: Fields) -> Response:
        """Have a browser told: `endpoint`, `p256dh`, `auth`, `label`."""
        endpoint = fields.get("endpoint", "")
        place_of(endpoint, self._desk.hosts)
        keys = keys_of(fields.get("p256dh", ""), fields.get("auth", ""))
        wanted = Wanted(
            endpoint=Secret(endpoint),
            receiver=keys.receiver,
            auth=keys.auth,
            label=fields.get("label", ""),
            since=visitor.session.stands_since,
            passkey=visitor.session.passkey,
            via=visitor.session.begun,
        )
        added = await self._desk.pushes.add(visitor.who.name, wanted)
        return JSONResponse({"id": added.id}, 201)

    async def _end(self, request: Request, visitor: Visitor, _fields: Fields) -> Response:
        """Have a browser told no more: one's own, or an admin anybody's."""
        who = visitor.who
        await self._desk.pushes.ended_by(who.name, request.path_params["id"], is_admin=is_admin(who))
        return RedirectResponse(PATH, 303)

    async def _script(self, _request: Request, _asker: Asker) -> Response:
        return _javascript(SCRIPT, {"cache-control": "public, max-age=300"})

    async def _worker(self, _request: Request, _asker: Asker) -> Response:
        """Serve the service worker; the policy of every answer lets it load and ask nothing."""
        return _javascript("push-worker.js", {"cache-control": "no-cache"})

    async def _manifest(self, _request: Request, _asker: Asker) -> Response:
        """Serve what lets a phone keep the console on its home screen, without which an iPhone allows no push."""
        kept = {"name": "Stayhand", "start_url": "/console/", "scope": "/", "display": "standalone"}
        return JSONResponse(kept, media_type="application/manifest+json")


def _row(one: PushBrowser) -> Mapping[str, str]:
    return {
        "id": one.id,
        "person": one.person,
        "label": one.label,
        "added": datetime.fromtimestamp(one.created_at / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "service": one.host,
        "mark": one.fingerprint[:_MARK_CHARS],
    }


def _javascript(name: str, headers: Mapping[str, str]) -> Response:
    return Response(_SCRIPTS[name], media_type="text/javascript", headers=dict(headers))
