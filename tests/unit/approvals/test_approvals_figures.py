"""How approvers answer, counted from votes and first views."""

from dataclasses import replace

import pytest

from firewall.approvals.figures import Figures, figures_of
from firewall.core.approval import Answer, Decision

S = 1_000_000
APPROVE, DENY = Decision.APPROVE, Decision.DENY


def said(decision: Decision, dwell_s: float | None, voter: str = "per_a") -> Answer:
    """Build one vote; None: without a look."""
    at = 10**15
    return Answer(voter, decision, at, 0 if dwell_s is None else at - int(dwell_s * S))


def of(*answers: Answer) -> Figures:
    """Return the figures of the one who answered."""
    (found,) = figures_of(answers, {"per_a": "alice"}, days=2)
    return found


def test_a_dwell_is_from_the_first_view_to_the_vote() -> None:
    """The median over those that he was shown; three seconds and more are no haste, no look at all is."""
    found = of(said(APPROVE, 2.9), said(APPROVE, 3), said(APPROVE, 61), said(APPROVE, None), said(DENY, 1))
    assert (found.name, found.answered, found.approved, found.denied, found.per_day) == ("alice", 5, 4, 1, 2.5)
    assert found.median_dwell_s == 3.0
    assert (found.hasty, found.hasty_percent) == (2, 50)
    assert of(said(APPROVE, None)).median_dwell_s is None
    assert of(said(DENY, 1)).hasty_percent == 0


def test_of_many_at_once_each_has_its_share_of_the_time() -> None:
    """Twenty in a minute are three seconds each; ten in twenty seconds are hasty."""
    slow = [replace(said(APPROVE, 60), together=20)] * 20
    assert (of(*slow).median_dwell_s, of(*slow).hasty) == (3.0, 0)
    assert of(*[replace(said(APPROVE, 20), together=10)] * 10).hasty == 10


def test_everybody_stands_apart_who_answered_most_first() -> None:
    """Who has no account any more stands there under his pseudonym."""
    found = figures_of(
        [said(APPROVE, 9, "per_b"), said(DENY, 9), said(DENY, 9), said(DENY, 9, "per_gone")],
        {"per_a": "alice", "per_b": "bob"},
        days=7,
    )
    assert [(one.name, one.answered) for one in found] == [("alice", 2), ("bob", 1), ("per_gone", 1)]


@pytest.mark.parametrize(
    ("hasty", "slow", "denied", "waves"),
    [
        (20, 0, 0, True),
        (19, 0, 0, False),
        (10, 10, 0, True),
        (9, 11, 0, False),
        (38, 0, 2, True),
        (18, 0, 2, False),
    ],
)
def test_who_waves_everything_through(hasty: int, slow: int, denied: int, waves: bool) -> None:  # noqa: FBT001 - a table
    """At least twenty answers, nearly all of them approvals, at least half of those hasty."""
    answers = [said(APPROVE, 1)] * hasty + [said(APPROVE, 60)] * slow + [said(DENY, 60)] * denied
    assert of(*answers).waves_through is waves
