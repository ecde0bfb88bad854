"""Sums of the ledger by day: what they say is what adding up its lines says, whatever was written in between."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.console.costs.days import DaySums, course, dearest, together
from firewall.core.attribution import Attribution
from firewall.core.money import Tokens
from firewall.core.spending import Line, Part, Reclaim, Reserve, Settle, State
from firewall.storage.sqlite import ledger, spend_days
from firewall.storage.sqlite.schema import create_tables, open_writer
from firewall.storage.sqlite.spend_days import DAY_US, GROUPS, Sum

WORDS = st.sampled_from(["", "a", "b'"])
LINES = st.builds(
    Line,
    call=st.sampled_from(["1", "2", "3", "4"]),
    at_us=st.sampled_from([0, DAY_US - 1, DAY_US, 3 * DAY_US]),
    state=st.sampled_from(list(State)),
    cost_micros=st.one_of(st.none(), st.integers(0, 2**40)),
    about=st.builds(Attribution, feature=WORDS, user_tier=WORDS, team=WORDS),
    owner=WORDS,
    principal=WORDS,
    token=WORDS,
    session=WORDS,
    provider=WORDS,
    model=WORDS,
    used=st.builds(Tokens, input=st.integers(0, 9), cache_read=st.integers(0, 9), output=st.integers(0, 9)),
)
STEPS = st.lists(st.one_of(LINES, st.sampled_from([0, DAY_US, 9 * DAY_US])), max_size=12)
EVER = (0, 99)


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Open an empty file for the one writer."""
    with TemporaryDirectory() as folder:
        connection = open_writer(Path(folder) / "log.db")
        create_tables(connection)
        try:
            yield connection
        finally:
            connection.close()


TABLES = {
    "spend_days": "feature, user_tier, team, provider, model",
    "spend_runs": "owner, principal, token, session, provider, model",
}


