"""People are told of each mark of a budget once, and it is in the log before they are."""

import asyncio
from pathlib import Path

from firewall.core.budget import Account, Scope, Window
from firewall.core.spending import Line, Part, Settle, Spent, State
from firewall.core.work import Committed, Unit
from firewall.spend.telling import BudgetAlert, Telling
from tests.support.approving import START_US
from tests.support.spending import Purse, purse

ACCOUNT = Account("team:a:day:x", Scope.TEAM, Window.DAY, "a", 700, 1_000)


async def spend(found: Purse, call: str, micros: int) -> tuple[Spent, ...]:
    """Book an amount and return the accounts that it changed."""
    line = Line(call=call, at_us=START_US, state=State.EXACT, cost_micros=micros)
    said = await found.installation.writer.submit(Unit(steps=(Settle(line, (Part(ACCOUNT.key, micros),)),)))
    assert isinstance(said, Committed)
    return said.spent


async def test_each_mark_is_told_once(tmp_path: Path) -> None:
    """Half, the soft limit, four fifths, all; two settlements that see the same mark tell one time."""
    async with purse(tmp_path) as found:
        heard: list[BudgetAlert] = []

        async def tell(alert: BudgetAlert) -> None:
            assert found.kinds().count("spend.alerted") > len(heard)
            heard.append(alert)

        telling = Telling(found.installation.writer, tell)
        for number, micros in enumerate((499, 1, 100, 120, 200, 300)):
            spent = await spend(found, f"cal_{number}", micros)
            telling.settled([ACCOUNT], spent)
            telling.settled([ACCOUNT], spent)
            await telling.idle()
        assert [alert.mark.what for alert in heard] == ["50", "soft", "80", "100"]
        assert found.kinds() == ["spend.alerted"] * 4
        first = heard[0]
        assert first.text == "the day budget of team `a` has reached 50 %: $0.0005 of $0.001"
        assert "its soft limit" in heard[1].text
        assert first.facts == {
            "scope": "team", "holder": "a", "window": "day", "mark": "50", "spent_micros": 500,
            "limit_micros": 1_000,
        }  # fmt: skip


async def test_a_crash_between_spending_and_telling_loses_no_alert(tmp_path: Path) -> None:
    """What was not told is told with the next settlement: the mark stands in the account, not in memory."""
    async with purse(tmp_path) as found:
        heard = asyncio.Queue[str]()

        async def tell(alert: BudgetAlert) -> None:
            await heard.put(alert.mark.what)

        await spend(found, "cal_1", 810)
        telling = Telling(found.installation.writer, tell)
        telling.settled([ACCOUNT], await spend(found, "cal_2", 1))
        await telling.idle()
        assert heard.get_nowait() == "80"


async def test_accounts_that_nobody_watches_tell_nothing(tmp_path: Path) -> None:
    """And a log that is closed tells nobody what is not recorded."""
    async with purse(tmp_path) as found:
        heard: list[BudgetAlert] = []

        async def tell(alert: BudgetAlert) -> None:
            heard.append(alert)

        telling = Telling(found.installation.writer, tell)
        spent = await spend(found, "cal_1", 999)
        telling.settled([], spent)
        await found.installation.writer.stop()
        telling.settled([ACCOUNT], spent)
        await telling.idle()
        assert heard == []
