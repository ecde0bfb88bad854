"""Calls that the log tells of, judged under two policies."""

import pytest

from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.problem import PolicyProblems
from firewall.policy.replaying import Told, compared
from firewall.policy.trial import Scene

SHIPPED = load(shipped())
ROWS = (shipped() / "policy.csv").read_bytes()
STRICTER = SHIPPED.with_rows_of(
    load(
        shipped(),
        instead={"policy.csv": ROWS + b"p, *, *, *, *, read, , deny,\np, *, *, hosted:*, *, *, , deny,\n"},
    )
)
SCENE = Scene(environment="staging", workspace="/work/app")


def told(tool: str, arguments: str, *, gate: str = "models", **action: object) -> Told:
    """Return a call of an entry."""
    return Told(gate, tool, arguments, [action] if action else [], SCENE)


@pytest.mark.parametrize(
    ("call", "was", "then"),
    [
        (told("Bash", '{"command": "ls"}'), "allow", "deny"),
        (told("Bash", '{"command": "rm -rf /srv/data"}'), "ask", "ask"),
        (told("apply_patch", "*** Begin Patch\n*** Add File: x\n+y\n*** End Patch"), "allow", "allow"),
        (
            told("x", "", gate="mcp", operation="o", resource="r", environment="staging", effects=["read"]),
            "allow",
            "deny",
        ),
        (
            told("x", "", gate="mcp", operation="o", resource="r", environment="staging", effects=["new"]),
            "ask",
            "ask",
        ),
        (told("x", "", gate="mcp", resource="r", effects="read"), "ask", "ask"),
        (told("x", "", gate="mcp", environment="production", effects=["read"]), "deny", "deny"),
    ],
)
def test_both_verdicts(call: Told, was: str, then: str) -> None:
    """Read anew from arguments, or as the entry tells it; an effect that is not known is unknown."""
    found = compared(call, SHIPPED, STRICTER)
    assert found is not None
    assert (found.was, found.then, found.is_flip) == (was, then, was != then)
    assert (found.row_then == "") == (found.environment == "production")


def test_of_nothing_told_nothing_is_judged() -> None:
    """An entry that names no action."""
    assert compared(told("x", "", gate="mcp"), SHIPPED, STRICTER) is None


def test_other_rows_are_checked_as_those_on_disk() -> None:
    """The folder stays as it is, and what a load would refuse is refused."""
    assert STRICTER.catalogue is SHIPPED.catalogue
    assert STRICTER.digest != SHIPPED.digest
    assert len(STRICTER.rows) == len(SHIPPED.rows) + 2
    with pytest.raises(PolicyProblems) as caught:
        load(shipped(), instead={"policy.csv": b"p, nothing\n"})
    assert "policy.csv:1" in caught.value.public
    assert load(shipped()).digest == SHIPPED.digest
