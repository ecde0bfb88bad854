"""How many people of which groups must agree, and in which order; and what votes come to. Pure.

A demand is stages in order, a stage seats, a seat a group and how many people of it; the empty group is any
approver. Somebody takes one seat of a demand, whatever groups he belongs to. Several rows leave several demands:
each must be met, and somebody counts in each of them once.

INVARIANT: `strictest` is associative, commutative and idempotent, and what meets its answer meets every demand
that went in. INVARIANT: `tally` never finds a demand met with fewer different people than it has seats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Seat = tuple[str, int]
"""A group, empty for any approver, and how many people of it."""
Stage = tuple[Seat, ...]
ANYBODY = ""


@dataclass(frozen=True, slots=True, order=True)
class Demand:
    """What one row asks of people."""

    stages: tuple[Stage, ...]
    """In order; the next begins when the one before is met."""

    @property
    def people(self) -> int:
        """How many different people it takes."""
        return sum(count for stage in self.stages for _, count in stage)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that it names; with the empty one where any approver will do for a seat."""
        return frozenset(group for stage in self.stages for group, _ in stage)

    def text(self) -> str:
        """Return the row's spelling, as `quorum=2;group=oncall` or `stages=oncall*2>dba`."""
        if len(self.stages) > 1:
            return f"stages={'>'.join(map(_spelled, self.stages))}"
        if len(self.stages[0]) > 1:
            return f"group={_spelled(self.stages[0])}"
        ((group, count),) = self.stages[0]
        parts = [f"quorum={count}"] if count > 1 else []
        return ";".join([*parts, *([f"group={group}"] if group else [])])


def _stage(seats: Iterable[Seat]) -> Stage:
    counts: dict[str, int] = {}
    for group, count in seats:
        counts[group] = counts.get(group, 0) + count
    return tuple(sorted(counts.items()))


def demand_of(*groups: str, quorum: int = 1) -> Demand:
    """Return the demand for so many people of each group, in any order; of no group, for so many approvers."""
    return Demand((_stage((group, quorum) for group in groups or (ANYBODY,)),))


def staged(stages: Iterable[Iterable[Seat]]) -> Demand:
    """Return a demand of stages in order."""
    return Demand(tuple(_stage(seats) for seats in stages))


ONE = demand_of()
"""One approver, whoever it is: what every ask demands."""


def strictest(demands: Iterable[Demand]) -> tuple[Demand, ...]:
    """Return the demands that no other one implies, in a fixed order; of nothing but `ONE`, none."""
    found = set(demands) - {ONE}
    return tuple(sorted(one for one in found if not any(implies(two, one) for two in found if two != one)))


