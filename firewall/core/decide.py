"""Pure combination of what the policy says about each effect of an action (DESIGN 5).

Each effect by itself; deny over ask over allow, whatever their order in the file; no matching row is a deny.
Whoever finds the matching rows (casbin today, an index later) hands them over as `Answers`.

INVARIANT: nothing here raises, adding an effect or a deny never loosens, and the order of rows and effects
does not matter to the verdict and its obligations.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from firewall.core.effect import Effect, severity
from firewall.core.reason import Reason
from firewall.core.verdict import Allow, Ask, Deny, Obligations, Verdict, joined, strictness, weight


@dataclass(frozen=True, slots=True)
class Match:
    """A row that fits one effect of an action."""

    row: str
    """The row as `file:line`."""
    obligations: Obligations = field(default_factory=Obligations)
    speaks_of: str = ""
    """The effect that the row names, or `anything`; empty: the effect asked about."""
    when: str = ""
    """Its condition as written; empty: none."""

    def told(self, effect: Effect, verb: str) -> str:
        """Return what it says of an effect, for people: `destructive asks where `not scratch``."""
        return f"{self.speaks_of or effect} {verb}{f' where `{self.when}`' if self.when else ''}"


@dataclass(frozen=True, slots=True)
class Answers:
    """The three answers about one effect: which deny row, which ask rows, which allow row fits."""

    deny: Match | None = None
    asks: tuple[Match, ...] = ()
    """One row for each distinct set of obligations, in file order."""
    allow: Match | None = None
    allows: tuple[Match, ...] = ()
    """One allow row for each distinct set of obligations, where there are several; all of them bind."""

    def binding(self, verdict: Verdict) -> tuple[Match, ...]:
        """Return the rows whose obligations bind what was decided."""
        match verdict:
            case Ask():
                return self.asks
            case Allow():
                return self.allows or ((self.allow,) if self.allow is not None else ())
            case _:
                return ()


@dataclass(frozen=True, slots=True)
class EffectVerdict:
    """What the policy says about one effect."""

    effect: Effect
    verdict: Verdict
    runner_up: str = ""
    """The row that would have decided without the deciding one; empty: none."""


def of_effect(effect: Effect, answers: Answers) -> EffectVerdict:
    """Combine the three answers about one effect."""
    asked = answers.asks[0].row if answers.asks else ""
    allowed = answers.allow.row if answers.allow else ""
    if answers.deny is not None:
        deny = Deny(Reason.POLICY_DENY, answers.deny.row, answers.deny.told(effect, "is denied"))
        return EffectVerdict(effect, deny, asked or allowed)
    if answers.asks:
        asks = [
            Ask(Reason.POLICY_ASK, match.row, match.told(effect, "asks"), match.obligations)
            for match in answers.asks
        ]
        return EffectVerdict(effect, combine(asks), allowed)
    if answers.allow is not None:
        return EffectVerdict(effect, Allow(Reason.POLICY_ALLOW, allowed, answers.allow.told(effect, "is allowed")))
    return EffectVerdict(effect, Deny(Reason.POLICY_NO_ROW, detail=f"no row fits {effect}"))


def of_action(verdicts: Iterable[EffectVerdict]) -> Verdict:
    """Combine the verdicts of an action's effects: the strictest; among equals the strictest effect speaks."""
    ranked = sorted(verdicts, key=lambda item: severity(item.effect), reverse=True)
    return combine(item.verdict for item in ranked)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the strictest verdict, the first of equals; of none, a deny.

    Asks that stand beside each other bind together: everybody whom one of them names, the shortest time, a passkey
    over anything; the one that asks most of people speaks, and names the others.
    """
    found = list(verdicts)
    if not found:
        return Deny(Reason.CLASSIFY_FAILED, detail="nothing was judged")
    first = max(found, key=strictness) if len(found) > 1 else found[0]
    if not isinstance(first, Ask):
        return first
    asks = [verdict for verdict in found if isinstance(verdict, Ask)]
    first = max(asks, key=lambda ask: weight(ask.obligations))
    rows = {row for ask in asks for row in (ask.row, *ask.also)} - {first.row, ""}
    also = tuple(sorted(rows, key=_place))
    return Ask(first.reason, first.row, first.detail, joined(ask.obligations for ask in asks), also)


def _place(row: str) -> tuple[str, int, str]:
    """Return what sorts rows as they stand in their files: `policy.csv:9` before `policy.csv:10`."""
    return row.rpartition(":")[0], len(row), row
