"""What classification says of an action beside its effects: how it was read, whether it can be built again."""

import pytest

from firewall.classify.tool import actions_of
from firewall.core.action import Action, Confidence, Reversal, Scope
from tests.support.understanding import call, shipped_context


def _only(command: str) -> Action:
    (action,) = actions_of(call("Bash", {"command": command}), shipped_context())
    return action


@pytest.mark.parametrize(
    ("command", "confidence"),
    [
        ("rm -rf /srv/data", Confidence.CERTAIN),
        ("git push --force origin main", Confidence.CERTAIN),
        ("doctl compute volume delete vol-1", Confidence.LIKELY),
        ("rm -rf $X", Confidence.LIKELY),
        ("frobnicate --all", Confidence.GUESS),
        ("$CMD", Confidence.GUESS),
    ],
)
def test_confidence(command: str, confidence: Confidence) -> None:
    """Certain by a row of its own, likely by its name or with something unseen, a guess where it is unknown."""
    assert _only(command).confidence is confidence


def test_what_can_be_built_again_says_so() -> None:
    """Deleting build output in the workspace is undone by building."""
    action = _only("rm -rf node_modules")
    assert (action.scope, action.reversal) == (Scope.WORKSPACE, Reversal.UNDO)
    assert "built again" in action.undo
