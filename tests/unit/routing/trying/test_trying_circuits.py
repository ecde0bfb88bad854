"""Circuits and rests of candidates, whose names callers may make up."""

from firewall.routing.call import Candidate
from firewall.routing.trying.circuits import LONGEST_REST_S, MOST, Circuits
from tests.support.choosing import provider

PROVIDER = provider("saas")


def test_rests_are_bounded_and_make_room_when_they_are_over() -> None:
    """However many models ask to be left alone at once; once they may be asked again, others may rest."""
    now = 0.0
    circuits = Circuits(lambda: now)
    for number in range(MOST + 50):
        circuits.rest(Candidate(PROVIDER, f"m-{number}"), LONGEST_REST_S)
    assert circuits.resting == MOST
    now = LONGEST_REST_S + 1
    late, other = Candidate(PROVIDER, "late"), Candidate(PROVIDER, "other")
    circuits.rest(late, LONGEST_REST_S)
    assert circuits.resting == 1
    assert circuits.in_order((late, other)) == (other, late)
