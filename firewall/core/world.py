"""What is known of the world behind a call: the things that it names, and what a resolver has found out of them.

INVARIANT: a fact that nobody found is absent, never false and never zero: no condition is met by not knowing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.action import UNRESOLVED, Attribute
from firewall.core.thing import Thing

MAX_TEXT_CHARS = 120
"""Of a text that an API answered; what it says is untrusted."""


class Standing(StrEnum):
    """What came of asking."""

    KNOWN = "known"
    """The API says what it is."""
    UNKNOWN = "unknown"
    """The API says that there is no such thing, or none that the resolver's credential sees."""
    UNSEEN = "unseen"
    """Nobody could say: no answer, no resolver, a limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is kept of a thing now, which an argument may make less."""

    argument: str
    now: float
    words: str
    """What a lower number does: `shortens how long …`."""
    is_recovery: bool = False
    """What is lost are restore points."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one thing was found to be."""

    thing: Thing
    standing: Standing
    environments: tuple[str, ...] = ()
    """Names of ours where it lies, `unresolved` among them where no row names a place; sorted."""
    facts: Mapping[str, Attribute] = field(default_factory=dict)
    """Attributes for conditions: `backup_age_h`, `backup_outside_blast_radius`, `size_mb`, …"""
    bound: tuple[tuple[str, str], ...] = ()
    """The state that an approval is bound to: names and values, sorted."""
    said: tuple[tuple[str, str], ...] = ()
    """For people: what it is, and how it could be brought back. Untrusted text, bounded."""
    says_where: bool = False
    """Its kind lies somewhere of its own: not knowing it is not knowing where."""
    narrowed_by: tuple[str, ...] = ()
    """Kinds that, named by the same action, say which part of it is meant."""
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids of parts that a proposal may need (`instance`)."""
    limits: tuple[Limit, ...] = ()
    """What a lower number of an argument would take away."""
    why: str = ""
    """Of what was not seen: why, for the log and the approver."""

    def state(self) -> list[object]:
        """Return what stands in the digest."""
        return [
            self.thing.resource,
            self.standing.value,
            list(self.environments),
            [list(one) for one in self.bound],
        ]


def changed(before: Sequence[Finding], now: Sequence[Finding]) -> tuple[tuple[str, str, str], ...]:
    """Return what differs between two looks at the same things: (what, before, now), in a fixed order."""
    old, new = _states(before), _states(now)
    return tuple(
        (name, old.get(name, "not known"), new.get(name, "not known"))
        for name in sorted(old | new)
        if old.get(name) != new.get(name)
    )


def _states(found: Sequence[Finding]) -> dict[str, str]:
    states: dict[str, str] = {}
    for one in found:
        name = one.thing.resource
        states[f"{name} lies in"] = ", ".join(one.environments) or UNRESOLVED
        states[f"{name} is"] = one.standing.value
        states.update({f"{name} {key}": value for key, value in one.bound})
    return states


def lost(before: Sequence[Finding], now: Sequence[Finding]) -> tuple[str, ...]:
    """Return the things whose state was known and cannot be looked at now."""
    seen = {one.thing: one.standing for one in now}
    return tuple(
        one.thing.resource
        for one in before
        if one.standing is Standing.KNOWN and seen.get(one.thing, Standing.UNSEEN) is Standing.UNSEEN
    )
