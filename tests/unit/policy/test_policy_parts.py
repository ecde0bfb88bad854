"""Globs, people, facts and obligations, each by itself."""

import pytest

from firewall.core.demand import demand_of, staged
from firewall.core.verdict import Obligations
from firewall.policy import glob, obligations
from firewall.policy.facts import facts_of
from firewall.policy.people import Approvers, Requester
from tests.support.policy_folder import an_action


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("a*", "ab/c\nd", True),
        ("*b", "aab", True),
        ("*b", "aabc", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a?c", "a/c", True),
        ("*?b*c", "bxbc", True),
        ("a.c", "abc", False),
        ("a[bc]", "ab", False),
        ("a[bc]", "a[bc]", True),
        ("A", "a", False),
        ("a", "a\n", False),
        ("a", " a", False),
        ("ab*ba", "aba", False),
    ],
)
def test_glob(pattern: str, text: str, *, fits: bool) -> None:
    """`*` is any run, `?` one character, everything else is itself, over the whole text."""
    assert glob.compiled(pattern).matches(text) is fits


def test_glob_never_explodes() -> None:
    """Many stars over a long text that almost fits are answered at once (a backtracking match would not end)."""
    assert not glob.compiled("a*" * 200 + "b").matches("a" * 50_000)


def test_covers_only_what_is_sure() -> None:
    """A glob covers another only where that can be shown."""
    pairs = [("*", "a*"), ("a*", "ab*"), ("a*", "abc"), ("a", "a"), ("a*b", "a*b")]
    assert all(glob.covers(wide, narrow) for wide, narrow in pairs)
    assert not any(glob.covers(wide, narrow) for wide, narrow in [("a*", "*"), ("a*b", "a*c"), ("a", "a*")])


def test_obligations_read_back() -> None:
    """What is read is what is meant."""
    assert obligations.parse("") == Obligations()
    assert obligations.parse(" ttl=1h ; group=on-call.1 ") == Obligations(
        ttl_s=3600, demands=(demand_of("on-call.1"),)
    )
    assert obligations.parse("quorum=1") == Obligations()
    asked = obligations.parse("stages=oncall*2>dba+cto;auth=passkey;typed=resource")
    seats = [[("oncall", 2)], [("dba", 1), ("cto", 1)]]
    assert asked == Obligations(demands=(staged(seats),), auth="passkey", typed=True)
    assert obligations.parse("quorum=2;group=a+b") == obligations.parse("group=b*2+a*2")
    for text in (
        "quorum=2;group=oncall",
        "group=a*2+b",
        "quorum=3",
        "stages=a>b*2",
        "auth=link",
        "typed=resource",
    ):
        assert obligations.parse(text).text() == text


@pytest.mark.parametrize(
    "text",
    [
        ";",
        "ttl",
        "ttl=",
        "ttl=10 m",
        "ttl=-1m",
        "ttl=25h",
        "group=",
        "group=a b",
        "group=*",
        "quorum=0",
        "quorum=01",
        "quorum=100",
        "quorum=two",
        "group=a+",
        "group=a*0",
        "group=a*",
        "stages=",
        "stages=a>",
        "auth=",
        "typed=",
    ],
)
def test_obligation_refused(text: str) -> None:
    """What cannot be read or enforced is refused, never dropped."""
    with pytest.raises(obligations.ObligationError):
        obligations.parse(text)


def test_owner_is_no_approver_of_his_own() -> None:
    """The owner does not count, unless `solo`, and never so in production."""
    people = Approvers({"alice": frozenset({"oncall"})})
    solo = Approvers(people.groups, solo=True)
    one = demand_of("oncall")
    assert people.meet(one)
    assert people.left(one, environment="staging") == "alice"
    assert solo.left(one, environment="staging") == ""
    for environment in ("production", "Prod", "*", "elsewhere", "unresolved"):
        assert solo.left(one, environment=environment) == "alice"


def test_claimed_attributes_cannot_replace_an_actions_own_fields() -> None:
    """A noted attribute never stands for a field of the action, and empty fields are not known."""
    action = an_action("staging", attributes={"environment": "dev", "inside_workspace": True, "count": 3})
    values = facts_of(action, Requester(owner="alice")).values
    assert values["environment"] == "staging"
    assert values["inside_workspace"] is False
    assert (values["count"], values["owner"], values["force"]) == (3, "alice", False)
    assert "agent" not in values
    assert "nested" not in values
