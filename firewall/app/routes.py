"""Choosing, wired: the routes in force with their prices, and whoever knows what a call holds."""

from firewall.app.base import Base
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.in_force import Routes
from firewall.routing.choosing.labels import Labels


def chooser_of(base: Base, routes: Routes) -> Chooser:
    """Return what picks who answers."""
    rules = base.rules
    labels = Labels(lambda: rules.snapshot.catalogue.credentials, lambda: rules.snapshot.catalogue.personal)
    outside = Outside(
        now_us=base.clock.now_us, labels=labels.of, pricing=routes.worst_micros, is_priced=routes.is_priced
    )
    return Chooser(routes, routes.providers, outside)
