"""Waiting before asking again, and how often that may happen."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.patience import Backoff, Budget


def test_waits_are_drawn_from_nothing_to_a_doubling_bound() -> None:
    """Full jitter: luck times the bound, and the bound doubles up to its cap."""
    backoff = Backoff(first_s=0.1, cap_s=0.4)
    assert [backoff.wait_s(again, 0.5) for again in (1, 2, 3, 4, 99)] == [0.05, 0.1, 0.2, 0.2, 0.2]
    assert backoff.wait_s(3, 0.0) == 0.0


def test_who_is_answered_opens_the_way_for_two_more() -> None:
    """A provider that answers soon is asked as often as anybody likes; the first failure closes the way."""
    budget = Budget()
    under_way, widths = 0, []
    for _ in range(4):
        while budget.take(0.0):
            under_way += 1
        widths.append(under_way)
        for _ in range(under_way):
            budget.settle(0.0, answered=True)
        under_way = 0
    assert widths == [1, 3, 7, 15]
    assert budget.take(0.0)
    budget.settle(0.0, answered=False)
    assert budget.take(0.0)
    assert not budget.take(0.0)


def test_old_answers_let_nobody_through() -> None:
    """An answer proves for a second that a provider answers; afterwards one asks, and the others wait for it."""
    budget = Budget()
    assert budget.take(0.0)
    budget.settle(0.1, answered=True)
    assert budget.take(0.2)
    assert [budget.take(5.0) for _ in range(3)] == [True, False, False]


def test_who_is_short_may_hope_while_others_are_under_way() -> None:
    """Nobody waits for a provider that nobody asks."""
    budget = Budget()
    assert budget.take(0.0)
    assert not budget.take(0.0)
    assert budget.may_refill
    budget.settle(0.0, answered=False)
    assert not budget.may_refill


def test_calls_in_trouble_earn_a_share_that_is_soon_forgotten() -> None:
    """Ten calls at a share of 0.3 earn three extra requests beside the one of the second, and not for ever."""
    budget = Budget()
    for _ in range(10):
        budget.earn(0.3, 0.0)
    assert budget.is_earned
    assert [budget.take(0.5) for _ in range(5)] == [True, True, True, True, False]
    for _ in range(1000):
        budget.earn(0.3, 0.5)
    assert [budget.take(2.0) for _ in range(2)] == [True, False]


@given(st.lists(st.tuples(st.sampled_from(["call", "ask", "late"]), st.floats(0, 0.4)), max_size=300))
def test_extra_requests_that_fail_stay_within_one_a_second_and_a_share(steps: list[tuple[str, float]]) -> None:
    """Whatever comes when, what nobody answers is asked once a second and for a share of the calls, no more."""
    budget = Budget()
    now, calls, extra, open_ = 0.0, 0, 0, 0
    for what, later in steps:
        now += later
        if what == "call":
            calls += 1
            budget.earn(0.3, now)
        elif what == "ask" and budget.take(now):
            extra += 1
            open_ += 1
        elif what == "late" and open_:
            open_ -= 1
            budget.settle(now, answered=False)
    assert extra <= 1 + now + 0.3 * calls
