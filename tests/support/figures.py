"""Rooms of the console with figures in them, over desks that know nothing."""

from firewall.console.costs.books import Overview as Spent
from firewall.console.costs.plot import plot_of
from firewall.console.costs.room import SpendPage
from firewall.console.rooms import Room
from firewall.storage.sqlite.spend_days import Sum


class NothingSpent:
    """Books without a line."""

    async def look(self, days: int) -> Spent:
        """As the port says."""
        return Spent(days, "2026-11-21T12:00:00Z", Sum(), plot_of({}, 1, days), (), (), 0)


def figure_rooms() -> tuple[Room, ...]:
    """Return them."""
    return (SpendPage(NothingSpent()),)
