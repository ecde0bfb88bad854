"""Reports of what calls cost: sums of days and lines together say what lines alone say, wherever they end."""

import sqlite3
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.attribution import Attribution
from firewall.core.money import Tokens
from firewall.core.spending import Line, Settle, State
from firewall.storage.sqlite import ledger, spending
from firewall.storage.sqlite.schema import create_tables, open_writer
from firewall.storage.sqlite.spend_days import DAY_US
from firewall.storage.sqlite.spending import WORDS, Group, report

SAID = st.sampled_from(["", "a", "b'"])
EDGES = [0, 1, DAY_US - 1, DAY_US, DAY_US + 1, 2 * DAY_US, 3 * DAY_US - 1, 3 * DAY_US, 9 * DAY_US]
TIMES = st.sampled_from(EDGES)
LINES = st.builds(
    Line,
    call=st.sampled_from(["1", "2", "3", "4", "5", "6"]),
    at_us=TIMES,
    state=st.sampled_from(list(State)),
    owner=SAID,
    principal=SAID,
    token=SAID,
    session=SAID,
    cost_micros=st.one_of(st.none(), st.integers(0, 2**40)),
    about=st.builds(Attribution, feature=SAID, user_tier=SAID, team=SAID),
    provider=SAID,
    model=SAID,
    used=st.builds(Tokens, input=st.integers(0, 9), cache_read=st.integers(0, 9), output=st.integers(0, 9)),
)
OF_DAYS = ("feature", "user_tier", "team", "provider", "model", "day", "month")
OF_RUNS = ("owner", "principal", "token", "session", "provider", "model", "day", "month")
WAYS = [by for size in range(3) for by in combinations(OF_DAYS, size)]
RUN_WAYS = [by for size in range(1, 3) for by in combinations(OF_RUNS, size) if not set(by) <= set(OF_DAYS)]
MOST = 1_000


def opened(folder: Path) -> sqlite3.Connection:
    """Open an empty file for the one writer."""
    connection = open_writer(folder / "log.db")
    create_tables(connection)
    return connection


def by_hand(lines: list[Line], by: tuple[str, ...], since_us: int, until_us: int) -> dict[tuple[str, ...], Group]:
    """Add up lines as a person would: one look at each, no query."""
    found: dict[tuple[str, ...], list[Line]] = {}
    for one in lines:
        if since_us <= one.at_us < until_us and one.state not in (State.OPEN, State.UNASKED):
            found.setdefault(tuple(word_of(one, word) for word in by), []).append(one)
    return {words: together(words, calls) for words, calls in found.items()}


def word_of(line: Line, word: str) -> str:
    """Return what a line says for a word of a report."""
    day = f"1970-01-{1 + line.at_us // DAY_US:02}"
    said = {"day": day, "month": "1970-01", "provider": line.provider, "model": line.model}
    if word in said:
        return said[word] or "-"
    return str(getattr(line if word in OF_RUNS else line.about, word)) or "-"


def together(words: tuple[str, ...], calls: list[Line]) -> Group:
    """Return the group of some lines."""
    guesses = (State.ESTIMATED, State.LEAKED)
    return Group(
        words=words,
        calls=len(calls),
        cost_micros=sum(one.cost_micros or 0 for one in calls),
        estimated_micros=sum(one.cost_micros or 0 for one in calls if one.state in guesses),
        unpriced_calls=sum(one.state is State.UNKNOWN for one in calls),
        input_tokens=sum(one.used.input for one in calls),
        cached_tokens=sum(one.used.cache_read for one in calls),
        output_tokens=sum(one.used.output for one in calls),
        models=tuple(sorted({f"{one.provider}/{one.model}" for one in calls})),
    )


@settings(max_examples=150)
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([*WAYS, *RUN_WAYS, ("team", "owner"), ("feature", "session")]),
    TIMES,
    TIMES,
)
def test_a_report_is_what_its_lines_add_up_to(
    lines: list[Line], by: tuple[str, ...], since_us: int, until_us: int
) -> None:
    """From any instant to any other, by words that sums of days know and by ones that no sums know together."""
    with TemporaryDirectory() as folder:
        connection = opened(Path(folder))
        for one in lines:
            ledger.settle(connection, Settle(one), 1)
        found = report(connection, by, since_us=since_us, until_us=until_us, limit=MOST)
        stand = list({(one.at_us, one.call): one for one in lines}.values())
        assert {group.words: group for group in found} == by_hand(stand, by, since_us, until_us)
        assert [group.cost_micros for group in found] == sorted((one.cost_micros for one in found), reverse=True)
        connection.close()


@pytest.mark.parametrize("by", [*WAYS, *RUN_WAYS], ids="+".join)
def test_whole_days_come_from_their_sums(tmp_path: Path, by: tuple[str, ...]) -> None:
    """Lines are read only where a call of the first or last day lies outside of what is asked for."""
    connection = opened(tmp_path)
    for number in range(8):
        line = Line(call=str(number), at_us=number * DAY_US // 2, state=State.EXACT, cost_micros=1)
        ledger.settle(connection, Settle(line), 1)
    connection.execute("UPDATE spend_days SET cost = cost * 100")
    connection.execute("UPDATE spend_runs SET cost = cost * 100")
    assert sum(one.cost_micros for one in report(connection, by, since_us=0, until_us=9 * DAY_US, limit=9)) == 800
    found = report(connection, by, since_us=DAY_US // 2, until_us=3 * DAY_US + 1, limit=9)
    assert sum(one.cost_micros for one in found) == 1 + 2 * 200 + 1
    connection.close()


def test_words_that_sums_of_days_know_are_words_of_reports() -> None:
    """Each of them can be asked for, and each is tried above."""
    assert {"spend_days": frozenset(OF_DAYS), "spend_runs": frozenset(OF_RUNS)} == spending._KNOWN
    assert set(OF_DAYS) | set(OF_RUNS) < set(WORDS)
