"""Routes as compiled values, and the plan that they make for a call: first fit, then who may, then in which order.

Pure. INVARIANT: every candidate of a plan has passed `feasible.misfit`, through whichever route it came in.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from firewall.core.fast_init import fast_init, maker
from firewall.core.grant import any_matches
from firewall.core.terms import Terms
from firewall.routing.call import Candidate, Grading, LeftOut
from firewall.routing.checks import Checks
from firewall.routing.choosing.conditions import Conditions
from firewall.routing.choosing.constraints import Constraint
from firewall.routing.choosing.facts import Facts
from firewall.routing.choosing.feasible import Bench, misfit
from firewall.routing.choosing.known import Models
from firewall.routing.choosing.measures import Measures
from firewall.routing.choosing.strategies import Group, Sight, Strategy, drawn, once, ordered

FREE = Conditions()
_MODELS = 1024
"""Names of models that are remembered; they may be made up."""
PLAN = "plan"
EXECUTE = "execute"
"""How callers mark the phases of their work."""


@dataclass(frozen=True, slots=True)
class Member:
    """One place in a chain: somebody, or another route."""

    candidate: Candidate | None = None
    route: str = ""
    """Of somebody empty."""
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[[route]]`."""

    name: str
    models: tuple[str, ...]
    """Globs."""
    when: Conditions = field(default_factory=Conditions)
    strategy: Strategy = Strategy.PRIORITY
    chain: tuple[Member, ...] = ()
    cascade: tuple[Member, ...] = ()
    """Instead of a chain, with `checks`: each member is a step."""
    checks: Checks | None = None
    judge: Candidate | None = None
    planner: tuple[Member, ...] = ()
    executor: tuple[Member, ...] = ()
    levels: tuple[float, ...] = ()
    """For COMPLEXITY: from which grade on the next place of the chain is asked first."""
    grader: Candidate | None = None
    """Who grades; none: the words of the question."""
    is_sticky: bool = True
    requires: tuple[Constraint, ...] = ()
    """Of its own candidates, and of those of the routes that it names."""
    max_micros: int = 0
    mask: frozenset[str] = frozenset()
    """Holds for all whom it leads to."""
    terms: Terms = field(default_factory=Terms)
    smaller: tuple[Candidate, ...] = ()
    """Of `terms.degrade`."""
    is_free: bool = field(init=False, repr=False, compare=False)
    """Nothing is asked of a call but its model."""
    leads_on: bool = field(init=False, repr=False, compare=False)
    """Some member is another route."""

    def __post_init__(self) -> None:
        """Look once at what holds for every call."""
        members = (*self.chain, *self.cascade, *self.planner, *self.executor)
        object.__setattr__(self, "is_free", self.when == FREE)
        object.__setattr__(self, "leads_on", any(one.candidate is None for one in members))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that it names itself."""
        members = (*self.chain, *self.cascade, *self.planner, *self.executor)
        named = (self.judge, self.grader, *(member.candidate for member in members))
        return (*(one for one in named if one is not None), *self.smaller)

    def unmet(self, facts: Facts) -> str:
        """Return what does not fit: `model`, or the name of a condition; empty: it fits."""
        return "model" if not any_matches(self.models, facts.model) else self.when.unmet(facts)

    def members(self, phase: str) -> tuple[Member, ...]:
        """Return the chain of a phase; where there is none for it, the general one, or the executor's."""
        own = self.planner if phase == PLAN else self.executor if phase == EXECUTE else ()
        return own or self.chain or self.cascade or self.executor


@fast_init
@dataclass(frozen=True, slots=True)
class Means:
    """What choosing looks at beside the call and the table."""

    bench: Bench
    measures: Measures
    sticky_key: Callable[[], str]
    """Names what must stay together: a session, or a conversation."""
    draw: Callable[[], float]
    """A number from 0 to below 1, another each time."""
    grade: Callable[[], float] = lambda: 0.0
    """How hard the conversation is, from 0 to 1."""
    is_ungraded: Callable[[], bool] = lambda: False
    """Nobody has said so yet."""


