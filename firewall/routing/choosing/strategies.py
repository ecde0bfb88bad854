"""In which order the members of a chain are asked. Pure: what is drawn comes as a number.

INVARIANT: a strategy orders; it neither adds nor leaves out anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from firewall.routing.call import Candidate
from firewall.routing.choosing.measures import Measures

Quote = Callable[[Candidate], int | None]
"""The worst case of one call, in micro-USD; None: its price is not known."""
Group = tuple[Candidate, ...]
"""One member of a chain: a candidate, or those of another route in its order."""
Weighted = Sequence[tuple[Group, int]]
"""The members in the chain's order, each with its weight; for COMPLEXITY with its place."""


class Strategy(StrEnum):
    """Who is asked first."""

    PRIORITY = "priority"
    WEIGHTED = "weighted"
    LATENCY = "latency"
    COST = "cost"
    LEAST_BUSY = "least_busy"
    COMPLEXITY = "complexity"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a strategy may look at."""

    draw: float
    """From 0 to below 1: drawn anew for each call, or the same for all that must stay together."""
    at_us: int
    measures: Measures
    quote: Quote
    level: int = 0
    """For COMPLEXITY: which place of the chain is asked first."""


def ordered(strategy: Strategy, members: Weighted, sight: Sight) -> Group:
    """Return the candidates in the order in which they are asked, nobody twice."""
    if strategy is Strategy.WEIGHTED:
        return once(_weighted(members, sight.draw))
    if strategy is Strategy.COMPLEXITY:
        return once(levelled([(place, group) for group, place in members], sight.level))
    candidates = once([group for group, _ in members])
    match strategy:
        case Strategy.PRIORITY:
            return candidates
        case Strategy.LATENCY:
            return _quickest(candidates, sight)
        case Strategy.COST:
            return tuple(sorted(candidates, key=lambda one: _price(sight.quote(one))))
        case Strategy.LEAST_BUSY:
            return tuple(sorted(candidates, key=lambda one: sight.measures.busy(one.name)))


def levelled(members: Sequence[tuple[int, Group]], level: int) -> list[Group]:
    """Put first the place of a level, then those for harder questions, then the simpler ones, the best first."""
    return [group for place, group in sorted(members, key=lambda one: (one[0] < level, abs(one[0] - level)))]


def drawn(*words: str) -> float:
    """Return a number from 0 to below 1 that is always the same for the same words, and looks like any."""
    digest = blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def once(groups: Sequence[Group]) -> Group:
    """Return the candidates of groups in their order; who stands there twice is asked at the first place."""
    if len(groups) == 1:
        return groups[0]
    found: dict[str, Candidate] = {}
    for group in groups:
        for candidate in group:
            found.setdefault(candidate.name, candidate)
    return tuple(found.values())


def _price(quoted: int | None) -> tuple[bool, int]:
    return quoted is None, quoted or 0


def _weighted(members: Weighted, draw: float) -> list[Group]:
    """Put first whom the draw falls on; the others keep their order, those with weight 0 last."""
    mark = draw * sum(weight for _, weight in members)
    first = -1
    for place, (_, weight) in enumerate(members):
        if weight:
            first = place
            mark -= weight
            if mark < 0:
                break
    places = sorted(range(len(members)), key=lambda place: (place != first, members[place][1] == 0, place))
    return [members[place][0] for place in places]


def _quickest(candidates: Group, sight: Sight) -> Group:
    """Draw two, put the quicker of them first (power of two choices), the others by their speed."""
    if len(candidates) < 2:
        return candidates
    loads = {one.name: sight.measures.load(one.name, sight.at_us) for one in candidates}
    pairs = len(candidates) * (len(candidates) - 1)
    one, other = divmod(int(sight.draw * pairs), len(candidates) - 1)
    other += other >= one
    first = min(candidates[one], candidates[other], key=lambda found: loads[found.name])
    rest = sorted((found for found in candidates if found is not first), key=lambda found: loads[found.name])
    return (first, *rest)
