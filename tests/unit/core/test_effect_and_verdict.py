"""The order of effects and verdicts, and the approval's state machine."""

import pytest

from firewall.core.approval import FINAL, ApprovalStatus, may_become
from firewall.core.effect import Effect, ordered, severity, strictest
from firewall.core.reason import Reason
from firewall.core.verdict import Allow, Ask, Deny, Verdict, strictest_verdict, word


def test_destructive_is_strictest_and_nothing_is_unknown() -> None:
    """The order is total; of no effect nothing is known."""
    assert strictest(Effect) is Effect.DESTRUCTIVE
    assert strictest(()) is Effect.UNKNOWN
    assert severity(Effect.UNKNOWN) > severity(Effect.WRITE)
    assert ordered([Effect.READ, Effect.EXEC, Effect.READ]) == (Effect.EXEC, Effect.READ)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "deny"),
        ([Allow(Reason.POLICY_ALLOW)], "allow"),
        ([Allow(Reason.POLICY_ALLOW), Ask(Reason.POLICY_ASK)], "ask"),
        ([Ask(Reason.POLICY_ASK), Deny(Reason.POLICY_DENY), Allow(Reason.POLICY_ALLOW)], "deny"),
    ],
)
def test_strictest_verdict_wins(verdicts: list[Verdict], expected: str) -> None:
    """Deny over ask over allow; nothing judged is a deny."""
    assert word(strictest_verdict(verdicts)) == expected


def test_final_states_are_final() -> None:
    """Nothing follows denied, expired, cancelled, consumed; consumed follows approved alone."""
    assert not any(may_become(now, then) for now in FINAL for then in ApprovalStatus)
    assert [now for now in ApprovalStatus if may_become(now, ApprovalStatus.CONSUMED)] == [ApprovalStatus.APPROVED]
