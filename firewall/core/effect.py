"""The nine effects of DESIGN section 4, with one order of strictness."""

from collections.abc import Iterable
from enum import StrEnum


class Effect(StrEnum):
    """What an action does to the world. Members stand from mildest to strictest."""

    READ = "read"
    """No state changes outside the process; includes dry runs that the server or tool itself enforces."""
    WRITE = "write"
    """Changes state, and a counter-operation on the same interface restores it with no loss."""
    DISRUPTIVE = "disruptive"
    """Interrupts a service, loses no data."""
    EXEC = "exec"
    """Runs code that we can see past but not into."""
    UNKNOWN = "unknown"
    """Could not be resolved. Never a soft write."""
    EXFIL = "exfil"
    """Sends local data outside the organisation, or makes private data public."""
    SECRET = "secret"  # noqa: S105 - the name of an effect
    """Returns usable credential material."""
    PRIVILEGE = "privilege"
    """Changes who may do what, or configures agents, hooks, shells, editors, CI or git."""
    DESTRUCTIVE = "destructive"
    """Removes or overwrites data, configuration, history or a recovery point; no undo on the interface."""


GRAVE = frozenset({Effect.DESTRUCTIVE, Effect.PRIVILEGE, Effect.UNKNOWN})
"""What a personal link alone never decides: what cannot be taken back, rights, and what nobody can tell."""

_ORDER = {effect: rank for rank, effect in enumerate(Effect)}


def severity(effect: Effect) -> int:
    """Return the rank of an effect, 0 for the mildest."""
    return _ORDER[effect]


def strictest(effects: Iterable[Effect]) -> Effect:
    """Return the strictest of some effects; of none, `unknown`."""
    return max(effects, key=severity, default=Effect.UNKNOWN)


def ordered(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """Return distinct effects, strictest first."""
    distinct = set(effects)
    return tuple(distinct) if len(distinct) < 2 else tuple(sorted(distinct, key=severity, reverse=True))
