"""The bucket in the store follows the pure rule, whatever comes in which order."""

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.bucket import Full, Rate, Taken, take
from firewall.core.work import Take
from firewall.storage.sqlite import limits
from firewall.storage.sqlite.schema import create_tables, open_writer

RATES = st.builds(
    Rate, limit=st.integers(1, 100), window_us=st.sampled_from([1_000_000, 60_000_000]), burst=st.integers(1, 20)
)
STEPS = st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 3)), max_size=40)


@settings(max_examples=60)
@given(RATES, STEPS)
def test_store_and_rule_agree(rate: Rate, steps: list[tuple[int, int]]) -> None:
    """Every taking is granted or refused alike, with the same wait; never more than the rate admits."""
    with TemporaryDirectory() as folder:
        connection = open_writer(Path(folder) / "log.db")
        create_tables(connection)
        try:
            _play(connection, rate, steps)
        finally:
            connection.close()


def _play(connection: sqlite3.Connection, rate: Rate, steps: list[tuple[int, int]]) -> None:
    now, tat, taken = 1_000_000, 0, 0
    start = now
    for pause, cells in steps:
        now += pause
        said = take(rate, tat_us=tat, now_us=now, cells=cells)
        unmet = limits.take(connection, Take("key", rate, cells), 0, now)
        match said:
            case Taken():
                assert unmet is None
                tat = said.tat_us
                taken += cells
            case Full():
                assert unmet is not None
                assert unmet.retry_after_us == said.retry_after_us
    assert taken <= max(1, rate.burst) + (now - start) // rate.interval_us + 1


@settings(max_examples=60)
@given(st.lists(RATES, min_size=1, max_size=4), STEPS)
def test_several_buckets_are_taken_from_together_or_not_at_all(
    rates: list[Rate], steps: list[tuple[int, int]]
) -> None:
    """A call that draws from its token, its ancestors and its owner takes from all of them or from none."""
    with TemporaryDirectory() as folder:
        connection = open_writer(Path(folder) / "log.db")
        create_tables(connection)
        try:
            _play_together(connection, rates, steps)
        finally:
            connection.close()


def _play_together(connection: sqlite3.Connection, rates: list[Rate], steps: list[tuple[int, int]]) -> None:
    now, tats = 1_000_000, [0] * len(rates)
    for pause, cells in steps:
        now += pause
        said = [take(rate, tat_us=tat, now_us=now, cells=cells) for rate, tat in zip(rates, tats, strict=True)]
        takes = [Take(f"key{index}", rate, cells) for index, rate in enumerate(rates)]
        connection.execute("BEGIN")
        if limits.take_all(connection, takes, now):
            connection.execute("COMMIT")
            tats = [one.tat_us for one in said if isinstance(one, Taken)]
            assert len(tats) == len(rates)
        else:
            connection.execute("ROLLBACK")
            unmet = limits.full(connection, takes, now)
            refused = said[unmet.step]
            assert isinstance(refused, Full)
            assert unmet.retry_after_us == refused.retry_after_us
            assert all(isinstance(one, Taken) for one in said[: unmet.step])
