"""Buckets: GCRA as one atomic statement, so that two takers can never both have the last cell."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

from firewall.core.bucket import Full
from firewall.core.bucket import take as oracle_rule
from firewall.core.spending import Pay
from firewall.core.work import Take, Unmet


def take(connection: sqlite3.Connection, step: Take, index: int, now_us: int) -> Unmet | None:
    """Take the cells, or say how long the bucket stays full. The rule is `core.bucket.take`."""
    rate = step.rate
    cost, tolerance = rate.interval_us * step.cells, rate.tolerance_us
    fits = cost <= tolerance  # an insert has no condition, so what never fits must not get that far
    if fits and connection.execute(_ONE, (now_us, step.key, cost, tolerance)).rowcount == 1:
        return None
    unmet = full(connection, [step], now_us)
    return Unmet(index, unmet.why, retry_after_us=unmet.retry_after_us, found=unmet.found)


def take_all(connection: sqlite3.Connection, steps: Sequence[Take], now_us: int) -> bool:
    """Take from every bucket in one statement; False when one is full.

    Others may then have been taken from: the caller rolls back to its savepoint and asks `full`.
    """
    if len({step.key for step in steps}) < len(steps):
        return all(take_all(connection, [step], now_us) for step in steps)
    values: list[int | str] = [now_us]
    for step in steps:
        rate = step.rate
        cost, tolerance = rate.interval_us * step.cells, rate.tolerance_us
        if cost > tolerance:  # an insert has no condition, so what never fits must not get that far
            return False
        values += (step.key, cost, tolerance)
    return connection.execute(_statement(len(steps)), values).rowcount == len(steps)


def full(connection: sqlite3.Connection, steps: Sequence[Take], now_us: int) -> Unmet:
    """Say which bucket is the first full one, when none of them has been taken from."""
    found: dict[str, int] = {}
    for index, step in enumerate(steps):
        row = connection.execute("SELECT tat_us FROM buckets WHERE key = ?", (step.key,)).fetchone()
        tat_us = found.get(step.key, row[0] if row else 0)
        said = oracle_rule(step.rate, tat_us=tat_us, now_us=now_us, cells=step.cells)
        if isinstance(said, Full):
            return Unmet(index, "full", retry_after_us=said.retry_after_us, found=step.key)
        found[step.key] = said.tat_us
    return Unmet(0, "full", found=steps[0].key)


@lru_cache(maxsize=16)
def _statement(count: int) -> str:
    """Write the statement for `count` buckets: ?1 is now, then key, cost and tolerance of each."""
    at = range(2, 2 + 3 * count, 3)
    rows = ", ".join(f"(?{key}, ?1 + ?{key + 1})" for key in at)
    tolerances = " ".join(f"WHEN ?{key} THEN ?{key + 2}" for key in at)
    return (
        f"INSERT INTO buckets (key, tat_us) VALUES {rows} "  # noqa: S608 - numbers of parameters, no values
        "ON CONFLICT (key) DO UPDATE SET tat_us = max(tat_us, ?1) + excluded.tat_us - ?1 "
        f"WHERE max(tat_us, ?1) + excluded.tat_us - 2 * ?1 <= CASE excluded.key {tolerances} END"
    )


_ONE = _statement(1)


def pay(connection: sqlite3.Connection, step: Pay, now_us: int) -> None:
    """Take cells, or give some back, whatever the bucket holds: a debt makes later takers wait."""
    moved = step.rate.interval_us * step.cells
    connection.execute(
        "INSERT INTO buckets (key, tat_us) VALUES (?1, ?2 + max(?3, 0)) ON CONFLICT (key) "
        "DO UPDATE SET tat_us = max(max(tat_us, ?2) + ?3, ?2)",
        (step.key, now_us, moved),
    )


def sweep(connection: sqlite3.Connection, now_us: int) -> None:
    """Forget buckets that are empty again; they behave as if never used."""
    connection.execute("DELETE FROM buckets WHERE tat_us < ?", (now_us,))
