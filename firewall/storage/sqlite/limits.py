"""Buckets: GCRA as one atomic statement, so that two takers can never both have the last cell."""

import sqlite3

from firewall.core.bucket import take as oracle_rule
from firewall.core.work import Take, Unmet

_TAKE = """
INSERT INTO buckets (key, tat_us) VALUES (:key, :now + :cost)
ON CONFLICT (key) DO UPDATE SET tat_us = max(tat_us, :now) + :cost
WHERE max(tat_us, :now) + :cost - :now <= :tolerance
RETURNING tat_us
"""


def take(connection: sqlite3.Connection, step: Take, index: int, now_us: int) -> Unmet | None:
    """Take the cells, or say how long the bucket stays full. The rule is `core.bucket.take`."""
    rate = step.rate
    cost = rate.interval_us * step.cells
    if cost <= rate.tolerance_us:  # an insert has no condition, so what never fits must not get that far
        row = connection.execute(
            _TAKE, {"key": step.key, "now": now_us, "cost": cost, "tolerance": rate.tolerance_us}
        ).fetchone()
        if row is not None:
            return None
    stored = connection.execute("SELECT tat_us FROM buckets WHERE key = ?", (step.key,)).fetchone()
    full = oracle_rule(rate, tat_us=stored[0] if stored else 0, now_us=now_us, cells=step.cells)
    return Unmet(index, "full", retry_after_us=getattr(full, "retry_after_us", 0), found=step.key)


def sweep(connection: sqlite3.Connection, now_us: int) -> None:
    """Forget buckets that are empty again; they behave as if never used."""
    connection.execute("DELETE FROM buckets WHERE tat_us < ?", (now_us,))