def reckoned(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Add up the lines themselves, for each table of sums."""
    return {table: _reckoned(connection, words) for table, words in TABLES.items()}


def _reckoned(connection: sqlite3.Connection, words: str) -> list[tuple[object, ...]]:
    keys = ", ".join(map(str, range(1, words.count(",") + 3)))
    return connection.execute(
        f"SELECT at / {DAY_US}, {words}, count(*), coalesce(sum(cost), 0), "  # noqa: S608 - constants
        "coalesce(sum(CASE WHEN state IN ('estimated', 'leaked') THEN cost END), 0), sum(state = 'unknown'), "
        "sum(input), sum(cache_read), sum(output) FROM spend_calls WHERE state NOT IN ('open', 'unasked') "
        f"GROUP BY {keys} ORDER BY {keys}"
    ).fetchall()


def kept(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return the sums as they are kept."""
    return {
        "spend_days": connection.execute("SELECT * FROM spend_days ORDER BY 1, 2, 3, 4, 5, 6").fetchall(),
        "spend_runs": connection.execute("SELECT * FROM spend_runs ORDER BY 1, 2, 3, 4, 5, 6, 7").fetchall(),
    }


@settings(max_examples=80)
@given(STEPS)
def test_sums_are_what_the_lines_add_up_to(steps: list[Line | int]) -> None:
    """Lines are written, written anew in another state, and forgotten; a ledger made before is summed up once."""
    with opened() as connection:
        for step in steps:
            if isinstance(step, Line):
                ledger.settle(connection, Settle(step), 1)
            else:
                ledger.reclaim(connection, Reclaim(before_us=0, forget_us=step))
            assert kept(connection) == reckoned(connection)
        for earlier in (("spend_runs",), ("spend_days", "spend_runs")):  # before runs had sums; before days had
            for table in earlier:
                connection.execute(f"DROP TRIGGER {table}_more")
                connection.execute(f"DROP TRIGGER {table}_less")
                connection.execute(f"DROP TABLE {table}")
            for _ in range(2):
                create_tables(connection)
                assert kept(connection) == reckoned(connection)


def line(call: str, cost: int | None, *, day: int = 1, state: State = State.EXACT, **about: str) -> Line:
    """Build a line."""
    return Line(
        call=call, at_us=day * DAY_US + 5, state=state, cost_micros=cost, provider="p", model="m",
        about=Attribution(**about),
    )  # fmt: skip


def test_groups_days_and_courses() -> None:
    """The dearest first, a word that nobody says among them, days that have none left out."""
    with opened() as connection:
        for one in (
            line("1", 5, feature="f"),
            line("2", 7, day=2, feature="f", state=State.LEAKED),
            line("3", 9, feature="g"),
            line("4", None, day=3, state=State.UNKNOWN),
            line("5", 100, day=4, feature="later"),
        ):
            ledger.settle(connection, Settle(one), 1)
        days = DaySums().of(connection, (1, 3))
        assert {day: together(kinds["feature"].values()) for day, kinds in days.items()} == {
            1: Sum(2, 14), 2: Sum(1, 7, 7), 3: Sum(1, 0, 0, 1),
        }  # fmt: skip
        assert dearest(days, "feature") == [
            (("f",), Sum(2, 12, 7)), (("g",), Sum(1, 9)), (("",), Sum(1, 0, 0, 1)),
        ]  # fmt: skip
        assert dearest(days, "model") == [(("p", "m"), Sum(4, 21, 7, 1))]
        assert course(days, "feature", ("f",)) == {1: 5, 2: 7}
        assert course(days, "feature", ("",)) == {3: 0}
        assert course(DaySums().of(connection, (2, 2)), "model", ("p", "m")) == {2: 7}
        assert course(days, "model", ("p", "x")) == {}


@settings(max_examples=80)
@given(STEPS)
def test_what_is_kept_in_mind_is_what_adding_up_says(steps: list[Line | int]) -> None:
    """Whatever is written, rewritten or forgotten between two looks, of the newest day and of older ones."""
    with opened() as connection:
        mind = DaySums()
        for step in steps:
            if isinstance(step, Line):
                ledger.settle(connection, Settle(step), 1)
            else:
                ledger.reclaim(connection, Reclaim(before_us=0, forget_us=step))
            assert mind.of(connection, EVER) == DaySums().of(connection, EVER)


def test_days_that_are_over_are_added_up_once() -> None:
    """A second look reads the newest day alone, and one that was changed late; each by the key of the table."""
    with opened() as connection:
        for number in range(1, 5):
            ledger.settle(connection, Settle(line(str(number), number, day=number)), 1)
        mind, asked = DaySums(), []
        mind.of(connection, EVER)
        connection.set_trace_callback(asked.append)
        mind.of(connection, EVER)
        assert len([one for one in asked if "GROUP BY" in one]) == len(GROUPS)
        ledger.settle(connection, Settle(line("5", 9, day=2)), 1)
        asked.clear()
        assert mind.of(connection, EVER)[2]["team"] == {("",): Sum(2, 11)}
        assert len([one for one in asked if "GROUP BY" in one]) == 2 * len(GROUPS)
        connection.set_trace_callback(None)
        for query in spend_days.OF_DAY.values():
            (first, *_) = connection.execute(f"EXPLAIN QUERY PLAN {query}", (2,)).fetchall()
            assert "USING PRIMARY KEY (day=?)" in first[3]


def test_accounts_of_the_windows_that_are_asked_for() -> None:
    """By the end of the key, with a token's cap beside it, through the index and not through all accounts."""
    with opened() as connection:
        keys = (
            "team:a:day:2026-11-21", "team:a:day:2026-11-20", "team:a:month:2026-11", "token:tok_1:life:life",
            "token:tok_2:life:life", "feature:x:life:life:day:2026-11-21",
        )  # fmt: skip
        for number, key in enumerate(keys):
            step = Reserve(line(f"c{number}", None), (Part(key, number + 1),), DAY_US)
            assert ledger.reserve(connection, step, 0) is None
        row = "INSERT INTO tokens VALUES (?, ?, 'agent', 'h', '', ?, 1, 2, 0, '')"
        connection.executemany(row, [("tok_1", b"0", '{"money_cap_micros": 50}'), ("tok_2", b"1", "")])
        windows = ("day:2026-11-21", "month:2026-11", "life:life")
        found = spend_days.present(connection, windows, 9)
        assert {(one.key, one.held_micros, one.cap_micros) for one in found} == {
            (keys[0], 1, 0), (keys[5], 6, 0), (keys[2], 3, 0), (keys[3], 4, 50), (keys[4], 5, 0),
        }  # fmt: skip
        assert len(spend_days.present(connection, windows, 1)) == 3
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT key FROM spend_accounts a WHERE substr(a.key, -10) = ?", ("2026-11-21",)
        ).fetchall()
        assert "spend_accounts_window" in str(plan)


@pytest.mark.parametrize(
    "column",
    [
        "at", "state", "cost", "input", "cache_read", "output", "feature", "user_tier", "team", "provider",
        "model", "owner", "principal", "token", "session",
    ],
)  # fmt: skip
def test_no_line_is_updated_in_place(column: str) -> None:
    """Lines are replaced, which the sums follow; an update would leave them as they were."""
    with opened() as connection:
        ledger.settle(connection, Settle(line("1", 4, day=1)), 1)
        with pytest.raises(sqlite3.IntegrityError, match="replaced, never updated"):
            connection.execute(f"UPDATE spend_calls SET {column} = {column}")  # noqa: S608 - a name from above
        ledger.settle(connection, Settle(line("1", 9, day=1)), 2)
        assert kept(connection) == reckoned(connection)


def test_an_earlier_ledger_learns_which_columns_its_sums_are_made_of() -> None:
    """Before runs had sums, whose a line was could be changed in place: from the next start on it cannot."""
    with opened() as connection:
        ledger.settle(connection, Settle(line("1", 4, day=1)), 1)
        connection.execute("DROP TRIGGER spend_days_same")
        connection.execute(
            "CREATE TRIGGER spend_days_same BEFORE UPDATE OF cost ON spend_calls BEGIN SELECT RAISE(ABORT, 'no'); "
            "END"
        )
        for name in ("TRIGGER spend_runs_more", "TRIGGER spend_runs_less", "TABLE spend_runs"):
            connection.execute(f"DROP {name}")
        connection.execute("UPDATE spend_calls SET owner = 'olga'")
        create_tables(connection)
        assert kept(connection) == reckoned(connection)
        with pytest.raises(sqlite3.IntegrityError, match="replaced, never updated"):
            connection.execute("UPDATE spend_calls SET owner = 'other'")
