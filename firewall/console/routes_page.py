"""The routes in force, on one page: who is asked in which order, for which calls, and what was swapped last."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.auth import Access
from firewall.console.rooms import Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.settings.routes import Route, When

PATH = "/console/routes"
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


class RoutePage:
    """The room of the page; it changes nothing and writes nothing."""

    tab = Tab(PATH, "Routes", Access.READER)

    def __init__(self, desk: RouteLook) -> None:
        self._desk = desk

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its route."""

        async def show(_request: Request, visitor: Visitor) -> Response:
            digest, routes = self._desk.look()
            return frame.html("routes.html", visitor, self.tab, digest=digest, routes=routes)

        return (frame.page(PATH, show, self.tab.needs),)


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