means_of = maker(Means)


@dataclass(frozen=True, slots=True)
class Table:
    """All routes, constraints and what is known of models: one value, swapped as a whole."""

    rules: tuple[Rule, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    models: Models = field(default_factory=Models)
    digest: str = ""
    _by_name: Mapping[str, Rule] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """`provider/model` of all that the rules name."""
    _by_model: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Rules whose globs name a model: of models that were asked for."""

    def fitting(self, facts: Facts) -> Rule | None:
        """Return the first rule that fits."""
        for rule in self.named_for(facts.model):
            if rule.is_free or not rule.when.unmet(facts):
                return rule
        return None

    def named_for(self, model: str) -> tuple[Rule, ...]:
        """Return the rules whose globs name a model."""
        known = self._by_model.get(model)
        if known is not None:
            return known
        if len(self._by_model) >= _MODELS:
            self._by_model.clear()
        found = self._by_model[model] = tuple([rule for rule in self.rules if any_matches(rule.models, model)])
        return found

    def named(self, name: str) -> Rule:
        """Return a rule by its name.

        Raises: KeyError.
        """
        return self._by_name[name]


def table_of(
    rules: Iterable[Rule], constraints: Iterable[Constraint] = (), models: Models | None = None, digest: str = ""
) -> Table:
    """Return a table of rules with different names."""
    models = models or Models()
    found = tuple([_known(rule, models) for rule in rules])
    names = frozenset(one.name for rule in found for one in rule.candidates)
    return Table(found, tuple(constraints), models, digest, {rule.name: rule for rule in found}, names)


def as_known(candidate: Candidate, models: Models) -> Candidate:
    """Return a candidate with what models.toml says: how long its answers are, who approved it."""
    said = models.of(candidate.provider.name, candidate.model)
    if not (said.max_output_tokens or said.approved_by):
        return candidate
    return Candidate(candidate.provider, candidate.model, said.max_output_tokens or 0, said.approved_by)


def _known(rule: Rule, models: Models) -> Rule:
    """Return a rule whose candidates know what is said of them; those who judge and grade need not."""

    def all_known(members: tuple[Member, ...]) -> tuple[Member, ...]:
        return tuple(
            [
                one if one.candidate is None else replace(one, candidate=as_known(one.candidate, models))
                for one in members
            ]
        )

    return replace(
        rule,
        chain=all_known(rule.chain),
        cascade=all_known(rule.cascade),
        planner=all_known(rule.planner),
        executor=all_known(rule.executor),
        smaller=tuple([as_known(one, models) for one in rule.smaller]),
    )


class Choosing:
    """One call's way through the table; gathers who is left out."""

    def __init__(self, table: Table, means: Means) -> None:
        self._table = table
        self._means = means
        self._seen: dict[str, str] = {}
        self.mask: frozenset[str] = frozenset()
        """What is hidden: what any route says through which somebody came in."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Who may not or cannot answer, in the order of the chain."""
        if not any(self._seen.values()):
            return ()
        return tuple([LeftOut(name, why) for name, why in self._seen.items() if why])

    def by_rule(self, rule: Rule) -> Group:
        """Return the candidates of a rule in the order in which they are asked; perhaps none."""
        phase = self._means.bench.facts.phase
        found = self._arranged(rule, rule.members(phase), (), 0)
        for one in found:  # left out of one route that is named, and in by another
            self._seen[one.name] = ""
        return found

    def tiers(self, rule: Rule, candidates: Group) -> tuple[Group, ...]:
        """Return the steps of a rule with checks; each but a cascade's own is one candidate."""
        if rule.checks is None:
            return ()
        members = rule.members(self._means.bench.facts.phase)
        if members is not rule.cascade:
            return tuple((one,) for one in candidates)
        found = (self._arranged(rule, (member,), (), 0) for member in members)
        return tuple(tier for tier in found if tier)

    def graded(self, rule: Rule) -> Grading | None:
        """Return who is asked how hard a conversation is, and whom each grade leads to; None: nobody is asked."""
        if rule.grader is None or not self._fits(rule.grader, rule.requires, rule.max_micros, is_aside=True):
            return None
        members = rule.members(self._means.bench.facts.phase)
        found = ((place, self._arranged(rule, (member,), (), 0)) for place, member in enumerate(members))
        return Grading(rule.grader, tuple((place, group) for place, group in found if group), rule.levels)

    def judge(self, rule: Rule) -> Group | None:
        """Return who judges answers; None where the judge may not, so that nobody's answer could ever pass."""
        if rule.judge is None:
            return ()
        fits = self._fits(rule.judge, rule.requires, rule.max_micros, is_aside=True)
        return (rule.judge,) if fits else None

    def smaller(self, rule: Rule) -> Group:
        """Return who answers when nobody of a rule does, as far as they may and can."""
        found = (one for one in rule.smaller if self._fits(one, rule.requires, rule.max_micros))
        return tuple(found)

    def alone(self, candidate: Candidate) -> Group:
        """Return a candidate that no rule names, if it may and can answer."""
        why = self._seen[candidate.name] = misfit(candidate, self._means.bench)
        return () if why else (candidate,)

    def _arranged(
        self, rule: Rule, members: Sequence[Member], requires: tuple[Constraint, ...], max_micros: int
    ) -> Group:
        requires += rule.requires
        self.mask |= rule.mask
        max_micros = min(max_micros or rule.max_micros, rule.max_micros or max_micros)
        if rule.strategy is Strategy.PRIORITY and not rule.leads_on:
            return self._in_turn(members, requires, max_micros)
        groups: list[tuple[Group, int]] = []
        for place, member in enumerate(members):
            if member.candidate is not None:
                fits = self._fits(member.candidate, requires, max_micros)
                group: Group = (member.candidate,) if fits else ()
            else:
                inner = self._table.named(member.route)
                members_there = inner.members(self._means.bench.facts.phase)
                group = self._arranged(inner, members_there, requires, max_micros)
            if group:
                groups.append((group, place if rule.strategy is Strategy.COMPLEXITY else member.weight))
        if rule.strategy is Strategy.PRIORITY:
            return once([group for group, _ in groups])
        return ordered(rule.strategy, groups, self._sight(rule)) if groups else ()

    def _in_turn(self, members: Sequence[Member], requires: tuple[Constraint, ...], max_micros: int) -> Group:
        """Return those who fit in the order in which they stand; who stands there twice is asked first time."""
        found: dict[str, Candidate] = {}
        for member in members:
            candidate = member.candidate
            if candidate is not None and self._fits(candidate, requires, max_micros):
                found.setdefault(candidate.name, candidate)
        return tuple(found.values())

    def _fits(
        self, candidate: Candidate, requires: tuple[Constraint, ...], max_micros: int, *, is_aside: bool = False
    ) -> bool:
        why = misfit(candidate, self._means.bench, route=requires, max_micros=max_micros, is_aside=is_aside)
        if not why:
            self._seen[candidate.name] = ""
            return True
        if self._seen.get(candidate.name) != "":
            self._seen[candidate.name] = why
        return False

    def _sight(self, rule: Rule) -> Sight:
        means, draw = self._means, 0.0
        if rule.strategy is Strategy.WEIGHTED and rule.is_sticky:
            draw = drawn(rule.name, means.sticky_key())
        elif rule.strategy in (Strategy.WEIGHTED, Strategy.LATENCY):
            draw = means.draw()
        facts = means.bench.facts
        is_graded = rule.strategy is Strategy.COMPLEXITY
        level = bisect_right(rule.levels, means.grade()) if is_graded else 0
        return Sight(draw, facts.at_us, means.measures, means.bench.quote, level)