def implies(strong: Demand, mild: Demand) -> bool:
    """Tell whether whatever meets `strong` meets `mild`; where that is hard to tell, no."""
    if len(mild.stages) == 1:
        named = [seat for seat in mild.stages[0] if seat[0]]
        return strong.people >= mild.people and all(_count(strong, group) >= count for group, count in named)
    if len(strong.stages) != len(mild.stages):
        return False
    pairs = zip(strong.stages, mild.stages, strict=True)
    return all(implies(Demand((more,)), Demand((less,))) for more, less in pairs)


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote for, of somebody who may vote now."""

    person: str
    """The same for whatever name he used."""
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """What votes come to."""

    given: int
    """Different people whose votes count."""
    missing: int
    """How many more it takes, at least."""
    needed: tuple[str, ...]
    """The groups that can vote now and are needed; empty text: any approver."""
    counted: frozenset[str]
    """The people whose votes count."""

    @property
    def is_met(self) -> bool:
        """Nothing more is needed."""
        return not self.missing

    @property
    def asked(self) -> int:
        """How many people it takes, at least."""
        return self.given + self.missing

    @property
    def words(self) -> str:
        """Return it as `1 of 2, next: dba`."""
        named = " and ".join(group or "any approver" for group in self.needed)
        return f"{self.given} of {self.asked}" + (f", next: {named}" if named else "")


def tally(demands: Sequence[Demand], ballots: Sequence[Ballot]) -> Tally:
    """Count votes, in the order in which they were given; no demand stands for `ONE`."""
    counts = [_counted(one, ballots) for one in demands or (ONE,)]
    needed = {group: None for count in counts for group in count.needed}
    people = frozenset().union(*(count.people for count in counts))
    return Tally(len(people), max(count.missing for count in counts), tuple(needed), people)


def seats(demand: Demand, people: Iterable[frozenset[str]]) -> bool:
    """Tell whether so many people, given as their groups, could take every seat, all of them different."""
    room = _Room(tuple(seat for stage in demand.stages for seat in stage))
    for number, groups in enumerate(people):
        room.seat(Ballot(str(number), groups))
    return room.is_full


@dataclass(frozen=True, slots=True)
class _Counted:
    people: frozenset[str]
    missing: int
    needed: tuple[str, ...]


def _counted(demand: Demand, ballots: Sequence[Ballot]) -> _Counted:
    """Count votes for one demand: each in the stage that was open when it was given."""
    people: set[str] = set()
    rooms = [_Room(stage) for stage in demand.stages]
    at = 0
    for ballot in ballots:
        if at < len(rooms) and ballot.person not in people and rooms[at].seat(ballot):
            people.add(ballot.person)
            at += rooms[at].is_full
    needed = rooms[at].needed if at < len(rooms) else ()
    return _Counted(frozenset(people), demand.people - len(people), needed)


class _Room:
    """The seats of a stage, and who sits there; whoever came moves where that makes room."""

    def __init__(self, stage: Stage) -> None:
        self._seats = [group for group, count in stage for _ in range(count)]
        self._taken: dict[int, Ballot] = {}

    @property
    def is_full(self) -> bool:
        return len(self._taken) == len(self._seats)

    @property
    def needed(self) -> tuple[str, ...]:
        """The groups of which somebody new would find a seat."""
        groups = dict.fromkeys(self._seats)
        return tuple(group for group in groups if self._path(_someone(group), set()) is not None)

    def seat(self, ballot: Ballot) -> bool:
        """Give somebody a seat, where there is one for him."""
        path = self._path(ballot, set())
        if path is None:
            return False
        for seat in path:
            sat = self._taken.get(seat)
            self._taken[seat] = ballot
            if sat is None:
                break
            ballot = sat
        return True

    def _path(self, ballot: Ballot, tried: set[int]) -> list[int] | None:
        """Return the seats along which people move so that somebody finds one (Kuhn's augmenting path)."""
        for seat, group in enumerate(self._seats):
            if seat in tried or (group and group not in ballot.groups):
                continue
            tried.add(seat)
            sat = self._taken.get(seat)
            rest = [] if sat is None else self._path(sat, tried)
            if rest is not None:
                return [seat, *rest]
        return None


def _someone(group: str) -> Ballot:
    return Ballot("", frozenset({group}))


def _count(demand: Demand, group: str) -> int:
    return sum(count for stage in demand.stages for name, count in stage if name == group)


def _spelled(stage: Stage) -> str:
    return "+".join(group if count == 1 else f"{group}*{count}" for group, count in stage)


def written(demands: Iterable[Demand]) -> list[list[list[list[object]]]]:
    """Return demands as plain lists, for JSON."""
    return [[[list(seat) for seat in stage] for stage in one.stages] for one in demands]


def read(value: object) -> tuple[Demand, ...]:
    """Read what `written` wrote. Raises: ValueError where it is something else."""
    try:
        found = tuple(Demand(tuple(tuple(_seat(*seat) for seat in stage) for stage in one)) for one in value)  # type: ignore[attr-defined]  # whatever is no list raises
    except TypeError as error:
        raise ValueError("no demands") from error
    if any(not one.stages or not all(one.stages) for one in found):
        raise ValueError("a demand without seats")
    return found


def _seat(group: object, count: object) -> Seat:
    if not isinstance(group, str) or not isinstance(count, int) or count < 1:
        raise ValueError("no seat")
    return group, count
