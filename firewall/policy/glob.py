"""Globs over names and resources: `*` is any run of characters, `?` is one; everything else is itself.

The same language as a grant's globs (`firewall.core.grant`). A `*` crosses `/`, `:` and newlines; matching is
case-sensitive and always over the whole text. The pattern is compiled so that matching never backtracks over
an earlier `*` (atomic groups), which keeps it at O(pattern x text).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

WILDCARDS = frozenset("*?")
MAX_CHARS = 512


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob."""

    text: str
    pattern: re.Pattern[str] | None
    """None: everything matches."""

    def matches(self, text: str) -> bool:
        """Tell whether the whole text fits."""
        return self.pattern is None or self.pattern.fullmatch(text) is not None


@lru_cache(maxsize=8192)
def compiled(text: str) -> Glob:
    """Compile a glob."""
    if text == "*":
        return Glob(text, None)
    first, *rest = re.sub(r"\*+", "*", text).split("*")
    parts = [_literal(first)]
    # Taking the first place where a middle part fits is always right, so no choice is kept.
    parts += [f"(?>.*?{_literal(part)})" for part in rest[:-1]]
    if rest:
        parts.append(f".*{_literal(rest[-1])}")
    return Glob(text, re.compile("".join(parts), re.DOTALL))


def is_everything(text: str) -> bool:
    """Tell whether a glob matches (nearly) every name: nothing but wildcards and separators stands in it."""
    return "*" in text and not text.strip("*?:/")


def covers(wide: str, narrow: str) -> bool:
    """Tell whether `wide` surely matches all that `narrow` matches; False where that cannot be shown."""
    if wide in ("*", narrow):
        return True
    if not WILDCARDS & set(narrow):
        return compiled(wide).matches(narrow)
    stem = wide.removesuffix("*")
    return wide.endswith("*") and not WILDCARDS & set(stem) and narrow.startswith(stem)


def _literal(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)
