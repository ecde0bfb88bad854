"""Choosing, wired: the routes in force with their prices, and whoever knows what a call holds."""

from firewall.app.base import Base
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.in_force import Routes, routes_of
from firewall.routing.providers import Providers


async def routes_in_force(base: Base, providers: Providers) -> Routes:
    """Return the routes of the configuration.

    Raises: ConfigError naming the file and the key.
    """
    routes = routes_of(base.settings, providers)
    if routes.table.rules:
        await routes.prices.ready()  # nobody's first call waits for the list
    return routes


def chooser_of(base: Base, routes: Routes) -> Chooser:
    """Return what picks who answers."""
    outside = Outside(now_us=base.clock.now_us, pricing=routes.worst_micros)
    return Chooser(routes, routes.providers, outside)
