"""What a rule asks of a call. Pure; nothing is searched that no rule asks for.

INVARIANT: a condition that is not said holds; all that are said must hold.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from firewall.core.grant import any_matches
from firewall.routing.choosing.facts import Facts

Globs = tuple[str, ...]
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Times:
    """Hours of some days of the week."""

    zone: tzinfo
    begin: int = 0
    """Minute of the day; within it."""
    end: int = _DAY
    """Minute of the day; not within it. Before `begin`: on the next day."""
    days: frozenset[int] = frozenset(range(7))
    """Monday is 0; the day on which the hours begin."""

    def hold(self, at_us: int) -> bool:
        """Tell whether an instant lies within."""
        local = datetime.fromtimestamp(at_us / 1e6, self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begin < self.end:
            return self.begin <= minute < self.end and day in self.days
        if minute >= self.begin:
            return day in self.days
        return minute < self.end and (day - 1) % 7 in self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must hold."""

    feature: Globs = ()
    user_tier: Globs = ()
    team: Globs = ()
    owner: Globs = ()
    region: Globs = ()
    environment: Globs = ()
    sensitivity: Globs = ()
    over_tokens: int = -1
    up_to_tokens: int = -1
    """-1: not said."""
    tools: bool | None = None
    images: bool | None = None
    times: Times | None = None

    def unmet(self, facts: Facts) -> str:
        """Return the name of the first condition that does not hold; empty: all hold."""
        about = facts.about
        if self.feature and not any_matches(self.feature, about.feature):
            return "feature"
        if self.user_tier and not any_matches(self.user_tier, about.user_tier):
            return "user_tier"
        if self.team and not any_matches(self.team, about.team):
            return "team"
        if self.owner and not any_matches(self.owner, facts.owner):
            return "owner"
        if self.environment and not any_matches(self.environment, facts.environment):
            return "environment"
        return self._unmet_measure(facts) or self._unmet_words(facts)

    def _unmet_measure(self, facts: Facts) -> str:
        if facts.input_tokens <= self.over_tokens or 0 <= self.up_to_tokens < facts.input_tokens:
            return "input_tokens"
        if self.tools is not None and self.tools != facts.has_tools:
            return "tools"
        if self.images is not None and self.images != facts.has_images:
            return "images"
        return "hours" if self.times is not None and not self.times.hold(facts.at_us) else ""

    def _unmet_words(self, facts: Facts) -> str:
        if self.region and not any(any_matches(self.region, one) for one in facts.regions):
            return "region"
        if self.sensitivity and not any(any_matches(self.sensitivity, one) for one in facts.sensitivity):
            return "sensitivity"
        return ""
