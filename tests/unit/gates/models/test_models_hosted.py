"""Hosted tools: a request goes to the provider only when every one of them was let go."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from firewall.core.call import CallForm, ToolCall
from firewall.core.dialect import Dialect
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.models.gate import ModelsGate
from firewall.guard.answer import Answer, Go, Stop, Wait

APPROVAL = SimpleNamespace(id="apr_again")
WAIT = Wait(1, APPROVAL, SimpleNamespace(first=()))  # type: ignore[arg-type]  # only the id and what comes first are looked at


@dataclass
class Saying:
    """A guard that says what it is told, and an approval that is over at once."""

    first: Answer
    then: Answer

    async def judge(self, *_: object) -> Answer:
        """Answer the first time."""
        return self.first

    async def release(self, *_: object) -> Answer:
        """Answer after the wait."""
        return self.then

    async def wait(self, *_: object, until_us: int) -> None:
        """Wait for nobody."""
        assert until_us > 0


@pytest.mark.parametrize(
    ("first", "then", "is_refused"),
    [
        (Go(1), Go(1), False),
        (WAIT, Go(1), False),
        (Stop(1, Deny(Reason.POLICY_DENY)), Go(1), True),
        (WAIT, Stop(1, Deny(Reason.APPROVAL_DENIED)), True),
        (WAIT, WAIT, True),
    ],
)
async def test_only_a_go_lets_the_request_out(first: Answer, then: Answer, *, is_refused: bool) -> None:
    """Denied, undecided, or asked anew because the rules changed: the request stays here."""
    said = Saying(first, then)
    gate = SimpleNamespace(
        _means=SimpleNamespace(guard=said, approvals=said, hold_s=1), _clock=SimpleNamespace(now_us=lambda: 1)
    )
    gate._wait_for = lambda held, who: ModelsGate._wait_for(gate, held, who)  # type: ignore[arg-type]  # a stand-in
    request = SimpleNamespace(hosted=(ToolCall("", "code_execution", b"{}", CallForm.HOSTED),), identity={})
    refused = await ModelsGate._judge_hosted(gate, request, None, Dialect.ANTHROPIC)  # type: ignore[arg-type]  # a stand-in
    assert bool(refused) is is_refused
