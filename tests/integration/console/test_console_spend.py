"""The spend page over a real ledger: the figures of the books, caps, and nothing that a call made up as markup."""

import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.console.costs import books
from firewall.console.costs.books import Costs
from firewall.console.costs.room import SpendPage
from firewall.core.attribution import Attribution
from firewall.core.budget import Budget, Scope, Window
from firewall.core.errors import StoreError
from firewall.core.spending import Line, Part, Reserve, Settle, State
from firewall.core.work import Unit
from firewall.storage.sqlite import spend_days
from firewall.storage.sqlite.spend_days import DAY_US, GROUPS
from tests.support.approving import START_US, StillClock
from tests.support.control_side import Side, control_side
from tests.support.spending import Purse, purse

LIMITS = (
    Budget(Scope.TEAM, Window.DAY, soft_micros=500_000, hard_micros=1_000_000, holders="a"),
    Budget(Scope.FEATURE, Window.MONTH, soft_micros=9_000_000),
)
ODD = "<b>search</b>\u202e"


@pytest.fixture
async def found(tmp_path: Path) -> AsyncIterator[Purse]:
    """A ledger with calls of three days."""
    async with purse(tmp_path) as made:
        await book(made, "1", 600_000, feature=ODD, team="a")
        await book(made, "2", 300_000, feature="chat", team="b", at_us=START_US - DAY_US)
        await book(made, "3", 50_000_000, feature="long-ago", at_us=START_US - 40 * DAY_US)
        await book(made, "4", None, state=State.UNKNOWN)
        await book(made, "5", 100_000, state=State.ESTIMATED, feature="chat", user_tier="pro")
        parts = (Part("team:a:day:2026-09-21", 950_000), Part("feature:chat:month:2026-09", 5))
        line = Line(call="open", at_us=START_US, state=State.OPEN)
        await made.installation.writer.submit(Unit(steps=(Reserve(line, parts, START_US + DAY_US),)))
        yield made


async def book(made: Purse, call: str, cost: int | None, *, state: State = State.EXACT, **more: object) -> None:
    """Write a line."""
    at_us = int(str(more.pop("at_us", START_US)))
    about = Attribution(**{key: str(word) for key, word in more.items()})
    line = Line(call=call, at_us=at_us, state=state, cost_micros=cost, about=about, provider="p", model="m")
    await made.installation.writer.submit(Unit(steps=(Settle(line),)))


def desk(made: Purse) -> Costs:
    """Return the desk over a ledger."""
    path = Path(str(made.installation.reader.execute("PRAGMA database_list").fetchone()[2]))
    return Costs(path, StillClock(), LIMITS)


def side_of(made: Purse) -> Side:
    """Return a control side that has the page over this ledger."""
    return control_side(rooms=(SpendPage(desk(made)),))


async def test_the_page_shows_the_books(found: Purse) -> None:
    """Totals, days, groups and caps; what calls said of themselves is text; looking writes nothing."""
    side = side_of(found)
    page = await (await side.signed_in("bob")).open("/console/spend")
    assert page.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    for words in (
        "$1.00 in 30 days", "4 model calls; $0.10 of it nobody counted",
        "1 call without a known price is not in it",
        "95 % full : $0 spent, $0.95 held by calls under way; $1.00 at most, people are told at $0.50",
        "1 % full : $0 spent, $0.000005 held", "&lt;b&gt;search&lt;/b&gt;⟦U+202E⟧", "60 %", "p/m", "pro",
        "none named", "2026-09-20 $0.30 $0 1",
    ):  # fmt: skip
        assert words in text, (words, text)
    assert ODD not in page.text
    assert "long-ago" not in text
    assert "<script" not in page.text
    assert " style=" not in page.text
    for plot in re.findall(r"<svg [^>]*>", page.text):
        assert 'role="img"' in plot or 'aria-hidden="true"' in plot
    assert 'aria-labelledby="plot-title plot-words"' in page.text
    assert side.log.kinds == ["approver.signed_in"]


async def test_other_days_may_be_asked_for(found: Purse) -> None:
    """A week, a month, a quarter; anything else is refused with a code."""
    browser = await side_of(found).signed_in("bob")
    long = await browser.open("/console/spend?days=90")
    assert "$51.00 in 90 days" in long.text
    assert "long-ago" in long.text
    for odd in ("0", "31", "x", "", "030"):
        answer = await browser.open(f"/console/spend?days={odd}")
        assert (answer.status_code, "days_invalid" in answer.text) == (400, True)


async def test_many_groups_and_caps_stay_a_page(found: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearest groups and the fullest caps are shown; the others are counted."""
    monkeypatch.setattr(books, "MOST_GROUPS", 1)
    monkeypatch.setattr(books, "MOST_CAPS", 1)
    seen = await desk(found).look(7)
    features = next(part for part in seen.parts if part.kind == "feature")
    assert [(line.name, line.money, line.share) for line in features.lines] == [(ODD, "$0.60", 60)]
    assert features.more == "$0.40"
    assert [cap.holder for cap in seen.caps] == ["a"]
    assert seen.more_caps == 1


async def test_a_person_is_called_by_name_to_whoever_may_read_the_log(found: Purse) -> None:
    """The books have pseudonymous ids; who nobody knows keeps his."""
    room = SpendPage(desk(found), lambda: {"a": "olga", "per_other": "marc"})
    page = await (await control_side(rooms=(room,)).signed_in("bob")).open("/console/spend")
    assert '<span class="mono">olga</span>' in page.text
    assert '<span class="mono">a</span>' not in page.text
    assert "marc" not in page.text


async def test_an_empty_ledger_is_said_to_be_empty(tmp_path: Path) -> None:
    """No division by nothing, no empty table."""
    async with purse(tmp_path) as made:
        page = await (await side_of(made).signed_in("bob")).open("/console/spend")
    assert "$0 in 30 days" in page.text
    assert "No call in these days" in page.text
    assert "Nothing was spent from 2026-08-23 to 2026-09-21." in page.text


async def test_a_ledger_that_cannot_be_read_is_an_error(found: Purse, tmp_path: Path) -> None:
    """An unreadable file shows no figures."""
    with pytest.raises(StoreError):
        await replace(desk(found), path=tmp_path / "missing.db").look(7)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        await replace(desk(found), path=broken).look(7)
    browser = await control_side(rooms=(SpendPage(replace(desk(found), path=broken)),)).signed_in("bob")
    answer = await browser.open("/console/spend")
    assert answer.status_code == 503


async def test_days_that_are_over_are_added_up_before_anybody_looks(
    found: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first look reads the newest day alone, and says what it says without that; today is nobody's to keep."""
    asked: list[int] = []
    of_day = spend_days.of_day

    def counted(connection: sqlite3.Connection, kind: str, day: int) -> object:
        asked.append(day)
        return of_day(connection, kind, day)

    monkeypatch.setattr(spend_days, "of_day", counted)
    monkeypatch.setattr(books, "WARM_PAUSE_S", 0)
    today = START_US // DAY_US
    costs = desk(found)
    await costs.warm()
    assert set(asked) == set(range(today - books.WARM_DAYS + 1, today))
    asked.clear()
    assert await costs.look(90) == await desk(found).look(90)
    assert asked[: len(GROUPS)] == [today] * len(GROUPS)
    asked.clear()
    await costs.look(90)
    assert set(asked) == {today}


async def test_books_that_cannot_be_read_ahead_are_a_store_error(tmp_path: Path) -> None:
    """Whoever warms says so and goes on."""
    with pytest.raises(StoreError):
        await Costs(tmp_path / "none.db", StillClock(), LIMITS).warm()
