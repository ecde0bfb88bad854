"""What models of this family take, told from their names: they differ, and say so only in refusals.

Sources: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking, …/effort and …/whats-new.
A name without a version is taken for a model that knows none of it: nothing is sent then that could be refused.
"""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"claude-(?:[a-z]+-)*(\d)(?:[.-](\d)(?!\d))?")

_FEW, _MANY = 8_192, 32_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model takes."""

    adapts: bool = False
    """`thinking: adaptive` and `output_config.effort`; older ones take a budget."""
    budgets: bool = False
    """`thinking: enabled` with a budget."""
    samples: bool = True
    """`temperature`, `top_p`, `top_k`."""
    hears_midway: bool = False
    """System messages in the middle of a conversation."""
    caches: bool = False
    """What is marked for its cache."""
    stretches: bool = False
    """The effort `xhigh`."""
    writes: int = _FEW
    """Tokens that every model of its age writes at least; the bound where nobody names one."""


def facts_of(model: str) -> Facts:
    """Return what a model takes, by its name (`claude-sonnet-4-6`, `anthropic.claude-opus-5`, …)."""
    found = _VERSION.search(model.lower())
    if found is None:
        return Facts()
    version = (int(found.group(1)), int(found.group(2) or 0))
    if version < (4, 6):
        is_late = version >= (3, 7)
        return Facts(budgets=is_late, caches=version >= (3, 0), writes=_MANY if is_late else _FEW)
    return Facts(
        adapts=True,
        caches=True,
        samples=version < (4, 7),
        hears_midway=version >= (4, 8),
        stretches=version >= (4, 7),
        writes=_MANY,
    )
