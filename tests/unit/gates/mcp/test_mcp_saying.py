"""What a client hears in place of a result, as each revision of the protocol reads it."""

import pytest

from firewall.codecs.mcp.versions import LEGACY, MODERN
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.mcp import saying
from firewall.guard.answer import Stop
from tests.support.mcp_calls import refusal, text_of


@pytest.mark.parametrize("version", [MODERN, *LEGACY])
def test_a_refusal_is_a_failed_result(version: str) -> None:
    """The model reads why, a program reads the code, the approval and where its status stands."""
    stop = Stop(5, Deny(Reason.POLICY_DENY, detail="not here"), "apr_1", ("`list_notes`",))
    answer = saying.refused(7, "delete_note", stop, version=version)
    assert answer.id == 7
    assert refusal(answer) == {
        "code": "policy:row:deny",
        "entry": 5,
        "approvalId": "apr_1",
        "statusPath": "/v1/approvals/apr_1",
        "first": ["`list_notes`"],
    }
    assert "not here" in text_of(answer)
    assert answer.result.get("resultType") == ("complete" if version == MODERN else None)


def test_coming_back_without_an_address() -> None:
    """A client that was shown the address once is asked for nothing more than to come back."""
    assert saying.input_required("a", state="s").result == {"resultType": "input_required", "requestState": "s"}


def test_the_address_comes_with_words_that_promise_nothing() -> None:
    """The user is told that the page decides nothing."""
    asked = saying.input_required(1, state="s", url="http://x/status/apr_1", approval="apr_1")
    params = asked.result["inputRequests"]["stayhand_approval"]["params"]  # type: ignore[index]  # as the schema says
    assert params["mode"] == "url"
    assert "apr_1" in params["message"]
    assert "nothing is decided there" in params["message"]
