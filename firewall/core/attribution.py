"""Whom and what a model call is for: what money is accounted by and what routes choose by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribution:
    """Words of a call, from its token, its headers or its metadata; what the token fixes wins."""

    feature: str = ""
    user_tier: str = ""
    team: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """Free tags, sorted by name."""


NOTHING = Attribution()
"""Of a call that says none of it."""
