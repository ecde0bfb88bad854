"""The official conformance suite (npm `@modelcontextprotocol/conformance`): installed by its hashes, run, read.

One program runs all scenarios that a revision requires, one after the other, and writes what it checked.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.npm import Package, modules, node

NAME: Final = "@modelcontextprotocol/conformance"
VERSION: Final = "0.2.0-alpha.12"
SUITE: Final = Package("mcp-conformance", NAME, VERSION, lock=Path(__file__).parent / "lock")
REVISIONS: Final = ("2025-11-25", "2026-07-28")
SCENARIO_LIMIT_MS: Final = 240_000
"""How long the suite lets one scenario run: as a client all begin at once and take turns."""
RUN_LIMIT_S: Final = 280
_WORST: Final = ("SUCCESS", "INFO", "SKIPPED", "WARNING", "FAILURE")
"""What a check may end as, the worst last; several of one name count as the worst of them."""
_STAMP: Final = re.compile(r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$")


@dataclass(frozen=True, slots=True)
class Check:
    """How one check of a scenario ended."""

    status: str
    words: str = ""
    """The suite's own, where it did not succeed."""

    @property
    def is_fine(self) -> bool:
        """It succeeded, or only told something."""
        return self.status in ("SUCCESS", "INFO")


Found = Mapping[str, Mapping[str, Check]]
"""Scenarios, and of each its checks by id; where several share one, by id and name."""


def program() -> list[str]:
    """Return how the suite is called, installing it first where it is not there yet; skips or fails without it."""
    return [str(node()), str(modules(SUITE) / NAME / "dist" / "index.js")]


def required(revision: str) -> str:
    """Return what the suite says that a revision requires, as it ships it (YAML)."""
    return (modules(SUITE) / NAME / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")


def run(side: str, revision: str, folder: Path, *more: str) -> Found:
    """Run all scenarios of a side (`server`, `client`) and read what they found."""
    argv = [*program(), side, "--requirements", revision, "--timeout", str(SCENARIO_LIMIT_MS), "-o", str(folder)]
    done = subprocess.run(
        [*argv, *more], capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False, cwd=folder.parent
    )
    found = read(folder, side)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return found


def read(folder: Path, side: str) -> Found:
    """Read what the suite wrote: a folder for each scenario, named after it and the time."""
    found: dict[str, dict[str, Check]] = {}
    for file in sorted(folder.rglob("checks.json")):
        name = _STAMP.sub("", str(file.parent.relative_to(folder)))
        checks = found.setdefault(name.removeprefix("server-") if side == "server" else name, {})
        said = json.loads(file.read_text(encoding="utf-8"))
        names = {id_: {one["name"] for one in said if one["id"] == id_} for id_ in {one["id"] for one in said}}
        for one in said:
            key = one["id"] if len(names[one["id"]]) == 1 else f"{one['id']}/{one['name']}"
            check = Check(one["status"], one.get("errorMessage") or "")
            before = checks.get(key)
            if before is None or _WORST.index(check.status) > _WORST.index(before.status):
                checks[key] = check
    return found
