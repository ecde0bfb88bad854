"""Absences: somebody is away, or lets another speak for him, until an end. Plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absence:
    """What is noted of one person; times are unix microseconds."""

    person: str
    delegate: str = ""
    """Who may speak for his groups meanwhile; empty: nobody."""
    is_away: bool = False
    """He is not told of what waits; he may still answer."""
    since: int = 0
    until: int = 0

    def holds(self, now_us: int) -> bool:
        """Tell whether it has begun and is not over."""
        return self.since <= now_us < self.until
