"""A whole server before the provider that bills, and what its ledger says."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firewall.demo.serving import served
from tests.support.billing import PRICES, Billing
from tests.support.installation import Served, install, serving

BUDGET = """
[[budget]]
scope = "team"
window = "day"
hard_micros = 1000000000
"""
"""So much that nobody is refused."""


@contextmanager
def billed(folder: Path, settings: str, prices: str = PRICES) -> Iterator[Served]:
    """Serve with these settings, in which `{url}` is where the provider is, and prices added to the models'."""
    with served(Billing().app) as url:
        installed = install(folder, settings=settings.format(url=url))
        models = installed.config.parent / "policies" / "models.toml"
        models.write_text((models.read_text() if models.exists() else "") + prices)
        with serving(installed) as running:
            yield running


def rows(firewall: Served, query: str, *values: object) -> list[tuple[object, ...]]:
    """Read the database as an auditor would."""
    with sqlite3.connect(f"file:{firewall.installed.database}?mode=ro", uri=True) as connection:
        return connection.execute(query, values).fetchall()


def eventually(firewall: Served, query: str, *values: object) -> list[tuple[object, ...]]:
    """Return the rows of a query once there are some."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = rows(firewall, query, *values)
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing ever came of {query} for {values}")
