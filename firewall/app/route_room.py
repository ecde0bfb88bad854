"""Composes the room of the console about routes."""

from firewall.app.base import Base
from firewall.console.routes.fared import FaredSince
from firewall.console.routes.loads import LoadHistory
from firewall.console.routes.page import InForce, RoutePage
from firewall.console.runs.following import Follower
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.swapping import Swaps


def fared_since(base: Base, routes: Routes, follower: Follower) -> FaredSince:
    """Return what says how providers fared."""
    return FaredSince(
        follower, base.clock, base.installation.writer.pseudonym, lambda: [one.name for one in routes.providers]
    )


def route_room(base: Base, routes: Routes, follower: Follower) -> RoutePage:
    """Return the room that shows the routes in force, how they fared, and how they came about."""
    swaps = Swaps(base.settings.data_dir / "swaps.json")
    installation = base.installation
    history = LoadHistory(follower, base.settings.database, installation.sealing, installation.writer)
    look = InForce(lambda: routes.settings.route, lambda: routes.table.digest, swaps.last)
    return RoutePage(look, fared_since(base, routes, follower), history)
