"""A policy as one immutable value: loaded, validated, compiled; swapped as a whole.

INVARIANT: `verdict` never raises; whatever gives up inside is a deny with its own reason code.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from firewall.classify.catalogue import Catalogue
from firewall.classify.environments import Environments
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.decide import Answers, EffectVerdict, combine, of_action, of_effect
from firewall.core.effect import Effect
from firewall.core.reason import Reason
from firewall.core.verdict import Deny, Verdict
from firewall.policy import when
from firewall.policy.conditions import Test, compiled
from firewall.policy.facts import KNOWN, Facts, facts_of
from firewall.policy.index import Index
from firewall.policy.people import Requester
from firewall.policy.question import Answering, Place, Question
from firewall.policy.rows import Group, Row

log = logging.getLogger("stayhand.policy")

_ANYBODY = Requester()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict with what led to it."""

    verdict: Verdict
    row: str
    """The deciding row as `policy.csv:12`; empty: no row decided."""
    runner_up: str
    """The first row of a milder word that fits; empty: none. `with_runner_ups` asks more thoroughly."""
    effects: tuple[EffectVerdict, ...]
    """One verdict per effect, strictest effect first."""


MAX_MEMO = 1024


@lru_cache(maxsize=512)
def _requirement(text: str) -> Test:
    return compiled(when.parse(text, known=KNOWN))


def _key(action: Action, roles: frozenset[str], requester: Requester) -> object:
    """Return everything that a verdict may depend on."""
    return (
        action.environment,
        action.tool,
        action.operation,
        action.resource,
        action.effects,
        action.inside_workspace,
        repr(action.attributes),  # texts, numbers and truths: written, True is not 1 and 1 is not "1"
        roles,
        requester.owner,
        requester.agent,
        requester.grant_environment,
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A loaded policies folder."""

    digest: str
    """SHA-256 hex over the names and bytes of the loaded files."""
    environments: Environments
    catalogue: Catalogue
    rows: tuple[Row, ...]
    places: tuple[str, ...]
    """Every environment that rows or environments.toml name, without `local`."""
    _answering: Answering
    """The compiled index; casbin has read the rows before and would answer the same."""
    _groups: tuple[Group, ...] = ()
    _texts: Mapping[str, str] = field(default_factory=dict)
    _memo: dict[object, Explanation] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Answers given before: a snapshot never changes, so neither do they."""

    _unresolved: frozenset[str] = field(init=False, default=frozenset(), compare=False, repr=False)
    """The rows that name `unresolved`."""

    def __post_init__(self) -> None:
        named = frozenset(row.ref for row in self.rows if row.environment == UNRESOLVED)
        object.__setattr__(self, "_unresolved", named)

    def verdict(self, action: Action, *, roles: frozenset[str], requester: Requester = _ANYBODY) -> Verdict:
        """Return the strictest verdict among the action's effects; never raises."""
        return self.explain(action, roles=roles, requester=requester).verdict

    def explain(self, action: Action, *, roles: frozenset[str], requester: Requester = _ANYBODY) -> Explanation:
        """Return the verdict with the rows that led to it; never raises."""
        try:
            key = _key(action, roles, requester)
            found = self._memo.get(key)
            if found is None:
                found = self._explain(action, roles, requester)
                if len(self._memo) >= MAX_MEMO:
                    self._memo.clear()
                self._memo[key] = found
        except Exception as error:  # FAIL-CLOSED: no answer of the engine is a no
            log.exception("the policy engine failed")
            detail = f"the policy engine failed ({type(error).__name__})"
            return Explanation(Deny(Reason.POLICY_FAILED, detail=detail), "", "", ())
        return found

    def without(self, ref: str) -> "Snapshot":
        """Return the same policies without a row: who would decide then is the runner-up of who decides now."""
        rest = tuple(row for row in self.rows if row.ref != ref)
        return replace(self, rows=rest, _answering=Index(rest, groups=self._groups))

    def with_rows_of(self, other: "Snapshot") -> "Snapshot":
        """Return these policies with the rows of others: what calls mean stays, what is said to it changes."""
        return replace(
            self,
            digest=other.digest,
            rows=other.rows,
            places=other.places,
            _answering=other._answering,  # noqa: SLF001 - of its own kind
            _groups=other._groups,  # noqa: SLF001 - of its own kind
            _texts=other._texts,  # noqa: SLF001 - of its own kind
        )

    def row(self, ref: str) -> str:
        """Return the text of a row named as `policy.csv:12`; empty for a reference to no row."""
        return self._texts.get(ref, "")

    def _explain(self, action: Action, roles: frozenset[str], requester: Requester) -> Explanation:
        facts = facts_of(action, requester)
        found = tuple(self._effect(effect, action, roles, facts) for effect in action.effects)
        verdict = of_action(found)
        deciding = next((item for item in found if item.verdict.row == verdict.row), None)
        runner_up = deciding.runner_up if deciding is not None and verdict.row else ""
        return Explanation(verdict, verdict.row, runner_up, found)

    def _effect(self, effect: Effect, action: Action, roles: frozenset[str], facts: Facts) -> EffectVerdict:
        if action.environment == LOCAL or action.environment in self.places:
            return self._at(effect, action, roles, facts, Place(action.environment))
        here = self._at(effect, action, roles, facts, Place(UNRESOLVED))
        if here.verdict.row in self._unresolved or self._names_unresolved(effect, action, roles, facts):
            return here
        # Nothing was said about the unresolved: the strictest of what is said about any environment.
        # FAIL-CLOSED: `local` is no candidate, for an action that lies there would have been resolved.
        found = [here, *(self._at(effect, action, roles, facts, Place(name)) for name in self.places)]
        strictest = combine(item.verdict for item in found)  # asks bind together: what one place wants, all want
        speaks = next((item for item in found if item.verdict.row == strictest.row), found[0])
        return replace(speaks, verdict=strictest)

    def _at(
        self, effect: Effect, action: Action, roles: frozenset[str], facts: Facts, place: Place
    ) -> EffectVerdict:
        """Combine what rows say of one place; what they require must hold, and be known."""
        answers = self._ask(effect, action, roles, facts, place)
        found = of_effect(effect, answers)
        for match in answers.binding(found.verdict):
            require = match.obligations.require
            if require and _requirement(require)(facts.at(place.environment).values) is not True:
                # FAIL-CLOSED: what is not known is not met.
                deny = Deny(Reason.REQUIRE_UNMET, match.row, f"`{require}` must hold")
                return replace(found, verdict=deny)
        return found

    def _names_unresolved(self, effect: Effect, action: Action, roles: frozenset[str], facts: Facts) -> bool:
        named = self._ask(effect, action, roles, facts, Place(UNRESOLVED, by_name_only=True))
        return named != Answers()

    def _ask(self, effect: Effect, action: Action, roles: frozenset[str], facts: Facts, place: Place) -> Answers:
        question = Question(
            roles=roles,
            place=place,
            tool=action.tool,
            operation=action.operation,
            resource=action.resource,
            effect=effect,
            facts=facts.at(place.environment),
        )
        return self._answering.answers(question)
