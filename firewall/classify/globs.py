"""Globs as data files use them: `*` within one path segment, `**` across segments, `?` one character.

For names that are no paths (hosts, contexts, resources) `*` matches anything. Compiled once; matching is
linear in practice because at most `MAX_STARS` stars are accepted.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from firewall.core.errors import ConfigError

MAX_STARS = 8


@lru_cache(maxsize=4096)
def glob_pattern(glob: str, *, path: bool = False) -> re.Pattern[str]:
    """Compile a glob into a pattern for `fullmatch`.

    Raises: ConfigError when it is empty or has more than `MAX_STARS` stars.
    """
    return re.compile(_text(glob, path=path), re.DOTALL)


def _text(glob: str, *, path: bool) -> str:
    if not glob or glob.count("*") > MAX_STARS * 2:
        raise ConfigError(f"`{glob}` is no usable glob", hint=f"at most {MAX_STARS} stars, and not empty")
    if not path:
        return _of_name(glob)
    out: list[str] = []
    position = 0
    while position < len(glob):
        position = _step(glob, position, out)
    return "".join(out)


def _of_name(glob: str) -> str:
    """Return the pattern of a glob whose stars match anything; no choice of a star is ever taken back."""
    first, *rest = re.sub(r"\*+", "*", glob).split("*")
    parts = [_literal(first)]
    # Taking the first place where a middle part fits is always right, so no choice is kept.
    parts += [f"(?>.*?{_literal(part)})" for part in rest[:-1]]
    return "".join([*parts, f".*{_literal(rest[-1])}"] if rest else parts)


def _literal(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)


def _step(glob: str, position: int, out: list[str]) -> int:
    rest = glob[position:]
    if rest.startswith("/**") and rest in ("/**", "/**/"):
        out.append("(?:/.*)?")
        return len(glob)
    if rest.startswith("**/"):
        out.append("(?:.*/)?")
        return position + 3
    if rest.startswith("**"):
        out.append(".*")
        return position + 2
    if rest[0] == "*":
        out.append("[^/]*")
    elif rest[0] == "?":
        out.append("[^/]")
    else:
        out.append(re.escape(rest[0]))
    return position + 1


def matches(globs: tuple[re.Pattern[str], ...], value: str) -> bool:
    """Tell whether any compiled glob fits the whole value."""
    return any(glob.fullmatch(value) for glob in globs)


NOTHING = re.compile(r"(?!)")
"""Fits no text."""


def any_of(globs: Sequence[str], *, path: bool = False, any_case: bool = False) -> re.Pattern[str]:
    """Join globs into one pattern; none fit nothing."""
    if not globs:
        return NOTHING
    flags = re.DOTALL | re.IGNORECASE if any_case else re.DOTALL
    return re.compile("|".join(f"(?:{_text(glob, path=path)})" for glob in globs), flags)
