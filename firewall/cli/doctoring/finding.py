"""A line of the doctor's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    level: str
    """`ok`, `warn`, `unsafe`, `error`, or `skipped`: it could not be looked at."""
    what: str
    hint: str = ""
