"""Waiting before asking again, and how often that may happen."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.patience import Backoff, Budget


def test_waits_are_drawn_from_nothing_to_a_doubling_bound() -> None:
    """Full jitter: luck times the bound, and the bound doubles up to its cap."""
    backoff = Backoff(first_s=0.1, cap_s=0.4)
    assert [backoff.wait_s(again, 0.5) for again in (1, 2, 3, 4, 99)] == [0.05, 0.1, 0.2, 0.2, 0.2]
    assert backoff.wait_s(3, 0.0) == 0.0


def test_answers_give_back_what_was_taken() -> None:
    """A provider that answers is never short of extra requests; one that fails soon is."""
    budget = Budget(reserve=2, cap=10)
    for _ in range(100):
        assert budget.take()
        budget.settle(answered=True)
    assert budget.take()
    assert budget.take()
    assert not budget.take()
    assert budget.may_refill
    budget.settle(answered=False)
    budget.settle(answered=False)
    assert not budget.may_refill
    assert not budget.take()


def test_calls_earn_a_share_up_to_a_cap() -> None:
    """Ten calls at a share of 0.3 earn three extra requests; a quiet week does not earn a thousand."""
    budget = Budget(reserve=0, cap=5)
    for _ in range(10):
        budget.earn(0.3)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    for _ in range(1000):
        budget.earn(0.3)
    assert sum(budget.take() for _ in range(20)) == 5


@given(st.lists(st.booleans(), max_size=300), st.integers(0, 10))
def test_extra_requests_that_fail_stay_within_reserve_and_share(asks: list[bool], reserve: int) -> None:
    """When nothing answers, extra requests are at most the reserve and the share of the calls, in any order."""
    budget = Budget(reserve=reserve, cap=1000)
    calls = extra = 0
    for is_call in asks:
        if is_call:
            calls += 1
            budget.earn(0.3)
        elif budget.take():
            extra += 1
            budget.settle(answered=False)
    assert extra <= reserve + 0.3 * calls
