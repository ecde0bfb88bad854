"""What models of Google take, told from their names: they differ, and say so only in refusals.

Sources: https://ai.google.dev/gemini-api/docs/thinking, …/gemini-3, …/function-calling (multimodal responses).
A name without a version is sent nothing that could be refused.
"""

import re
from dataclasses import dataclass

from firewall.codecs.neutral.form import Effort

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LADDER = (Effort.MINIMAL, Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_LEVELS = {Effort.NONE: Effort.MINIMAL, Effort.XHIGH: Effort.HIGH, Effort.MAX: Effort.HIGH}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model takes."""

    levels: tuple[Effort, ...] = ()
    """Levels of thinking; empty: it takes a budget, or neither."""
    budgets: bool = False
    """Thinking budgets in tokens."""
    least_budget: int = 0
    """0: thinking can be turned off."""
    sees_results: bool = False
    """Pictures stand within a function's response; for older ones, beside it."""

    def level(self, effort: Effort) -> str:
        """Return the level nearest to an effort, as the API spells it."""
        wanted = _LADDER.index(_LEVELS.get(effort, effort))
        known = [_LADDER.index(one) for one in self.levels]
        return _LADDER[min(known, key=lambda place: (abs(place - wanted), place))].value.upper()


def facts_of(model: str) -> Facts:
    """Return what a model takes, by its name (`gemini-2.5-flash`, `gemini-3.1-pro-preview`, …)."""
    name = model.lower()
    found = _VERSION.search(name)
    if found is None:
        return Facts()
    version = (int(found.group(1)), int(found.group(2) or 0))
    if version >= (3, 0):
        levels = (Effort.LOW, Effort.HIGH) if version == (3, 0) and "pro" in name else _LADDER
        return Facts(levels=levels[1:] if version == (3, 1) and "pro" in name else levels, sees_results=True)
    if version >= (2, 5):
        return Facts(budgets=True, least_budget=128 if "pro" in name else 0)
    return Facts()
