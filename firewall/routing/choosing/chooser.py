"""Picks who answers: the table in force, what was measured, and who holds which conversation.

The one place of choosing that has a state. Clock, draw, prices and kinds of data come from outside.
"""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from firewall.codecs.neutral.registry import translates
from firewall.core.dialect import Dialect
from firewall.core.terms import Terms
from firewall.routing.call import Candidate, ModelCall, Plan, planned
from firewall.routing.choosing.complexity import grade_of
from firewall.routing.choosing.constraints import in_force
from firewall.routing.choosing.feasible import USUAL_OUTPUT, Why, bench_of, nobody
from firewall.routing.choosing.measures import Measures
from firewall.routing.choosing.reading import conversation, facts_of, in_tool_loop, sticky_key
from firewall.routing.choosing.shelf import Shelf
from firewall.routing.choosing.strategies import Strategy
from firewall.routing.choosing.table import Choosing, Means, Table, as_known, means_of
from firewall.routing.providers import SHARED, Providers

Pricing = Callable[[Candidate, int, int, int], int | None]
"""Candidate, tokens in, tokens out and instant (microseconds) to the worst case in micro-USD; None: not known."""
ONCE = Terms()
"""How hard a call is tried that no route fits."""
CONVERSATIONS = 20_000
"""How many are remembered."""


def unpriced(_candidate: Candidate, _tokens_in: int, _tokens_out: int, _at_us: int) -> int | None:
    """Know no price."""
    return None


def finds_nothing(_call: ModelCall) -> frozenset[str]:
    """Search for nothing."""
    return frozenset()


def capped_by_grant(call: ModelCall) -> bool:
    """Tell whether the caller's own token limits what may be spent."""
    return call.caller.grant.money_cap_micros > 0


