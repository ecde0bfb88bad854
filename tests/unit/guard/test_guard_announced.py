"""What agents announce, and what their programs then ask for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.grant import Grant
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from firewall.guard.announced import (
    MAX_SAID,
    WINDOW_S,
    Announcements,
    is_checked,
    places_of,
    undeclared,
)
from firewall.guard.requester import Requester
from tests.support.understanding import call, shipped_context

VOLUME = (
    "curl https://backboard.railway.app/graphql/v2 "
    """-d '{"query":"mutation { volumeDelete(volumeId: \\"v1\\") }"}'"""
)
NOW = 1_790_000_000_000_000
SPECS = {
    "gh": TargetSpec("gh", "staging", TargetKind.REST, "api.github.com"),
    "shop": TargetSpec("shop", "staging", TargetKind.REST, "shop.example"),
    "cluster": TargetSpec("cluster", "staging", TargetKind.KUBERNETES, "k8s.example"),
    "aws": TargetSpec("aws", "staging", TargetKind.AWS, "amazonaws.com"),
    "rail": TargetSpec("rail", "staging", TargetKind.GRAPHQL, "backboard.railway.app"),
}


def _requester(gate: str, root: str = "tok_root", own: str = "tok_own") -> Requester:
    grant = Grant("staging", "alice", "x", datetime.now(UTC) + timedelta(hours=1), workspace="/home/dev/app")
    return Requester(own, (own, root), (), grant, "p", gate=gate)


def _said(command: str) -> tuple[Action, ...]:
    return actions_of(call("Bash", {"command": command}), shipped_context())


def _asked(target: str, outgoing: Outgoing) -> tuple[Action, ...]:
    asked = ToolCall("1", f"infra/{target}", outgoing.encode(), form=CallForm.REQUEST)
    return actions_of(asked, replace(shipped_context(), targets=SPECS))


def _mutation(field: str) -> Outgoing:
    body = f'{{"query":"mutation {{ {field} }}"}}'.encode()
    return Outgoing("POST", "/graphql/v2", headers=(("content-type", "application/json"),), body=body)


def _aws(action: str) -> Outgoing:
    form = (("content-type", "application/x-www-form-urlencoded"),)
    body = f"Action={action}&DBInstanceIdentifier=prod&Version=2014-10-31".encode()
    return Outgoing("POST", "/", "", form, body, host="rds.eu-west-1.amazonaws.com", scope="eu-west-1/rds")


CASES = [
    ("curl -X DELETE http://127.0.0.1:8787/infra/shop/v1/x", "shop", Outgoing("DELETE", "/v1/x"), True),
    ("curl -X DELETE http://127.0.0.1:8787/infra/gh/v1/x", "shop", Outgoing("DELETE", "/v1/x"), False),
    ("curl -X DELETE https://shop.example/v1/x", "shop", Outgoing("DELETE", "/v1/x"), True),
    ("curl -X DELETE https://shop.example/v1/y", "shop", Outgoing("DELETE", "/v1/x"), False),
    ("curl https://shop.example/v1/x", "shop", Outgoing("DELETE", "/v1/x"), False),
    ("curl -X DELETE https://other.example/v1/x", "shop", Outgoing("DELETE", "/v1/x"), False),
    ("gh repo delete acme/app --yes", "gh", Outgoing("DELETE", "/repos/acme/app"), True),
    ("gh repo list", "gh", Outgoing("DELETE", "/repos/acme/app"), False),
    ("kubectl delete ns web", "cluster", Outgoing("DELETE", "/api/v1/namespaces/web"), True),
    ("kubectl get ns web", "cluster", Outgoing("DELETE", "/api/v1/namespaces/web"), False),
    ("aws rds delete-db-instance --db-instance-identifier prod", "aws", _aws("DeleteDBInstance"), True),
    ("aws rds describe-db-instances", "aws", _aws("DeleteDBInstance"), False),
    (
        VOLUME,
        "rail",
        _mutation(r"volumeDelete(volumeId: \"v1\")"),
        True,
    ),
    (
        VOLUME,
        "rail",
        _mutation(r"volumeDelete(volumeId: \"v2\")"),
        False,
    ),
    ("python deploy.py", "shop", Outgoing("DELETE", "/v1/x"), False),
]


@pytest.mark.parametrize(("command", "target", "outgoing", "expected"), CASES)
def test_what_announces_what(command: str, target: str, outgoing: Outgoing, *, expected: bool) -> None:
    """Place, effect and, where both name it, the thing itself must agree."""
    known = Announcements()
    known.note(_requester("models"), _said(command), entry=7, now_us=NOW)
    found = known.match(_requester("infra"), _asked(target, outgoing), now_us=NOW + 1)
    assert (found is not None) is expected
    if found is not None:
        assert found.entries == (7,)


def test_an_announced_deletion_serves_one_request() -> None:
    """Used once, whoever is faster; a write may be repeated."""
    known = Announcements()
    known.note(_requester("models"), _said("curl -X DELETE https://shop.example/v1/x"), entry=1, now_us=NOW)
    asked = _asked("shop", Outgoing("DELETE", "/v1/x"))
    first, second = (known.match(_requester("infra"), asked, now_us=NOW) for _ in range(2))
    assert first is not None
    assert second is not None
    assert [first.use(), second.use()] == [True, False]
    assert known.match(_requester("infra"), asked, now_us=NOW) is None


def test_a_write_may_be_repeated() -> None:
    """Programs retry; what is not destroyed is not counted."""
    known = Announcements()
    known.note(_requester("models"), _said("gh pr create --fill"), entry=1, now_us=NOW)
    asked = _asked("gh", Outgoing("POST", "/repos/acme/app/pulls", body=b"{}"))
    for _ in range(3):
        found = known.match(_requester("infra"), asked, now_us=NOW)
        assert found is not None
        assert found.use()


def test_an_announcement_ends_with_its_time() -> None:
    """After the window it was never said."""
    known = Announcements()
    known.note(_requester("models"), _said("curl -X DELETE https://shop.example/v1/x"), entry=1, now_us=NOW)
    later = NOW + WINDOW_S * 1_000_000
    assert known.match(_requester("infra"), _asked("shop", Outgoing("DELETE", "/v1/x")), now_us=later) is None


def test_another_run_has_announced_nothing() -> None:
    """A child of the same run counts, another token does not."""
    known = Announcements()
    known.note(_requester("models"), _said("curl -X DELETE https://shop.example/v1/x"), entry=1, now_us=NOW)
    asked = _asked("shop", Outgoing("DELETE", "/v1/x"))
    assert known.match(_requester("infra", own="tok_child"), asked, now_us=NOW) is not None
    assert known.match(_requester("infra", root="tok_other"), asked, now_us=NOW) is None


def test_requests_announce_nothing() -> None:
    """What is done does not say what will be done."""
    known = Announcements()
    known.note(_requester("infra"), _asked("shop", Outgoing("DELETE", "/v1/x")), entry=1, now_us=NOW)
    asked = _asked("shop", Outgoing("DELETE", "/v1/x"))
    assert known.match(_requester("infra"), asked, now_us=NOW) is None


def test_reads_need_no_announcement_and_calls_are_not_checked() -> None:
    """Only requests that change something, at the gates where they are done."""
    read = _asked("shop", Outgoing("GET", "/v1/x"))
    delete = _asked("shop", Outgoing("DELETE", "/v1/x"))
    assert not is_checked(_requester("infra"), read)
    assert is_checked(_requester("infra"), delete)
    assert is_checked(_requester("egress"), delete)
    assert not is_checked(_requester("models"), delete)
    assert Announcements().match(_requester("infra"), read, now_us=NOW) is not None


def test_every_action_of_a_batch_must_be_announced() -> None:
    """One announced deletion does not cover two."""
    known = Announcements()
    known.note(_requester("models"), _said(VOLUME), entry=1, now_us=NOW)
    twice = _asked("rail", _mutation(r"a: volumeDelete(volumeId: \"v1\") b: volumeDelete(volumeId: \"v1\")"))
    assert known.match(_requester("infra"), twice, now_us=NOW) is None


def test_the_mark_is_for_policies_and_people() -> None:
    """Changing actions carry the attribute and say so; reads stay as they are."""
    read, delete = _asked("shop", Outgoing("GET", "/x")), _asked("shop", Outgoing("DELETE", "/x"))
    marked = undeclared((*read, *delete))
    assert "undeclared" not in marked[0].attributes
    assert marked[1].attributes["undeclared"] is True
    assert "announced" in marked[1].summary
    assert marked[1].effects == delete[0].effects


def test_memory_is_bounded() -> None:
    """The oldest of many is forgotten, and then was not announced."""
    known = Announcements()
    said = _said("curl -X DELETE https://shop.example/v1/x")
    known.note(_requester("models"), said, entry=1, now_us=NOW)
    other = _said("curl -X DELETE https://other.example/v1/x")
    for _ in range(MAX_SAID):
        known.note(_requester("models"), other, entry=2, now_us=NOW)
    assert known.match(_requester("infra"), _asked("shop", Outgoing("DELETE", "/v1/x")), now_us=NOW) is None


def test_places_are_targets_hosts_and_vendors() -> None:
    """An address at our own gate is a target, a program is its vendor."""
    (here,) = _said("curl -X DELETE http://127.0.0.1:8787/infra/shop/v1/x")
    assert "target:shop" in places_of(here)
    (kubectl,) = _said("kubectl delete ns web")
    assert places_of(kubectl) == {"vendor:kubernetes"}
