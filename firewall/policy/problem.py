"""Problems of a policies folder, each with file, line, what is wrong and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

from firewall.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a policies folder."""

    file: str
    """Path relative to the folder, with `/`."""
    line: int
    """Counted from 1; 0: the whole file."""
    message: str
    hint: str = ""
    is_fatal: bool = True
    """False: the folder loads, but somebody should look (a row that a stricter one covers)."""

    @property
    def where(self) -> str:
        """`file:line`, or the file alone."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def text(self) -> str:
        """One line for a terminal or a log."""
        kind = "" if self.is_fatal else "warning: "
        return f"{self.where}: {kind}{self.message}" + (f" (hint: {self.hint})" if self.hint else "")


class PolicyProblems(ConfigError):  # noqa: N818 - it is a list of them
    """A policies folder was refused; `problems` lists everything, the first speaks."""

    code = "policy_invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        fatal = [problem for problem in self.problems if problem.is_fatal]
        first = fatal[0] if fatal else Problem("policies", 0, "the policies were refused")
        rest = f", and {len(fatal) - 1} more" if len(fatal) > 1 else ""
        super().__init__(
            f"{first.where}: {first.message}{rest}", hint=first.hint, file=first.file, line=first.line
        )
