"""What another guard's published rules say of our cases: its answers are kept here, its rules are not.

The patterns are somebody else's work and change weekly, so a file with them is given when answers are recorded:
{"version", "packs": [{"id", "revision", "keywords": [text], "safe": [pattern], "destructive": [pattern]}]}.
As that guard does it, a pack is asked when one of its keywords stands in the line, its safe patterns before the
destructive ones.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firewall.core.effect import Effect
from tests.classify_report.labelled import FOLDER, Case
from tests.classify_report.scores import Answer

HOME = "https://github.com/Dicklesworthstone/destructive_command_guard"
_KEPT = FOLDER / "other_guard.json"


@dataclass(frozen=True, slots=True)
class Pack:
    """Patterns about one program or service."""

    keywords: tuple[str, ...]
    safe: tuple[re.Pattern[str], ...]
    destructive: tuple[re.Pattern[str], ...]

    def stops(self, line: str) -> bool:
        """Tell whether a line is destructive to this pack."""
        if not any(word in line for word in self.keywords) or any(one.search(line) for one in self.safe):
            return False
        return any(one.search(line) for one in self.destructive)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Its answers to our cases."""

    version: str
    date: str
    packs: Mapping[str, str]
    """Name to the revision that was read."""
    stopped: frozenset[str]
    passed: frozenset[str]

    def answers(self, cases: Sequence[Case]) -> dict[str, Answer]:
        """Return an answer for every case that was asked."""
        asked = self.stopped | self.passed
        return {
            case.id: (Effect.DESTRUCTIVE,) if case.id in self.stopped else (Effect.READ,)
            for case in cases
            if case.id in asked
        }


def recorded() -> Recorded | None:
    """Return what was recorded; None when nothing was."""
    if not _KEPT.exists():
        return None
    kept = json.loads(_KEPT.read_text(encoding="utf-8"))
    answers = frozenset(kept["stopped"]), frozenset(kept["passed"])
    return Recorded(kept["version"], kept["date"], kept["packs"], *answers)


def record(patterns: Path, cases: Sequence[Case], *, command: Callable[[Case], str], date: str) -> None:
    """Ask a file of patterns about the cases and keep the answers; `date` is the day in ISO 8601.

    Raises: re.error for a pattern that Python does not read.
    """
    given = json.loads(patterns.read_text(encoding="utf-8"))
    packs = [_pack(one) for one in given["packs"]]
    stopped, passed = [], []
    for case in cases:
        line = command(case)
        (stopped if any(pack.stops(line) for pack in packs) else passed).append(case.id)
    kept = {
        "about": "what destructive_command_guard's published patterns answer to the cases beside this file",
        "source": HOME,
        "version": given["version"],
        "date": date,
        "packs": {one["id"]: one["revision"] for one in given["packs"]},
        "stopped": stopped,
        "passed": passed,
    }
    _KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _pack(given: Mapping[str, Sequence[str]]) -> Pack:
    safe, destructive = (tuple(re.compile(one) for one in given[name]) for name in ("safe", "destructive"))
    return Pack(tuple(given["keywords"]), safe, destructive)
