"""Money: prices, budgets, rates and who is told, as configured."""

import secrets
from collections.abc import Callable

from firewall.app.base import Base
from firewall.core.budget import Budget
from firewall.core.notice import Alert
from firewall.core.spending import Reclaim, State
from firewall.core.work import Record, Unit
from firewall.gates.models.paying import Till
from firewall.routing.choosing.in_force import Routes
from firewall.sequencer.opening import Installation
from firewall.settings.settings import Settings
from firewall.spend.prices import Sold
from firewall.spend.quotes import Longest
from firewall.spend.rates import Limit
from firewall.spend.service import Spending
from firewall.spend.telling import BudgetAlert, Telling
from firewall.storage.sqlite import ledger

DAY_US = 86_400 * 1_000_000
EVER_US = 2**62


def till_of(base: Base, routes: Routes) -> Till:
    """Return where model calls are paid; prices and what models can do follow the routes in force."""
    settings, writer = base.settings, base.installation.writer

    def longest(sold: Sold) -> Longest:
        known = routes.table.models.of(sold.provider, sold.model)
        thinks = known.capabilities is None or "thinking" in known.capabilities
        return Longest(known.context_window, known.max_output_tokens, known.own_window, thinks)

    spending = Spending(
        sequencer=writer,
        clock=base.clock,
        prices=lambda: routes.prices,
        new_id=_ids(),
        budgets=budgets_of(settings),
        longest=longest,
        slice_tokens=settings.spend.slice_output_tokens,
    )

    async def tell(alert: BudgetAlert) -> None:
        await base.channels.alert(Alert("budget", alert.text, alert.facts))

    return Till(
        spending=spending,
        telling=Telling(writer, tell),
        settled=base.telemetry.settled,
        limits=limits_of(settings),
    )


def _ids() -> Callable[[], str]:
    """Return what names calls: random, fetched from the system many at a time."""
    left: list[str] = []

    def name() -> str:
        if not left:
            many = secrets.token_hex(16 * 256)
            left.extend(many[at : at + 32] for at in range(0, len(many), 32))
        return f"cal_{left.pop()}"

    return name


async def reclaim(installation: Installation, settings: Settings, now_us: int, *, is_start: bool = False) -> None:
    """Book what calls hold that nobody will settle any more, and forget lines that are old.

    At the start that is all of them: one process writes, and those that it served are gone with it.

    Raises: StoreError.
    """
    before = EVER_US if is_start else now_us
    found = ledger.late(installation.reader, before)
    record = Record(kind="spend.settled", data={"cost": State.LEAKED.value, "calls": found})
    step = Reclaim(before_us=before, forget_us=now_us - settings.spend.keep_days * DAY_US)
    await installation.writer.submit(Unit((record,) if found else (), (step,)))


def budgets_of(settings: Settings) -> tuple[Budget, ...]:
    """Return the configured budgets."""
    return tuple(
        Budget(one.scope, one.window, one.soft_micros, one.hard_micros, one.holders) for one in settings.budget
    )


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """Return the configured rates."""
    return tuple(
        Limit(one.scope, one.requests_per_minute, one.tokens_per_minute, one.holders) for one in settings.rate
    )
