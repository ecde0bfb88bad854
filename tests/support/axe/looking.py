"""axe-core (npm `axe-core`, Deque's accessibility engine) in a page: installed by its hash, run, read."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

from tests.support.npm import Package, modules

VERSION: Final = "4.14.1"
AXE: Final = Package("axe-core", "axe-core", VERSION, lock=Path(__file__).parent / "lock")
GRAVE: Final = frozenset({"serious", "critical"})
"""What no page may have; axe's other impacts are `minor` and `moderate`."""


@cache
def source() -> str:
    """Return the engine, installing it first where it is not there yet; skips or fails without it."""
    return (modules(AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def findings(page: Page) -> list[str]:
    """Return what axe finds grave in an open page, once all of it is there: the rule, how grave, the elements."""
    await page.wait_for_load_state()
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(source())
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations', 'passes']})")
    assert found["passes"], "axe looked at nothing"
    return [_line(one) for one in found["violations"] if one["impact"] in GRAVE]


def _line(violation: dict[str, Any]) -> str:
    nodes: Sequence[dict[str, Any]] = violation["nodes"]
    where = "; ".join(f"{node['html'][:120]} ({node['failureSummary'][:200]})" for node in nodes[:3])
    return f"{violation['impact']} {violation['id']}: {where}"
