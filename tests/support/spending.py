"""Money in tests: prices that can be reckoned in one's head, and an installation that keeps the ledger."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from firewall.codecs.interface import ModelRequest
from firewall.codecs.traits import Histories
from firewall.core.attribution import Attribution
from firewall.core.budget import Budget
from firewall.core.money import Price, Rate, Tier
from firewall.core.running import Digests
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.spend.charging import Ask, Payer
from firewall.spend.estimate import Bound, bound_of
from firewall.spend.overrides import Override
from firewall.spend.prices import Prices, Sold
from firewall.spend.service import Spending
from tests.support.approving import StillClock
from tests.support.guarding import places_in

CHEAP = Sold("here", "cheap")
DEAR = Sold("there", "dear")
NAMELESS = Sold("here", "nameless")
PRICES = (
    Override("here", "cheap", Price(input=Rate(1_000_000), output=Rate(2_000_000), cache_read=Rate(100_000))),
    Override(
        "there", "dear", Price(input=Rate(10_000_000, (Tier(100_000, 20_000_000),)), output=Rate(50_000_000))
    ),
)
"""A dollar and two, ten dollars and fifty for a million tokens: a token of the cheap one is a micro-dollar."""


@dataclass(slots=True)
class Purse:
    """Spending over a real ledger."""

    installation: Installation
    clock: StillClock
    numbers: "count[int]" = field(default_factory=count)

    def spending(self, *budgets: Budget, slice_tokens: int = 0) -> Spending:
        """Return spending under these budgets."""
        prices = Prices(PRICES)
        return Spending(
            sequencer=self.installation.writer,
            clock=self.clock,
            prices=lambda: prices,
            new_id=lambda: f"cal_{next(self.numbers)}",
            budgets=budgets,
            slice_tokens=slice_tokens,
        )

    def accounts(self) -> dict[str, tuple[int, int]]:
        """Return what each account has spent and holds."""
        rows = self.installation.reader.execute("SELECT key, spent, held FROM spend_accounts").fetchall()
        return {key: (spent, held) for key, spent, held in rows}

    def lines(self) -> list[tuple[str, int | None]]:
        """Return state and cost of every call, in order."""
        return self.installation.reader.execute("SELECT state, cost FROM spend_calls ORDER BY call").fetchall()

    def kinds(self) -> list[str]:
        """Return the kinds of all entries, in order."""
        return [row[0] for row in self.installation.reader.execute("SELECT kind FROM audit_entries ORDER BY seq")]


@asynccontextmanager
async def purse(folder: Path) -> AsyncIterator[Purse]:
    """Open an empty ledger in a folder."""
    places, clock = places_in(folder), StillClock()
    create(places)
    installation = open_installation(places, clock)
    try:
        yield Purse(installation, clock)
    finally:
        await installation.close()


def bound(read: int = 100, wrote: int | None = 50, *, answers: int = 1) -> Bound:
    """Return what a call may use."""
    return Bound(input_tokens=read, likely_tokens=read // 3, output_tokens=wrote, answers=answers)


def ask(
    *sold: Sold,
    of: Bound | None = None,
    team: str = "",
    caps: tuple[tuple[str, int], ...] = (),
) -> Ask:
    """Return a call of a token `tok_1`."""
    payer = Payer(token="tok_1", owner="prn_owner", about=Attribution(team=team), caps=caps)
    return Ask(payer=payer, route="r", sold=sold or (CHEAP,), bound=of or bound())


def bound_for(body: bytes, identity: dict[str, object], **more: object) -> Bound:
    """Return what a request may use, which is the same whatever is known of its body before."""
    request = ModelRequest(model="m", stream=False, body=body, identity=identity, **more)  # type: ignore[arg-type]  # tests name the fields
    found = bound_of(request)
    assert bound_of(request, Histories().traits(Digests(body))) == found
    return found
