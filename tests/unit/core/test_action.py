"""What is said about an action beside its effects: where it lies, what can be taken back."""

from dataclasses import replace

import pytest

from firewall.core.action import Action, Confidence, Reversal, Scope
from firewall.core.effect import Effect, ordered
from tests.support.policy_folder import an_action


@pytest.mark.parametrize(
    ("resource", "attributes", "scope"),
    [
        ("file:/srv/data", {}, Scope.MACHINE),
        ("process:*", {}, Scope.MACHINE),
        ("file:/srv/data", {"machine": "ssh:web"}, Scope.ELSEWHERE),
        ("url:api.example.com/v1", {"network": True}, Scope.ELSEWHERE),
        ("volume:railway/vol_1", {}, Scope.ELSEWHERE),
        ("unknown:", {}, Scope.UNSEEN),
        ("unknown:", {"machine": "pod:web"}, Scope.ELSEWHERE),
    ],
)
def test_scope(resource: str, attributes: dict[str, str | bool], scope: Scope) -> None:
    """Files lie on this machine unless a command runs elsewhere; what nobody can see is said to be unseen."""
    action = an_action(resource=resource, attributes=attributes)
    assert action.scope is scope
    assert replace(action, inside_workspace=True).scope is Scope.WORKSPACE


@pytest.mark.parametrize(
    ("effects", "reversal"),
    [
        (["read"], Reversal.NOTHING),
        (["write", "read"], Reversal.UNDO),
        (["disruptive"], Reversal.UNDO),
        (["exec", "write"], Reversal.UNKNOWN),
        (["unknown"], Reversal.UNKNOWN),
        (["privilege", "write"], Reversal.UNKNOWN),
        (["destructive", "write"], Reversal.LOST),
        (["destructive", "unknown"], Reversal.LOST),
        (["exfil"], Reversal.LOST),
        (["secret"], Reversal.LOST),
    ],
)
def test_reversal(effects: list[str], reversal: Reversal) -> None:
    """The worst effect says what can be taken back."""
    assert an_action(effects=effects).reversal is reversal


def test_a_known_undo_counts_but_never_hides_what_is_unknown() -> None:
    """A way back makes a loss reversible; it says nothing about code that nobody has seen."""

    def undone(*effects: Effect) -> Action:
        return replace(an_action(), effects=ordered(effects), undo="git reflog")

    assert undone(Effect.DESTRUCTIVE).reversal is Reversal.UNDO
    assert undone(Effect.DESTRUCTIVE, Effect.EXEC).reversal is Reversal.UNKNOWN


def test_confidence_is_certain_unless_said() -> None:
    """Members stand from the best to the worst."""
    assert an_action().confidence is Confidence.CERTAIN
    assert list(Confidence) == [Confidence.CERTAIN, Confidence.LIKELY, Confidence.GUESS]
