"""The recorded attacks and everyday commands under the policy as shipped, with the agent's home not known."""

from dataclasses import replace

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.decide import combine
from firewall.core.verdict import word
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from tests.support.policy_folder import ROLES
from tests.support.understanding import cases, shipped_context

_POLICY = load(shipped())


def verdict(text: str) -> str:
    """Return the verdict of a command line."""
    actions = actions_of_input("shell", text, replace(shipped_context(), home=""))
    return word(combine([_POLICY.verdict(action, roles=ROLES) for action in actions]))


@pytest.mark.parametrize(("name", "stopped"), [("attacks", True), ("everyday", False)])
def test_the_shipped_policy_stops_attacks_and_nothing_else(name: str, stopped: bool) -> None:  # noqa: FBT001 - a table
    """Every attack is asked or denied, every everyday command flows."""
    assert [case["input"] for case in cases(name) if (verdict(str(case["input"])) != "allow") is not stopped] == []


def test_an_answer_is_remembered_and_stays_the_same() -> None:
    """A snapshot's second answer to the same question is its first, and other questions are not mixed up."""
    lines = ["ls", "rm -rf /srv/data", "rm -rf /srv/other", "git push origin x", "git push origin main"]
    first = [verdict(line) for line in lines]
    assert [verdict(line) for line in lines] == first
    assert first == ["allow", "ask", "ask", "allow", "ask"]
