"""Telling people that a budget is half, four fifths or all spent: once for each mark, recorded first."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from firewall.core.budget import Account, Mark, reached
from firewall.core.errors import StoreError
from firewall.core.money import dollars
from firewall.core.ports import Sequencer
from firewall.core.spending import Spent, Tell
from firewall.core.work import Committed, Plain, Record, Unit

log = logging.getLogger("stayhand.spend")


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A mark that an account has reached."""

    account: Account
    mark: Mark
    spent: int

    @property
    def text(self) -> str:
        """One line for people."""
        account, limit = self.account, self.account.hard_micros or self.account.soft_micros
        what = "its soft limit" if self.mark.what == "soft" else f"{self.mark.what} %"
        return (
            f"the {account.window.value} budget of {account.scope.value} `{account.holder}` has reached {what}: "
            f"${dollars(self.spent)} of ${dollars(limit)}"
        )

    @property
    def facts(self) -> dict[str, str | int]:
        """The same for programs."""
        account = self.account
        return {
            "scope": account.scope.value,
            "holder": account.holder,
            "window": account.window.value,
            "mark": self.mark.what,
            "spent_micros": self.spent,
            "limit_micros": account.hard_micros or account.soft_micros,
        }


@dataclass(slots=True, eq=False)
class Telling:
    """Watches settlements; `tell` reaches people."""

    sequencer: Sequencer
    tell: Callable[[BudgetAlert], Awaitable[None]]
    _running: set["asyncio.Task[None]"] = field(default_factory=set)

    def settled(self, accounts: Sequence[Account], spent: Iterable[Spent]) -> None:
        """Look at accounts after a settlement; whoever must be told is told in the background."""
        for one in spent:
            for account in accounts:
                if account.key == one.key:
                    mark = reached(account, one.spent, one.told)
                    if mark is not None:
                        self._tell_of(BudgetAlert(account, mark, one.spent))
                    break

    def _tell_of(self, alert: BudgetAlert) -> None:
        task = asyncio.create_task(self._tell(alert))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def idle(self) -> None:
        """Wait until everybody has been told."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _tell(self, alert: BudgetAlert) -> None:
        # Only numbers, enums and pseudonyms stand unsealed: a holder is a pseudonym, a word of the configuration's
        # making (a team, a model) or a name that a caller made up, so it stands sealed.
        data: dict[str, Plain] = {key: value for key, value in alert.facts.items() if key != "holder"}
        record = Record(
            kind="spend.alerted", data=data, person="budgets", private={"holder": alert.account.holder}
        )
        try:
            said = await self.sequencer.submit(Unit((record,), (Tell(alert.account.key, alert.mark.micros),)))
        except StoreError as error:
            log.error("an alert could not be recorded: %s", error.detail)  # noqa: TRY400 - the detail is the message
            return
        if isinstance(said, Committed):
            await self.tell(alert)
