"""Composes the room of the console that shows what was spent."""

from firewall.app.base import Base
from firewall.app.money import budgets_of
from firewall.console.costs.books import Costs
from firewall.console.costs.room import SpendPage


def spend_room(base: Base) -> SpendPage:
    """Return the room that shows what was spent."""
    return SpendPage(Costs(base.settings.database, base.clock, budgets_of(base.settings)))
