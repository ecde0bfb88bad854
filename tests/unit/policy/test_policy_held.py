"""What an installation's approvers cannot meet is denied in its own policy, said, and can be put back."""

from pathlib import Path

import pytest

from firewall.core.verdict import Ask, Deny
from firewall.policy.defaults import copy_to, shipped
from firewall.policy.held import MARK, held, hold_back
from firewall.policy.load import check, load
from firewall.policy.people import Approvers
from tests.support.policy_folder import ROLES, an_action

FILE = "policy.csv"
THREE = {name: frozenset({"oncall"}) for name in ("alice", "bob", "carl")}
ABLE = Approvers(THREE, no_passkeys="")
ASKED = "ttl=600s;quorum=2;group=oncall;auth=passkey;typed=resource"


@pytest.mark.parametrize(
    ("approvers", "missing"),
    [
        (Approvers(), "passkey"),
        (Approvers({"alice": frozenset()}, no_passkeys=""), "no approver belongs to the group `oncall`"),
        (Approvers(dict(list(THREE.items())[:2]), no_passkeys=""), "an agent of `alice` asks"),
        (Approvers(THREE), "passkey"),
    ],
)
def test_what_cannot_be_met_is_denied_and_said(tmp_path: Path, approvers: Approvers, missing: str) -> None:
    """The folder loads, production is denied as strictly as can be, and each row says what is missing."""
    copy_to(tmp_path / "policies", approvers=approvers)
    folder = tmp_path / "policies"
    found = load(folder, approvers=approvers).verdict(an_action("production", ["destructive"]), roles=ROLES)
    assert isinstance(found, Deny)
    waiting = held((folder / FILE).read_text("utf-8"), approvers)
    assert [one.row.environment for one in waiting] == ["production", "unresolved"]
    assert all(missing in one.missing for one in waiting)
    assert [one.missing for one in held((folder / FILE).read_text("utf-8"), ABLE)] == ["", ""]


def test_what_can_be_met_is_asked(tmp_path: Path) -> None:
    """Three on call with passkeys: the shipped rows hold as they are, two people of them release it."""
    copy_to(tmp_path / "policies", approvers=ABLE)
    assert (tmp_path / "policies" / FILE).read_bytes() == (shipped() / FILE).read_bytes()
    snapshot = load(tmp_path / "policies", approvers=ABLE)
    for environment in ("production", "unresolved"):
        found = snapshot.verdict(an_action(environment, ["destructive"]), roles=ROLES)
        assert isinstance(found, Ask)
    found = snapshot.verdict(an_action("production", ["destructive"]), roles=ROLES)
    assert isinstance(found, Ask)
    assert found.obligations.text() == ASKED
    assert found.row in {f"{FILE}:{number}" for number, _ in _rows("quorum=2")}


def test_a_row_is_put_back_by_hand() -> None:
    """The mark taken away and the denial removed, the file is the shipped one again, but for what says why."""
    text = (shipped() / FILE).read_text("utf-8")
    kept = hold_back(text, Approvers()).split("\n")
    marked = [number for number, line in enumerate(kept) if line.startswith(MARK)]
    back = [line.removeprefix(MARK) for n, line in enumerate(kept) if n - 1 not in marked and n + 1 not in marked]
    assert "\n".join(back) == text
    assert hold_back(hold_back(text, Approvers()), Approvers()) == hold_back(text, Approvers())


def test_the_shipped_rows_are_refused_where_nobody_can_meet_them() -> None:
    """Unchanged, they do not load for an installation without the people."""
    lines = [problem.line for problem in check(shipped(), approvers=Approvers()) if problem.is_fatal]
    assert sorted(set(lines)) == [number for number, _ in _rows("quorum=2")]


def _rows(part: str) -> list[tuple[int, str]]:
    lines = (shipped() / FILE).read_text("utf-8").split("\n")
    return [(number, line) for number, line in enumerate(lines, 1) if line.startswith("p,") and part in line]
