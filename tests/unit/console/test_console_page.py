"""What the approval page says about an action: where it lies, whether it can be undone, how sure that is."""

from dataclasses import replace

import orjson
import pytest

from firewall.console.page import page
from firewall.core.approval import ActionView, Approval, ApprovalStatus
from firewall.sequencer.sealing import read_subject, subject_json
from tests.support.approving import subject, view


def _page(action: ActionView) -> tuple[str, str, bool, str]:
    approval = Approval(
        id="apr_1",
        status=ApprovalStatus.PENDING,
        digest="d" * 64,
        principal="olga/claude-code",
        token="tok_1",
        session="",
        environment="staging",
        effects=action.effects,
        group="",
        opened_at=0,
        expires_at=10**12,
        subject=replace(subject(), actions=(action,)),
    )
    shown = page(approval, now_us=1, refusal=None, decided_by="", production=frozenset({"production"}))
    return shown.head.scope, shown.head.undo, shown.head.can_undo, shown.head.confidence


@pytest.mark.parametrize(
    ("said", "undo", "can"),
    [
        ("lost", "Cannot be undone through the same interface", False),
        ("unknown", "Nobody can say whether it can be undone", False),
        ("undo", "Can be put back through the same interface", True),
        ("nothing", "There is nothing to undo", True),
        ("", "Cannot be undone, or nobody knows how", False),
    ],
)
def test_undo(said: str, undo: str, *, can: bool) -> None:
    """Without words of its own an action's kind of reversal speaks; older approvals say the cautious thing."""
    assert _page(view(reversal=said))[1:3] == (undo, can)
    assert _page(view(reversal=said, undo="restore the snapshot"))[1:3] == ("restore the snapshot", True)


def test_scope_and_confidence() -> None:
    """What is certain needs no words; a guess is called one."""
    assert _page(view(scope="machine", confidence="certain")) == (
        "on the agent's machine, outside the workspace",
        "Cannot be undone, or nobody knows how",
        False,
        "",
    )
    assert _page(view(confidence="guess"))[3].startswith("a guess")
    assert _page(view(confidence="likely"))[3].startswith("likely")


def test_approvals_of_an_older_version_are_still_read() -> None:
    """A stored approval without the newer fields opens, and reads as not said."""
    stored = orjson.loads(subject_json(subject()))
    for action in stored["actions"]:
        for name in ("scope", "reversal", "confidence"):
            del action[name]
    found = read_subject(orjson.dumps(stored))
    assert found is not None
    assert [(one.scope, one.reversal, one.confidence) for one in found.actions] == [("", "", "")]
    assert read_subject(subject_json(found)) == found
