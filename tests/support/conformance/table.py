"""What Stayhand claims before the conformance suite: every scenario by name, and what does not pass and why.

The data is `tests/cases/mcp_conformance.toml`; `docs/mcp.md` shows it, written by `rendered`.
"""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.conformance.suite import VERSION, Check

DATA: Final = Path(__file__).parents[2] / "cases" / "mcp_conformance.toml"
ENDS: Final = {"FAILURE": "fails", "WARNING": "warns", "SKIPPED": "is skipped"}
"""How a check ends that does not succeed, as the table says it."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """One scenario, or one check of it, that does not pass, and why that is so."""

    side: str
    revisions: tuple[str, ...]
    scenario: str
    check: str
    """Empty: the scenario as a whole, whatever its checks."""
    ends: str
    """One of `ENDS`; `tells nothing`: no check succeeds or fails; `has a clock`: it may say what `says` holds."""
    why: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario of one run."""

    side: str
    revision: str
    scenario: str

    def __str__(self) -> str:
        """Name it."""
        return f"{self.side}-{self.revision}-{self.scenario}"


def _table() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return found


def rows() -> list[Row]:
    """Return all scenarios that are run."""
    return [
        Row(str(run["side"]), str(run["revision"]), str(name))
        for run in _table()["run"]
        for name in run["scenarios"]  # type: ignore[attr-defined]  # a list of names
    ]


def exceptions() -> list[Excuse]:
    """Return everything that does not pass."""
    return [
        Excuse(
            side=str(one["side"]),
            revisions=tuple(one["revisions"]),  # type: ignore[arg-type]  # a list of names
            scenario=str(one["scenario"]),
            check=str(one.get("check", "")),
            ends=str(one["ends"]),
            why=str(one["why"]),
            says=str(one.get("says", "")),
        )
        for one in _table()["exception"]
    ]


def excused(row: Row) -> list[Excuse]:
    """Return what does not pass of a scenario."""
    return [
        one
        for one in exceptions()
        if (one.side, one.scenario) == (row.side, row.scenario) and row.revision in one.revisions
    ]


def differences(row: Row, checks: dict[str, Check]) -> list[str]:
    """Return how what the suite found differs from the table; empty: it is as the table says."""
    listed = excused(row)
    statuses = {check.status for check in checks.values()}
    ends = "fails" if "FAILURE" in statuses else "" if "SUCCESS" in statuses else "tells nothing"
    if whole := [one.ends for one in listed if not one.check]:
        return [] if whole == [ends] else [f"{row} {whole} no more: `{ends}`"]
    found = [] if ends != "tells nothing" or listed else [f"{row} tells nothing"]
    for one in listed:
        check = checks.get(one.check)
        if one.ends == "has a clock":
            if check is None or not (check.is_fine or (check.words and check.words in one.says)):
                found.append(f"{one.check} is to succeed or to say `{one.says}`: {check}")
        elif check is None or ENDS.get(check.status) != one.ends:
            found.append(f"{one.check} {one.ends} no more: {check}")
    named = {one.check for one in listed}
    return found + [
        f"{name}: {check}" for name, check in checks.items() if name not in named and not check.is_fine
    ]


def rendered() -> str:
    """Return the tables of `docs/mcp.md`."""
    lines = ["| side | revision | scenarios | pass whole | with an exception below |", "|---|---|---|---|---|"]
    every = rows()
    for side, revision in dict.fromkeys((row.side, row.revision) for row in every):
        names = [row for row in every if (row.side, row.revision) == (side, revision)]
        excepted = sum(1 for row in names if excused(row))
        lines.append(f"| {side} | {revision} | {len(names)} | {len(names) - excepted} | {excepted} |")
    lines += ["", "| side | revision | scenario, check | how it ends | why |", "|---|---|---|---|---|"]
    for one in exceptions():
        what = f"`{one.scenario}`" + (f", `{one.check}`" if one.check else "")
        lines.append(f"| {one.side} | {', '.join(one.revisions)} | {what} | {one.ends} | {one.why} |")
    return "\n".join(lines)


def headline() -> str:
    """Return what stands before the tables."""
    return f"`@modelcontextprotocol/conformance` {VERSION}"


if __name__ == "__main__":
    sys.stdout.write(f"{headline()}\n\n{rendered()}\n")
