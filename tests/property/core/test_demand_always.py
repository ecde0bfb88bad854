"""Whatever demands are joined and whoever votes in whatever order: nothing loosens, nobody counts twice."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.demand import Ballot, Demand, Stage, demand_of, implies, staged, strictest, tally

GROUPS = ["", "a", "b"]
seats = st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), min_size=1, max_size=2).map(dict.items)
demands = st.builds(staged, st.lists(seats, min_size=1, max_size=3))
ballots = st.lists(
    st.builds(
        Ballot,
        st.sampled_from(["p", "q", "r", "s", "t"]),
        st.frozensets(st.sampled_from(["a", "b"])),
    ),
    max_size=8,
)


def _can_sit(stage: Stage, people: list[Ballot]) -> bool:
    """Try every order of people on the seats of a stage."""
    wanted = [group for group, count in stage for _ in range(count)]
    return any(
        all(not group or group in one.groups for group, one in zip(wanted, chosen, strict=True))
        for chosen in permutations(people, len(wanted))
    )


def _is_met(demand: Demand, given: list[Ballot]) -> bool:
    """Tell by trying whether votes meet a demand, cut into its stages in any way."""
    if not demand.stages:
        return True
    rest = Demand(demand.stages[1:])
    for end in range(len(given) + 1):
        people = list({one.person: one for one in reversed(given[:end])}.values())
        for chosen in permutations(people, sum(count for _, count in demand.stages[0])):
            names = {one.person for one in chosen}
            later = [one for one in given[end:] if one.person not in names]
            if _can_sit(demand.stages[0], list(chosen)) and _is_met(rest, later):
                return True
    return False


@given(st.lists(demands, max_size=3), ballots)
def test_nothing_is_met_with_fewer_people_than_it_asks(asked: list[Demand], given: list[Ballot]) -> None:
    """What is found met has as many different people, of the right groups, in the right order."""
    found = tally(asked, given)
    if found.is_met:
        assert len({one.person for one in given}) >= max((one.people for one in asked), default=1)
        # Somebody whose groups changed between two votes would need both: here the last he had are tried.
        assert found.given >= max((one.people for one in asked), default=1)
    assert found.counted <= {one.person for one in given}


@given(demands, st.permutations(["p", "q", "r", "s"]), st.lists(st.frozensets(st.sampled_from(["a", "b"]))))
def test_what_is_found_met_can_be_seated(asked: Demand, names: list[str], groups: list[frozenset[str]]) -> None:
    """Votes of people with fixed groups that are found to meet a demand do so by trying as well."""
    given = [Ballot(name, held) for name, held in zip(names, groups, strict=False)]
    if tally([asked], given).is_met:
        assert _is_met(asked, given)


@given(st.lists(demands, max_size=3), st.lists(demands, max_size=3), st.lists(demands, max_size=3))
def test_joining_has_no_order(one: list[Demand], two: list[Demand], three: list[Demand]) -> None:
    """Rows may be joined in any order and in any groups, and once more."""
    whole = strictest([*one, *two, *three])
    assert whole == strictest([*strictest([*three, *two]), *one]) == strictest(whole)


@given(st.lists(demands, min_size=1, max_size=4))
def test_joining_never_loosens(asked: list[Demand]) -> None:
    """Each demand that went in is one that came out, or follows from one."""
    found = strictest(asked)
    assert all(one == demand_of() or any(implies(two, one) for two in found) for one in asked)


@given(demands, demands, st.permutations(["p", "q", "r", "s"]), st.data())
def test_what_is_implied_is_met_too(strong: Demand, mild: Demand, names: list[str], data: st.DataObject) -> None:
    """Whatever meets the stricter of two demands meets the milder, by trying."""
    held = data.draw(st.lists(st.frozensets(st.sampled_from(["a", "b"])), min_size=4, max_size=4))
    given = [Ballot(name, groups) for name, groups in zip(names, held, strict=True)]
    if implies(strong, mild) and _is_met(strong, given):
        assert _is_met(mild, given)
