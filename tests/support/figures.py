"""Rooms of the console with figures in them, over desks that know nothing."""

from collections.abc import Mapping

from firewall.approvals.people import Approver
from firewall.console.costs.books import Cap
from firewall.console.costs.books import Overview as Spent
from firewall.console.costs.plot import plot_of
from firewall.console.costs.room import SpendPage
from firewall.console.policies.explaining import Asked, Explained
from firewall.console.policies.room import Overview as InForce
from firewall.console.policies.room import PolicyPage
from firewall.console.policies.simulating import Simulation
from firewall.console.policies.tally import Counted
from firewall.console.rooms import Room
from firewall.console.routes.loads import LoadPage
from firewall.console.routes.page import InForce as InForceRoutes
from firewall.console.routes.page import RoutePage
from firewall.core.errors import ProtocolError
from firewall.storage.sqlite.spend_days import Sum


class NothingSpent:
    """Books without a line, and one person's account."""

    async def look(self, days: int) -> Spent:
        """As the port says."""
        return Spent(days, "2026-11-21T12:00:00Z", Sum(), plot_of({}, 1, days), (), (CAP,), 0)


CAP = Cap("owner", "olga", "day", spent_micros=2, held_micros=0, soft_micros=0, hard_micros=10)


class TwoAccounts:
    """A ledger of one group, with an account of a feature and one of a person."""

    most = 2
    """Shown at a time; with one there is always another group."""

    async def report(
        self, by: tuple[str, ...], since_us: int, until_us: int, *, skip: int = 0, approvals: bool = False
    ) -> tuple[list[Mapping[str, object]], bool]:
        """As the port says."""
        more = {"approved_by": "olga"} if approvals else {"models": [{"model": "p/m", "approved_by": "olga"}]}
        return [{**dict.fromkeys(by, "x"), "cost_micros": 3 if since_us < until_us else 0, **more}][
            skip:
        ], self.most == 1 and not skip

    async def budgets(self, skip: int = 0) -> tuple[list[Mapping[str, object]], bool]:
        """As the port says."""
        found: list[Mapping[str, object]] = [
            {"scope": "feature", "holder": "search", "spent_micros": 1},
            {"scope": "owner", "holder": "olga", "spent_micros": 2},
        ]
        return found[skip : skip + self.most], len(found) > skip + self.most

    def now_us(self) -> int:
        """As the port says."""
        return 1_795_262_400_000_000


class NoPolicy:
    """No row, and nothing to explain with."""

    async def look(self, days: int) -> InForce:
        """As the port says."""
        return InForce("0" * 64, days, (), Counted({}, 0, 0, 0))

    async def explain(self, asked: Asked) -> Explained:
        """As the port says."""
        raise ProtocolError(f"`{asked.kind}` cannot be explained here", code="text_invalid")

    async def simulate(self, rows: str, days: int, by: Approver) -> Simulation:
        """As the port says."""
        raise ProtocolError(f"{len(rows)} rows of {days} days for {by.name}: none", code="days_invalid")

    async def again(self, by: Approver) -> Simulation | None:
        """As the port says."""
        return Simulation(7, 1_790_000_000_000_000, is_whole=True) if by.name == "root" else None

    def on_disk(self) -> str:
        """As the port says."""
        return ""


class NoRoutes:
    """Routes that nobody used, loaded or swapped."""

    async def fared(self, since_s: int) -> Mapping[str, object]:
        """Return a report without a provider."""
        return {"providers": [], "saved": 0, "behind": 0, "since_us": since_s}

    async def look(self, name: str, before: int) -> LoadPage:
        """As the port says."""
        return LoadPage((), 0, behind=0 if name and before else 1)


def figure_rooms() -> tuple[Room, ...]:
    """Return them."""
    return (
        PolicyPage(NoPolicy(), NoPolicy(), NoPolicy()),
        SpendPage(NothingSpent()),
        RoutePage(InForceRoutes(tuple, str, dict), NoRoutes().fared, NoRoutes()),
    )
