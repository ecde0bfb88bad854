"""How approvers answer: requests per day, how long they look, and who waves everything through. Pure.

A dwell is the time from the first view of a request by somebody to his vote. Who votes without ever having been
shown it (by a command, by a button of a chat) has looked at it for no time at all: that is hasty, too. Of several
requests that were answered at once each has its share of the time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from firewall.core.approval import Answer, Decision

DAY_US = 24 * 3600 * 1_000_000
HASTY_US = 3 * 1_000_000
"""Nobody reads a request in less."""
MOST_ANSWERS = 10_000
"""The newest that are counted."""
_WAVES_ANSWERS, _WAVES_APPROVED, _WAVES_HASTY = 20, 95, 50
"""So many answers, so many of a hundred approvals, so many of a hundred of those hasty: waved through."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How one person answered within some days."""

    name: str
    """Of the account; the pseudonym where nobody has that name any more."""
    answered: int
    approved: int
    denied: int
    per_day: float
    """Answers a day, over the days that were asked for."""
    median_dwell_s: float | None
    """Of those requests that he was shown; None: of none."""
    hasty: int
    """Approvals within HASTY_US, or without a look."""

    @property
    def hasty_percent(self) -> int:
        """The share of his approvals that were hasty, rounded up."""
        return -(-100 * self.hasty // self.approved) if self.approved else 0

    @property
    def waves_through(self) -> bool:
        """He approves nearly everything, most of it without reading."""
        nearly_all = self.approved * 100 >= self.answered * _WAVES_APPROVED
        return self.answered >= _WAVES_ANSWERS and nearly_all and self.hasty * 100 >= self.approved * _WAVES_HASTY


def figures_of(answers: Iterable[Answer], names: dict[str, str], *, days: float) -> list[Figures]:
    """Return everybody's figures, who answered most first; `names` by pseudonym."""
    by: dict[str, list[Answer]] = {}
    for one in answers:
        by.setdefault(names.get(one.voter, one.voter), []).append(one)
    found = [_figures(name, said, days) for name, said in by.items()]
    return sorted(found, key=lambda one: (-one.answered, one.name))


def _figures(name: str, answers: Sequence[Answer], days: float) -> Figures:
    approved = [one for one in answers if one.decision is Decision.APPROVE]
    dwells = [_dwell(one) for one in answers if 0 < one.seen_at <= one.at]
    hasty = [one for one in approved if not one.seen_at or _dwell(one) < HASTY_US]
    return Figures(
        name=name,
        answered=len(answers),
        approved=len(approved),
        denied=len(answers) - len(approved),
        per_day=round(len(answers) / days, 1),
        median_dwell_s=round(median(dwells) / 1e6, 1) if dwells else None,
        hasty=len(hasty),
    )


def _dwell(answer: Answer) -> int:
    """Return how long somebody looked at a request, microseconds."""
    return (answer.at - answer.seen_at) // answer.together