def speaks(client: Dialect, provider: Dialect) -> bool:
    """Tell whether a provider can answer a client: in its own dialect, or translated."""
    return client is provider or SHARED.get(client) is provider or translates(client, provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What choosing is told from outside."""

    now_us: Callable[[], int]
    draw: Callable[[], float] = random.random
    labels: Callable[[ModelCall], frozenset[str]] = finds_nothing
    """Searches a call's text for sensitive data; asked only where a rule asks for it."""
    pricing: Pricing = unpriced
    is_priced: Callable[[Candidate, int], bool] | None = None
    """Whether `pricing` knows a price at an instant, for less work; None: it has to be asked."""
    is_capped: Callable[[ModelCall], bool] = capped_by_grant


@dataclass(slots=True)
class Chooser:
    """Plans calls under the table in force, which may be swapped at any time, as a whole."""

    table: Callable[[], Table]
    providers: Providers
    outside: Outside
    measures: Measures = field(default_factory=Measures)
    _shelf: Shelf = field(default_factory=Shelf)
    _answering: "OrderedDict[str, str]" = field(default_factory=OrderedDict)
    _grades: "OrderedDict[str, float]" = field(default_factory=OrderedDict)

    def plan(self, call: ModelCall) -> Plan:
        """Return who is asked, in order.

        Raises: NobodyError, NoProviderError (4xx with a stable code): nobody may or can answer.
        """
        table = self.table()
        plan = self._shelf.find(table, call)
        if plan is None or not self._is_affordable(call, plan):
            plan = self._made(table, call)
            self._shelf.keep(table, call, plan)
        if len(plan.candidates) > 1 and self._answering and in_tool_loop(call):
            return self._kept(call, plan)
        return plan

    def _is_affordable(self, call: ModelCall, plan: Plan) -> bool:
        """Tell whether all prices are known, where spending is limited."""
        if not self.outside.is_capped(call):
            return True
        is_priced = self.outside.is_priced
        if is_priced is None:
            return False
        now = self.outside.now_us()
        for one in plan.candidates:  # noqa: SIM110 - a generator costs more than the look
            if not is_priced(one, now):
                return False
        return True

    def _made(self, table: Table, call: ModelCall) -> Plan:
        means = self.means(table, call)
        plan = self._planned(table, means, call.dialect)
        if not plan.candidates and any(one.why == Why.WINDOW for one in plan.left_out):
            plan = self._planned(table, replace(means, bench=replace(means.bench, is_lenient=True)), call.dialect)
        if not plan.candidates:
            raise nobody(plan.route, call.request.model, plan.left_out)
        return plan

    def _planned(self, table: Table, means: Means, dialect: Dialect) -> Plan:
        facts, choosing = means.bench.facts, Choosing(table, means)
        rule = table.fitting(facts)
        if rule is not None:
            found = choosing.by_rule(rule)
            judge = () if rule.judge is None else choosing.judge(rule)
            tiers = () if rule.checks is None else choosing.tiers(rule, found)
            smaller = choosing.smaller(rule) if rule.smaller else ()
            is_new = rule.grader is not None and means.is_ungraded()
            return planned(
                rule.name,
                () if judge is None else found,
                choosing.left_out,
                rule.terms,
                smaller,
                tiers=tiers,
                checks=rule.checks,
                judge=judge or (),
                grading=choosing.graded(rule) if is_new else None,
                grade=means.grade() if rule.strategy is Strategy.COMPLEXITY else None,
                mask=choosing.mask,
            )
        provider = self.providers.pick(dialect)
        alone = choosing.alone(as_known(Candidate(provider, facts.model), table.models))
        return planned(provider.name, alone, choosing.left_out, ONCE)

    def answered(self, call: ModelCall, plan: Plan, candidate: Candidate, *, has_called: bool = True) -> None:
        """Remember who answers a conversation: while its tools run, nobody else takes over. And how hard it is.

        `has_called`: it called tools, or may have; otherwise nothing of it will be waited for.
        """
        if plan.grade is not None and conversation(call) not in self._grades:
            self.graded(call, plan.grade)
        if has_called and len(plan.candidates) > 1:
            key = conversation(call)
            self._answering[key] = candidate.name
            self._answering.move_to_end(key)
            if len(self._answering) > CONVERSATIONS:
                self._answering.popitem(last=False)

    def _kept(self, call: ModelCall, plan: Plan) -> Plan:
        """Put first who called the tools; in a cascade nobody but its step is asked, and nothing is checked.

        The checks are left out only where the calls are known to have been made: made up results do not count.
        """
        name = self._answering.get(conversation(call))
        candidates = tuple(sorted(plan.candidates, key=lambda one: one.name != name))
        if plan.checks is not None and not call.is_step:
            return plan
        if candidates[0].name != name or plan.checks is None:
            return replace(plan, candidates=candidates)
        return replace(plan, candidates=candidates[:1], tiers=(), checks=None, judge=())

    def means(self, table: Table, call: ModelCall) -> Means:
        """Return what a call is measured against under a table."""
        facts = facts_of(call, self.outside.now_us(), lambda: self.outside.labels(call))

        def quote(candidate: Candidate) -> int | None:
            known = table.models.of(candidate.provider.name, candidate.model)
            most = facts.output_tokens or known.max_output_tokens or USUAL_OUTPUT
            return self.outside.pricing(candidate, facts.input_tokens, most * max(1, call.request.candidates), now)

        now, is_priced = facts.at_us, self.outside.is_priced
        bench = bench_of(
            facts=facts,
            grant=call.caller.grant,
            dialect=call.dialect,
            models=table.models,
            binding=in_force(table.constraints, facts),
            quote=quote,
            is_capped=self.outside.is_capped(call),
            speaks=speaks,
            issuers=call.issuers,
            is_priced=None if is_priced is None else lambda one: is_priced(one, now),
        )
        return means_of(
            bench,
            self.measures,
            lambda: sticky_key(call),
            self.outside.draw,
            lambda: self.grade(call),
            lambda: conversation(call) not in self._grades and not in_tool_loop(call),
        )

    def grade(self, call: ModelCall) -> float:
        """Return how hard a conversation is: as it was graded once, or else as its words look now."""
        known = self._grades.get(conversation(call))
        return grade_of(call) if known is None else known

    def graded(self, call: ModelCall, grade: float) -> None:
        """Remember how hard a conversation is; it stays so."""
        self._grades[conversation(call)] = grade
        if len(self._grades) > CONVERSATIONS:
            self._grades.popitem(last=False)
