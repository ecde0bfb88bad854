"""Globs as data files use them: `*` within one path segment, `**` across segments, `?` one character.

For names that are no paths (hosts, contexts, resources) `*` matches anything. A glob is checked when it is made
and compiled when it is first asked, since most of a catalogue is never asked in one process; matching is linear in
practice because at most `MAX_STARS` stars are accepted.

INVARIANT: what passed the check compiles, whatever it holds: literals are escaped, and the rest is written here.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from firewall.core.errors import ConfigError

MAX_STARS = 8


class Glob:
    """Globs of which one must fit the whole text; `fullmatch` is the compiled pattern's own once it was asked."""

    __slots__ = ("_flags", "_globs", "_path", "fullmatch")

    fullmatch: Callable[[str], re.Match[str] | None]

    def __init__(self, globs: Sequence[str], *, path: bool = False, any_case: bool = False) -> None:
        """Check the globs; none of them fit nothing.

        Raises: ConfigError when one is empty or has more than `MAX_STARS` stars.
        """
        for glob in globs:
            if not glob or glob.count("*") > MAX_STARS * 2:
                raise ConfigError(f"`{glob}` is no usable glob", hint=f"at most {MAX_STARS} stars, and not empty")
        self._globs = tuple(globs)
        self._path = path
        self._flags = re.DOTALL | re.IGNORECASE if any_case else re.DOTALL
        self.fullmatch = self._first

    @property
    def pattern(self) -> str:
        """Return the text of the pattern."""
        return "|".join(f"(?:{_text(glob, path=self._path)})" for glob in self._globs) if self._globs else "(?!)"

    def compiled(self) -> re.Pattern[str]:
        """Return the pattern that `fullmatch` is of."""
        return re.compile(self.pattern, self._flags)

    def _first(self, text: str) -> re.Match[str] | None:
        self.fullmatch = self.compiled().fullmatch
        return self.fullmatch(text)


@lru_cache(maxsize=4096)
def glob_pattern(glob: str, *, path: bool = False) -> Glob:
    """Make a glob for `fullmatch`.

    Raises: ConfigError when it is empty or has more than `MAX_STARS` stars.
    """
    return Glob((glob,), path=path)


def _text(glob: str, *, path: bool) -> str:
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


def matches(globs: tuple[Glob, ...], value: str) -> bool:
    """Tell whether any glob fits the whole value."""
    for glob in globs:  # noqa: SIM110 - a generator costs more than the look
        if glob.fullmatch(value):
            return True
    return False


NOTHING = Glob(())
"""Fits no text."""


def any_of(globs: Sequence[str], *, path: bool = False, any_case: bool = False) -> Glob:
    """Join globs into one pattern; none fit nothing.

    Raises: ConfigError when one is no usable glob.
    """
    return Glob(globs, path=path, any_case=any_case) if globs else NOTHING
