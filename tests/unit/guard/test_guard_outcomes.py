"""What becomes of released calls, and which calls an agent was let make."""

from types import SimpleNamespace

from firewall.guard.outcomes import MAX_AWAITED, Outcomes

AGENT = SimpleNamespace(principal="olga/a")


def test_only_calls_that_were_released_are_known_and_only_to_whom() -> None:
    """Of no call, of another agent's and of one that was never released: no; a report forgets nothing."""
    outcomes = Outcomes(SimpleNamespace())  # type: ignore[arg-type]  # never written to
    outcomes.released(AGENT, "call_1", 7)  # type: ignore[arg-type]  # the principal alone matters
    assert outcomes.were_released("olga/a", ["call_1"])
    assert outcomes.were_released("olga/a", ["call_1", "call_1"])
    assert not outcomes.were_released("olga/a", [])
    assert not outcomes.were_released("olga/a", ["call_1", "call_2"])
    assert not outcomes.were_released("max/a", ["call_1"])


def test_the_oldest_calls_are_forgotten_first() -> None:
    """What is remembered is bounded; a result of a forgotten call counts as made up."""
    outcomes = Outcomes(SimpleNamespace())  # type: ignore[arg-type]  # never written to
    for number in range(MAX_AWAITED + 1):
        outcomes.released(AGENT, f"call_{number}", number)  # type: ignore[arg-type]  # as above
    assert not outcomes.were_released("olga/a", ["call_0"])
    assert outcomes.were_released("olga/a", ["call_1", f"call_{MAX_AWAITED}"])
