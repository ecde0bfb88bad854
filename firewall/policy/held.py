"""Rows that ask more than an installation's approvers can give: held back, with a denial in their place.

A row that cannot be met is refused at load, and a new installation has one approver and no passkey. So what `init`
writes is the strictest form that can be reached: nobody. The row stands beside it as a comment with a mark, and
`stayhand doctor` says of each what is missing, or that it can be met now.
"""

from dataclasses import dataclass

from firewall.policy import rows
from firewall.policy.lint import unmet
from firewall.policy.people import Approvers
from firewall.policy.rows import Row, Word

MARK = "#held: "
_WHY = "# Denied for now: the approvers of this installation cannot meet the row that is held back here."


@dataclass(frozen=True, slots=True)
class Held:
    """A row that is held back."""

    line: int
    """In policy.csv."""
    row: Row
    missing: str
    """What is missing; empty: it can be met now."""


def hold_back(text: str, approvers: Approvers) -> str:
    """Return a policy file with every ask row that nobody could rightly approve replaced by a denial."""
    lines: list[str] = []
    for line in text.split("\n"):
        row = _row(line)
        if row is not None and row.word is Word.ASK and unmet(row, approvers):
            lines += [_WHY, MARK + line, f"{line.rpartition(f', {Word.ASK.value},')[0]}, {Word.DENY.value},"]
        else:
            lines.append(line)
    return "\n".join(lines)


def held(text: str, approvers: Approvers) -> list[Held]:
    """Return the rows of a policy file that are held back, each with what is missing now."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        row = _row(line.removeprefix(MARK)) if line.startswith(MARK) else None
        if row is not None:
            found.append(Held(number, row, unmet(row, approvers)))
    return found


def _row(line: str) -> Row | None:
    table = rows.read(f"{line}\n".encode())
    return table.rows[0] if table.rows else None
