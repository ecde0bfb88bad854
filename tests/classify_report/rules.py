"""What another guard's published rules say of our cases: its answers are kept here, its rules are not.

The patterns are somebody else's work and change weekly, so a file with them is given when answers are recorded:
{"version", "safe": [pattern], "destructive": [pattern]}; the safe ones are asked first, as that guard does.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from firewall.core.effect import Effect
from tests.classify_report.labelled import FOLDER, Case
from tests.classify_report.scores import Answer

HOME = "https://github.com/Dicklesworthstone/destructive_command_guard"
_KEPT = FOLDER / "other_guard.json"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Its answers to our cases."""

    version: str
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
    return Recorded(kept["version"], frozenset(kept["stopped"]), frozenset(kept["passed"]))


def record(patterns: Path, cases: Sequence[Case], command: Callable[[Case], str]) -> None:
    """Ask a file of patterns about the cases and keep the answers."""
    given = json.loads(patterns.read_text(encoding="utf-8"))
    safe, bad = ([re.compile(one) for one in given[name]] for name in ("safe", "destructive"))
    stopped, passed = [], []
    for case in cases:
        text = command(case)
        is_stopped = not any(one.search(text) for one in safe) and any(one.search(text) for one in bad)
        (stopped if is_stopped else passed).append(case.id)
    kept = {
        "about": "answers of destructive_command_guard's published rules (MIT) to the cases beside this file",
        "version": given["version"],
        "stopped": stopped,
        "passed": passed,
    }
    _KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
