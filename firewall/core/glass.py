"""Break-glass: one person lets pass what would need more, says why, and another reviews it. Plain values."""

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What a review says of a use."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


@dataclass(frozen=True, slots=True)
class GlassUse:
    """One use as stored; times are unix microseconds."""

    approval: str
    by: str
    """Pseudonymous id of the account that used it."""
    at: int
    reason: str = ""
    """What he typed; empty where it can no longer be opened."""
    reviewed_at: int = 0
    """0: nobody reviewed it yet."""
    reviewer: str = ""
    """Pseudonymous id."""
    finding: Finding | None = None
    note: str = ""
    people: tuple[str, ...] = ()
    """Pseudonyms of everything that whoever used it was called then, accounts and other names."""

    @property
    def is_open(self) -> bool:
        """It waits for a review."""
        return not self.reviewed_at


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Note a use, unless its person had too many within a day, or the last one just now."""

    approval: str
    by: str
    """Pseudonymous id of the account."""
    people: tuple[str, ...]
    """Those of everything that the same person is called, accounts and other names, this one among them."""
    at: int
    most: int
    """Uses of one person after `day_from`, this one included."""
    day_from: int
    quiet_from: int
    """No use of his may be later than this."""
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewGlass:
    """Note a review, unless there is one, no right changed meanwhile, or it is by whoever used it."""

    approval: str
    by: str
    """Pseudonymous id."""
    at: int
    finding: Finding
    note: str
    roster: int
    """As in `CastVote`."""
    people: tuple[str, ...] = ()
    """As in `BreakGlass`, of whoever reviews."""


Glass = BreakGlass | ReviewGlass
