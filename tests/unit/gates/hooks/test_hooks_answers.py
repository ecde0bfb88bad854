"""What a hook or a framework is answered."""

import json

from firewall.cli import hook_client
from firewall.core.effect import Effect
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.hooks.answers import allowed, noted, of_verdict
from firewall.guard.answer import Go, Stop


def test_only_a_go_is_an_allow() -> None:
    """The verdict of a released call, with its effects and its entry."""
    status, headers, body = of_verdict("Bash", Go(7, effects=(Effect.READ,)))
    assert (status, json.loads(body)["verdict"], json.loads(body)["effects"]) == (200, "allow", ["read"])
    assert (b"x-stayhand-entry", b"7") in headers


def test_what_waits_is_a_denial_with_its_approval() -> None:
    """Whoever knows allow and deny alone runs nothing; whoever reads on finds where to ask again."""
    _, _, body = of_verdict("Bash", Stop(8, Deny(Reason.HOLD_ENDED), "apr_1", ("mv a b",)))
    said = json.loads(body)
    assert (said["verdict"], said["reason"], said["first"]) == ("deny", Reason.HOLD_ENDED.value, ["mv a b"])
    assert said["approval"] == {
        "id": "apr_1",
        "status": "pending",
        "status_url": "/v1/approvals/apr_1",
        "retry_after": 5,
    }
    assert "apr_1" in said["message"]


def test_what_is_denied_without_people_has_no_approval() -> None:
    """Nothing invites to wait for what cannot be approved."""
    said = json.loads(of_verdict("Bash", Stop(9, Deny(Reason.OWN_REACH)))[2])
    assert (said["verdict"], said["approval"]) == ("deny", None)


def test_an_event_that_asks_nothing_is_noted() -> None:
    """It is no allow of anything."""
    assert json.loads(noted()[2]) == {"verdict": "noted"}


def test_the_short_answers_are_what_a_hook_compares_with() -> None:
    """To the last byte, and with the entry in a field of its own."""
    status, headers, body = allowed(Go(7))
    assert (status, dict(headers)[b"x-stayhand-entry"]) == (200, b"7")
    assert {body, noted()[2]} == set(hook_client._BRIEF)
