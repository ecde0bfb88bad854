"""Where a call may go at all, whatever a route says. Pure.

Constraints stand in `policies/models.toml`. INVARIANT: one whose condition holds binds every candidate and every
fallback; a call with nobody left is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from firewall.core.grant import any_matches
from firewall.routing.call import Candidate
from firewall.routing.choosing.conditions import Conditions
from firewall.routing.choosing.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What those who answer some calls must be like; what is not said is free."""

    name: str
    when: Conditions = field(default_factory=Conditions)
    hosting: tuple[str, ...] = ()
    """`saas`, `vpc`, `self`."""
    regions: tuple[str, ...] = ()
    """Globs of the regions of providers; a provider that names none fits no glob but `*`."""
    providers: tuple[str, ...] = ()
    """Globs of their names."""

    def breached_by(self, candidate: Candidate) -> bool:
        """Tell whether a candidate is none of those, once the condition holds."""
        provider = candidate.provider
        return (
            bool(self.hosting and provider.hosting not in self.hosting)
            or bool(self.regions and not any_matches(self.regions, provider.region))
            or bool(self.providers and not any_matches(self.providers, provider.name))
        )


def in_force(constraints: Sequence[Constraint], facts: Facts) -> tuple[Constraint, ...]:
    """Return the constraints whose condition holds for a call."""
    return tuple([one for one in constraints if not one.when.unmet(facts)]) if constraints else ()


def breach(constraints: Iterable[Constraint], candidate: Candidate) -> str:
    """Return the name of the first of these constraints that a candidate breaches; empty: none."""
    for one in constraints:
        if one.breached_by(candidate):
            return one.name
    return ""
