"""Composes the room of the console about routes."""

from firewall.app.base import Base
from firewall.console.routes_page import InForce, RoutePage
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.swapping import Swaps


def route_room(base: Base, routes: Routes) -> RoutePage:
    """Return the room that shows the routes in force."""
    swaps = Swaps(base.settings.data_dir / "swaps.json")
    return RoutePage(InForce(lambda: routes.settings.route, lambda: routes.table.digest, swaps.last))
