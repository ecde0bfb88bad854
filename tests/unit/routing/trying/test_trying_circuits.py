"""Circuits and rests of candidates, whose names callers may make up."""

from dataclasses import replace

import pytest

from firewall.core.breaker import Rule, State
from firewall.core.terms import Care
from firewall.routing.call import Candidate
from firewall.routing.trying.circuits import LONGEST_REST_S, MOST, Circuits
from tests.support.choosing import provider

PROVIDER = provider("saas")
TOUCHY = replace(PROVIDER, care=Care(Rule(least=2, cooldown_s=500, cooldown_cap_s=500)))
REAL = Candidate(TOUCHY, "real")


def fail(circuits: Circuits, candidate: Candidate, times: int) -> None:
    """Ask a candidate that fails every time."""
    for _ in range(times):
        leave = circuits.admit(candidate, "k")
        assert leave is not None
        circuits.failed(leave)


def state_of(circuits: Circuits, model: str) -> State | None:
    """Return where the circuit of a model stands, None where nothing is known of it."""
    return next((one.state for one in circuits.listing() if one.circuit.model == model), None)


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


@pytest.mark.parametrize("failures", [1, 2], ids=["closed", "opened"])
@pytest.mark.parametrize("real", ["named", "answered"])
def test_made_up_names_make_no_real_circuit_forgotten(real: str, failures: int) -> None:
    """Whatever a caller's made-up names do to their own circuits: what a route names, or has answered, stays."""
    now = 0.0
    names = frozenset({REAL.name}) if real == "named" else frozenset[str]()
    circuits = Circuits(lambda: now, names=lambda: names)
    if real == "answered":
        leave = circuits.admit(REAL, "k")
        assert leave is not None
        circuits.answered(leave, 12.0)
        now = 100.0  # that answer counts no more
    fail(circuits, REAL, 2)
    for number in range(2 * MOST):
        now += 0.001
        fail(circuits, Candidate(TOUCHY, f"made-up-{number}"), failures)
    assert state_of(circuits, "real") is State.OPEN
    assert len(circuits.listing()) <= MOST
    assert state_of(circuits, f"made-up-{2 * MOST - 1}") is (State.OPEN if failures == 2 else State.CLOSED)


def test_a_window_half_full_of_failures_survives_made_up_names() -> None:
    """Nobody keeps a failing provider's circuit closed by asking for names that do not exist."""
    circuits = Circuits(lambda: 0.0, names=lambda: {REAL.name})
    fail(circuits, REAL, 1)
    for number in range(MOST + 1):
        circuits.admit(Candidate(TOUCHY, f"made-up-{number}"), "k")
    fail(circuits, REAL, 1)
    assert state_of(circuits, "real") is State.OPEN


def test_among_answered_ones_those_in_use_stay() -> None:
    """Of a provider that answers to every name, what was used lately is remembered."""
    now = 0.0
    circuits = Circuits(lambda: now)
    for number in range(3 * MOST):
        now += 0.001
        for candidate in (Candidate(TOUCHY, f"made-up-{number}"), *((REAL,) if number % 100 == 0 else ())):
            leave = circuits.admit(candidate, "k")
            assert leave is not None
            circuits.answered(leave, 5.0)
    assert state_of(circuits, "real") is State.CLOSED
