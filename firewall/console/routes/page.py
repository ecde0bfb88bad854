"""The routes in force: who is asked in which order; how providers fared since; and every load and swap."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import ROLES, Access
from firewall.console.costs.room import CHOICES, days_of
from firewall.console.rooms import Frame, Visitor
from firewall.console.routes.loads import LoadPage
from firewall.console.rows import Row, Tab
from firewall.core.errors import ProtocolError
from firewall.settings.routes import Route, When

PATH = "/console/routes"
HISTORY = f"{PATH}/history"
_LAST = (1 << 63) - 1
_LISTS = {
    "feature": "feature", "user_tier": "user tier", "team": "team", "owner": "owner", "region": "region",
    "environment": "environment", "sensitivity": "sensitivity", "days": "day",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RouteSeen:
    """One route in words."""

    name: str
    models: tuple[str, ...]
    when: str
    """What it asks of a call; empty: nothing but the model."""
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    """What the members are, and who they are, in order."""
    order: str
    limits: tuple[str, ...]
    """What else holds of it, a sentence each."""
    swapped: tuple[str, str] | None
    """Who was first before the last swap, and since; None: nobody swapped it."""


class RouteLook(Protocol):
    """Knows the routes in force."""

    def look(self) -> tuple[str, tuple[RouteSeen, ...]]:
        """Return their digest, and each in the order in which they are tried."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """The `RouteLook` over the routes of this process."""

    routes: Callable[[], Sequence[Route]]
    digest: Callable[[], str]
    swapped: Callable[[], Mapping[str, tuple[str, str]]]

    def look(self) -> tuple[str, tuple[RouteSeen, ...]]:
        """Return what is in force now."""
        swapped = self.swapped()
        return self.digest(), tuple(seen(route, swapped.get(route.name)) for route in self.routes())


Fared = Callable[[int], Awaitable[Mapping[str, object]]]
"""Says how providers fared in the last so many seconds, as `stayhand route report` prints it."""


class History(Protocol):
    """Knows every load and swap of routes."""

    async def look(self, name: str, before: int) -> LoadPage:
        """Record that somebody looks, and return a page of entries below a number. Raises: StoreError."""
        ...


class RoutePage:
    """The room of both pages; the first changes nothing, a look at the history is an entry of the log."""

    tab = Tab(PATH, "Routes", Access.READER)

    def __init__(self, desk: RouteLook, fared: Fared, history: History) -> None:
        self._desk = desk
        self._fared = fared
        self._history = history

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return their routes."""

        async def show(request: Request, visitor: Visitor) -> Response:
            days = days_of(request.query_params.get("days", "30"))
            digest, routes = self._desk.look()
            return frame.html(
                "routes.html",
                visitor,
                self.tab,
                digest=digest,
                routes=routes,
                report=await self._fared(days * 86_400),
                days=days,
                choices=CHOICES,
                may_look=visitor.who.role in ROLES[Access.LOG],
            )

        async def history(request: Request, visitor: Visitor) -> Response:
            before = _before(request.query_params.get("before", ""))
            page = await self._history.look(visitor.who.name, before)
            return frame.html("route_history.html", visitor, self.tab, page=page, is_first=before == _LAST)

        return (
            frame.page(PATH, show, self.tab.needs),
            frame.page(HISTORY, history, Access.LOG),
        )


def _before(text: str) -> int:
    if not text:
        return _LAST
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ProtocolError("there is no such page", code="not_found", status=404)
    return int(text)


def seen(route: Route, swapped: tuple[str, str] | None) -> RouteSeen:
    """Say what a route does."""
    members = {
        "Chain": route.chain, "Cascade": route.cascade, "Planner": route.planner, "Executor": route.executor,
        "When all fail": route.degrade,
    }  # fmt: skip
    limits = [
        f"a call costs at most {route.max_micros} micro-USD" if route.max_micros else "",
        f"only providers hosted {', '.join(route.hosting)}" if route.hosting else "",
        f"only providers of {', '.join(route.regions)}" if route.regions else "",
        f"hidden before it leaves: {', '.join(route.mask)}" if route.mask else "",
        "answers are checked before any of them is given" if route.checks else "",
    ]
    return RouteSeen(
        name=route.name,
        models=route.models or (route.name,),
        when=words_of(route.when),
        steps=tuple((what, names) for what, names in members.items() if names),
        order=route.strategy.replace("_", " "),
        limits=tuple(one for one in limits if one),
        swapped=swapped,
    )


def words_of(when: When) -> str:
    """Say what a route asks of a call beside the model; empty: nothing."""
    parts = [
        f"{words} is {' or '.join(getattr(when, name))}" for name, words in _LISTS.items() if getattr(when, name)
    ]
    if when.input_tokens_over is not None:
        parts.append(f"more than {when.input_tokens_over} input tokens")
    if when.input_tokens_up_to is not None:
        parts.append(f"at most {when.input_tokens_up_to} input tokens")
    for name, given in (("tools", when.tools), ("images", when.images)):
        if given is not None:
            parts.append(f"{'with' if given else 'without'} {name}")
    if when.hours:
        parts.append(f"from {when.hours} ({when.timezone})")
    return ", and ".join(parts)
