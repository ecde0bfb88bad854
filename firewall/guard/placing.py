"""Actions with what was found out about the things that they name: where they land, which facts hold.

INVARIANT: a finding can place an action in the grant's own environment only when everything that says where it
lies says the same; anything else makes the verdict stricter. Facts hold for all that is named, or for nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from firewall.core.action import UNRESOLVED, Action, Attribute, with_effects
from firewall.core.effect import Effect
from firewall.core.thing import Thing
from firewall.core.world import Finding, Standing

FOR_EVER = 1_000_000_000
"""A number so high that nothing of it ends; files of resolvers say so where an answer has none."""
MILD = frozenset({Effect.READ})
"""What only reads: an answer about it may come from a cache."""
_TELLING = ("backups", "backup_age_h", "size_mb", "row_count", "holds", "recovery_point")
_WORST: Mapping[str, Callable[[Sequence[int]], int]] = {
    "backup_age_h": max,
    "size_mb": max,
    "row_count": max,
    "holds": max,
    "backups": min,
    "idle_h": min,
}
"""Of several things at once: the number that makes a condition hardest to meet."""


class Leads(Protocol):
    """Where an action goes, as configured: a target, or an MCP server."""

    @property
    def environment(self) -> str:
        """Where it leads."""
        ...

    @property
    def scoped(self) -> bool:
        """It reaches nothing else."""
        ...


def of_action(action: Action, found: Mapping[Thing, Finding]) -> tuple[Finding, ...]:
    """Return what was found about the things of an action."""
    return tuple(found[thing] for thing in action.things if thing in found) if found else ()


def refusal(action: Action, findings: Sequence[Finding], home: str) -> str:
    """Say why an action is outside the grant's environment or unknown, for the log; empty: it is not."""
    for one in findings:
        outside = [name for name in _lies_in(one, findings, action, home) if name not in (home, UNRESOLVED)]
        if outside:
            return f"`{one.thing.resource}` lies in {' and '.join(outside)}"
        if one.standing is Standing.UNKNOWN and one.says_where:
            return f"`{one.thing.resource}` is not known there: {one.why}"
    return ""


def _lies_in(one: Finding, findings: Sequence[Finding], action: Action, home: str) -> tuple[str, ...]:
    """Return where a thing lies, as far as this action means it."""
    if set(action.effects) <= MILD and home in one.environments:
        return (home,)  # looking at what is shared shows one's own part as well
    for other in findings:
        if other.thing.kind in one.narrowed_by and other.standing is Standing.KNOWN:
            return tuple(name for name in one.environments if name in other.environments) or one.environments
    return one.environments


def placed(action: Action, findings: Sequence[Finding], home: str, leads: Leads) -> Action:
    """Return an action with what was found; call it where `refusal` has none."""
    if not findings:
        return action
    telling = [one for one in findings if one.says_where]
    names = {name for one in telling for name in _lies_in(one, findings, action, home)}
    is_certain = bool(telling) and all(one.standing is Standing.KNOWN for one in telling) and names == {home}
    environment = action.environment
    if is_certain:
        environment = home
    elif telling and not leads.scoped and action.environment == leads.environment and set(action.effects) <= MILD:
        environment = UNRESOLVED  # it was only taken to lie there, because it reads
    facts = facts_of(action, findings)
    action = weakened(action, findings)
    resource = action.resource
    if facts.get("recovery_point") is True and not resource.startswith("backup:"):
        resource = f"backup:{resource.partition(':')[2]}"
    return replace(action, environment=environment, resource=resource, attributes={**action.attributes, **facts})


def weakened(action: Action, findings: Sequence[Finding]) -> Action:
    """Return an action that keeps less than is kept now as a loss, of restore points where it is those."""
    given: dict[str, int] = {}
    for argument, number in action.sets:  # FAIL-CLOSED: which of two counts is the API's own affair
        given[argument] = min(number, given.get(argument, number))
    lower = [
        limit
        for one in findings
        for limit in one.limits
        if limit.argument in given and given[limit.argument] < limit.now
    ]
    if not lower:
        return action
    first = next((limit for limit in lower if limit.is_recovery), lower[0])
    said = f"{first.words} ({limit_text(first.now)} to {given[first.argument]})"
    resource = action.resource
    if first.is_recovery and not resource.startswith("backup:"):
        resource = f"backup:{resource.partition(':')[2]}"
    return replace(
        action,
        effects=with_effects(*action.effects, Effect.DESTRUCTIVE),
        summary=f"{said}; {action.summary}",
        resource=resource,
        attributes={**action.attributes, **({"recovery_point": True} if first.is_recovery else {})},
        undo="",
    )


def limit_text(number: float) -> str:
    """Return how much is kept now; what has no end is kept for ever."""
    return "for ever" if number >= FOR_EVER else f"from {number:g}"


def about(action: Action, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that are about what an action does something to, the others left out."""
    named = [one for one in findings if one.thing.resource == action.resource]
    telling = [one for one in findings if any(name in one.facts for name in _TELLING)]
    return tuple(named or telling or findings)


def facts_of(action: Action, findings: Sequence[Finding]) -> dict[str, Attribute]:
    """Return the facts that hold for everything that an action does something to."""
    meant = about(action, findings)
    if not meant or any(one.standing is not Standing.KNOWN for one in meant):
        return {}
    shared = set(meant[0].facts).intersection(*(one.facts for one in meant[1:]))
    found: dict[str, Attribute] = {}
    for name in sorted(shared):
        value = _joined(name, [one.facts[name] for one in meant])
        if value is not None:
            found[name] = value
    if any(one.facts.get("recovery_point") is True for one in findings):
        found["recovery_point"] = True
    return found


def _joined(name: str, values: Sequence[Attribute]) -> Attribute | None:
    if name == "recovery_point":
        return any(value is True for value in values)
    if all(isinstance(value, bool) for value in values):
        return all(values)
    numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) == len(values) and name in _WORST:
        return _WORST[name](numbers)
    return values[0] if len(set(values)) == 1 else None
