"""Who must agree, how it is spelled, and what votes come to."""

import pytest

from firewall.core.demand import ONE, Ballot, Demand, demand_of, implies, read, staged, strictest, tally, written

ANNA, BERT, CLEO = (Ballot(name, frozenset({"oncall"})) for name in ("anna", "bert", "cleo"))
DORA = Ballot("dora", frozenset({"dba"}))
EMIL = Ballot("emil", frozenset({"oncall", "dba"}))
ORDERED = staged([[("oncall", 1)], [("dba", 1)]])


@pytest.mark.parametrize(
    ("demand", "text"),
    [
        (ONE, ""),
        (demand_of(quorum=3), "quorum=3"),
        (demand_of("oncall"), "group=oncall"),
        (demand_of("oncall", quorum=2), "quorum=2;group=oncall"),
        (demand_of("oncall", "dba"), "group=dba+oncall"),
        (demand_of("oncall", "dba", quorum=2), "group=dba*2+oncall*2"),
        (staged([[("oncall", 2)], [("dba", 1), ("cto", 1)]]), "stages=oncall*2>cto+dba"),
    ],
)
def test_a_demand_is_spelled_as_its_row(demand: Demand, text: str) -> None:
    """What is bound and shown is the row's own spelling."""
    assert demand.text() == text


@pytest.mark.parametrize(
    ("demand", "ballots", "words"),
    [
        (ONE, [], "0 of 1, next: any approver"),
        (ONE, [ANNA], "1 of 1"),
        (demand_of("oncall", quorum=2), [ANNA, ANNA], "1 of 2, next: oncall"),
        (demand_of("oncall", quorum=2), [ANNA, DORA], "1 of 2, next: oncall"),
        (demand_of("oncall", quorum=2), [ANNA, BERT], "2 of 2"),
        (demand_of("oncall", "dba"), [EMIL], "1 of 2, next: dba and oncall"),
        (demand_of("oncall", "dba"), [EMIL, ANNA], "2 of 2"),
        (demand_of("oncall", "dba"), [EMIL, DORA], "2 of 2"),
        (demand_of("oncall", "dba"), [ANNA, BERT], "1 of 2, next: dba"),
        (ORDERED, [DORA], "0 of 2, next: oncall"),
        (ORDERED, [DORA, ANNA], "1 of 2, next: dba"),
        (ORDERED, [DORA, ANNA, DORA], "2 of 2"),
        (ORDERED, [EMIL, EMIL], "1 of 2, next: dba"),
        (ORDERED, [EMIL, DORA], "2 of 2"),
        (staged([[("", 1)], [("", 1)]]), [ANNA, BERT], "2 of 2"),
    ],
)
def test_votes_take_seats_in_their_order(demand: Demand, ballots: list[Ballot], words: str) -> None:
    """Somebody takes one seat, moves where that makes room, and votes again when his stage has come."""
    assert tally([demand], ballots).words == words


def test_several_demands_are_met_each() -> None:
    """Somebody counts once in each of several rows' demands; what is missing is said of all."""
    demands = [demand_of("oncall", quorum=2), demand_of("dba")]
    both = tally(demands, [ANNA, BERT])
    assert (both.words, both.is_met) == ("2 of 3, next: dba", False)
    assert tally(demands, [ANNA, EMIL]).words == "2 of 2"
    assert tally([], [ANNA]).is_met


def test_what_is_implied_is_left_out() -> None:
    """Of two demands the stricter stays; orders that differ stay both."""
    two = demand_of("oncall", quorum=2)
    other = staged([[("dba", 1)], [("oncall", 1)]])
    assert strictest([ONE, demand_of("oncall"), two, demand_of(quorum=2)]) == (two,)
    assert strictest([ORDERED, other, demand_of("dba")]) == tuple(sorted([ORDERED, other]))
    assert strictest([ORDERED, staged([[("", 1)], [("dba", 1)]])]) == (ORDERED,)
    assert strictest([ONE]) == strictest([]) == ()
    assert not implies(demand_of(quorum=5), demand_of("oncall"))


def test_demands_are_written_and_read_back() -> None:
    """What is stored is read as it was; anything else is refused, not guessed."""
    demands = (ORDERED, demand_of("oncall", quorum=2))
    assert read(written(demands)) == demands
    assert read([]) == ()
    for wrong in (None, 1, [1], [[]], [[[]]], [[[["a", 0]]]], [[[["a"]]]], [[[[1, 1]]]], [[[["a", "1"]]]]):
        with pytest.raises(ValueError, match=r"seat|demands"):
            read(wrong)
