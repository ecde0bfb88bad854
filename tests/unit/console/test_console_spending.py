"""The ledger's desk: groups, accounts, and what may be asked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from firewall.console.api import spend
from firewall.console.api.spend import Approved, Books, instant, words_of
from firewall.core.attribution import Attribution
from firewall.core.budget import Budget, Scope, Window
from firewall.core.errors import ProtocolError
from firewall.core.money import Tokens
from firewall.core.spending import Line, Part, Settle, State
from firewall.core.work import Unit
from firewall.storage.sqlite.spending import WORDS
from tests.support.approving import START_US
from tests.support.spending import Purse, ask, purse

DAY = Budget(Scope.TEAM, Window.DAY, hard_micros=1_000, holders="a")
DAY_US = 86_400_000_000


def approved(provider: str, model: str) -> Approved:
    """Say who approved a model."""
    return Approved(f"who approved {provider} {model}", "2026-11-02", "2027-05-02")


def books(found: Purse) -> Books:
    """Return the desk over a ledger."""
    path = Path(str(found.installation.reader.execute("PRAGMA database_list").fetchone()[2]))
    return Books(path, found.clock, (DAY,), approved)


async def book(found: Purse, call: str, state: State, cost: int | None, **more: object) -> None:
    """Write a line."""
    about = Attribution(**{key: str(more.pop(key)) for key in ("feature", "team") if key in more})
    plain = {"at_us": START_US, "provider": "p", "model": "m", "used": Tokens(input=10, cache_read=4, output=2)}
    line = Line(call=call, state=state, cost_micros=cost, about=about, **(plain | more))  # type: ignore[arg-type]  # tests name the fields
    await found.installation.writer.submit(Unit(steps=(Settle(line),)))


async def test_groups_of_calls(tmp_path: Path) -> None:
    """Costs add up to the micro-dollar; guesses and unknown prices stand apart; what was not asked is no call."""
    async with purse(tmp_path) as found:
        await book(found, "1", State.EXACT, 2**52 + 1, feature="f")
        await book(found, "2", State.ESTIMATED, 2, feature="f", model="n")
        await book(found, "3", State.UNKNOWN, None, feature="g")
        await book(found, "4", State.UNASKED, 0, feature="f")
        await book(found, "5", State.EXACT, 7, feature="f", at_us=START_US - 10 * DAY_US)
        rows, more = await books(found).report(("feature",), START_US - DAY_US, START_US + 1)
        assert not more
        assert rows == [
            {
                "feature": "f", "calls": 2, "cost_micros": 2**52 + 3, "estimated_micros": 2, "unpriced_calls": 0,
                "input_tokens": 20, "cached_tokens": 8, "output_tokens": 4,
                "models": [
                    {"model": "p/m", "approved_by": "who approved p m"},
                    {"model": "p/n", "approved_by": "who approved p n"},
                ],
            },
            {
                "feature": "g", "calls": 1, "cost_micros": 0, "estimated_micros": 0, "unpriced_calls": 1,
                "input_tokens": 10, "cached_tokens": 4, "output_tokens": 2,
                "models": [{"model": "p/m", "approved_by": "who approved p m"}],
            },
        ]  # fmt: skip
        whole, _ = await books(found).report((), 0, START_US + 1)
        assert [(row["calls"], row["cost_micros"]) for row in whole] == [(4, 2**52 + 10)]
        assert await books(found).report((), 0, 1) == ([], False)
        by = ("feature", "provider", "model")
        each, _ = await books(found).report(by, START_US - DAY_US, START_US + 1, approvals=True)
        assert {(row["feature"], row["model"], row["approved_by"], row["review_by"]) for row in each} == {
            ("f", "m", "who approved p m", "2027-05-02"),
            ("f", "n", "who approved p n", "2027-05-02"),
            ("g", "m", "who approved p m", "2027-05-02"),
        }
        assert books(found).now_us() == START_US


@pytest.mark.parametrize("word", [*WORDS, "tag:ticket"])
async def test_every_word_groups(tmp_path: Path, word: str) -> None:
    """Whatever may be asked for is answered; a call that says nothing is `-`."""
    async with purse(tmp_path) as found:
        await book(found, "1", State.EXACT, 5)
        (row,), _ = await books(found).report((word,), 0, START_US + 1)
        assert row["cost_micros"] == 5
        assert row[word]


async def test_accounts_of_the_present_window(tmp_path: Path) -> None:
    """What is spent, held and left; yesterday's account and a cap's are told from today's."""
    async with purse(tmp_path) as found:
        spending = found.spending(DAY)
        opened = await spending.open(ask(team="a", caps=(("tok_1", 500),)))
        await spending.sequencer.submit(Unit(steps=opened.steps))
        line = Line(call="x", at_us=START_US, state=State.EXACT)
        await found.installation.writer.submit(Unit(steps=(Settle(line, (Part("team:a:day:2020-01-01", 9),)),)))
        today = datetime.fromtimestamp(START_US / 1e6, UTC).strftime("%Y-%m-%d")
        rows = {str(row["window"]): row for row in (await books(found).budgets())[0]}
        assert rows["day"] == {
            "scope": "team", "holder": "a", "window": "day", "period": today, "spent_micros": 0,
            "held_micros": 200, "hard_micros": 1_000, "left_micros": 800,
        }  # fmt: skip
        assert (rows["life"]["holder"], rows["life"]["held_micros"]) == ("tok_1", 200)


async def test_what_is_cut_says_so_and_leads_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearest groups, and the accounts that moved last, a page at a time; the last page leads nowhere."""
    monkeypatch.setattr(spend, "MOST_GROUPS", 2)
    async with purse(tmp_path) as found:
        for number in range(5):
            await book(found, str(number), State.EXACT, 10 + number, feature=f"f{number}")
        pages = [await books(found).report(("feature",), 0, START_US + 1, skip=skip) for skip in (0, 2, 4)]
        told = [([row["feature"] for row in rows], more) for rows, more in pages]
        assert told == [(["f4", "f3"], True), (["f2", "f1"], True), (["f0"], False)]
        parts = tuple(Part(f"team:{team}:life:life", 5) for team in "abc")
        await found.installation.writer.submit(
            Unit(steps=(Settle(Line(call="x", at_us=START_US, state=State.EXACT), parts),))
        )
        pages = [await books(found).budgets(skip) for skip in (0, 2)]
        told = [([row["holder"] for row in rows], more) for rows, more in pages]
        assert told == [(["a", "b"], True), (["c"], False)]


@pytest.mark.parametrize("text", ["cost", "tag:", "tag:X", "tag:a b", "model,model", "day,model,team,route,token"])
def test_what_is_nothing_to_group_by(text: str) -> None:
    """A word that is none of ours, one twice, too many."""
    with pytest.raises(ProtocolError) as caught:
        words_of(text)
    assert caught.value.code == "by_invalid"


def test_words_and_times() -> None:
    """How reports are asked for."""
    assert words_of(" feature , tag:ticket") == ("feature", "tag:ticket")
    assert words_of("") == ()
    assert instant("2d", START_US) == START_US - 2 * DAY_US
    assert instant("1970-01-02", START_US) == DAY_US
    assert instant("1970-01-01T01:00+01:00", START_US) == 0
    for odd in ("", "7", "7x", "soon", "99999999999999d"):
        with pytest.raises(ProtocolError):
            instant(odd, START_US)
