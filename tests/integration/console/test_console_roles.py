"""Roles: who may see what, and who may decide."""

import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import ApprovalStatus
from firewall.policy.in_force import approvers_of
from firewall.settings.settings import Settings
from tests.support.approving import wanted
from tests.support.control_side import Side, control_side
from tests.support.enrolling import said

SEES = {"viewer": True, "approver": True, "auditor": True, "admin": True}
READS_THE_LOG = {"viewer": False, "approver": True, "auditor": True, "admin": True}
DECIDES = {"viewer": False, "approver": True, "auditor": False, "admin": True}
MANAGES = {"viewer": False, "approver": False, "auditor": False, "admin": True}


@pytest.fixture
def side() -> Side:
    """A control side in memory with one person of each role, named after it."""
    made = control_side()
    made.doors.people |= {role: Approver(role, role) for role in SEES}
    return made


@pytest.mark.parametrize("role", SEES)
async def test_a_role_opens_what_it_says(side: Side, role: str) -> None:
    """81: Pages and JSON alike; what a role may not do is refused with one code."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in(role)
    for path in (
        "/console/",
        f"/approve/{approval.id}",
        "/console/providers",
        "/console/spend",
        "/console/routes",
        "/console/policies",
        "/console/passkeys",
    ):
        assert (await browser.open(path)).status_code == 200
    for path, rights in (
        ("/api/approvals", SEES),
        (f"/api/approvals/{approval.id}", SEES),
        ("/api/mcp", SEES),
        ("/api/spend", SEES),
        ("/api/spend?by=feature,model", SEES),
        ("/api/spend/budgets", SEES),
        ("/api/spend?by=owner", READS_THE_LOG),
        ("/api/spend?by=model,principal", READS_THE_LOG),
        ("/api/spend?by=token", READS_THE_LOG),
        ("/api/spend?by=session", READS_THE_LOG),
        ("/api/spend?by=tag:ticket", READS_THE_LOG),
        ("/api/spend?by=model&approvals=1", READS_THE_LOG),
        ("/api/entries/1", READS_THE_LOG),
        ("/api/tokens", MANAGES),
        ("/api/approvers", MANAGES),
        ("/api/passkeys", MANAGES),
        ("/api/status", MANAGES),
    ):
        answer = await browser.open(path)
        assert answer.status_code == (200 if rights[role] else 403), path
        assert rights[role] or said(answer) == "role_refused"
        names = [f"`{one}`" for one, may in rights.items() if may]
        words = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        assert rights[role] or answer.json()["error"]["message"].startswith(
            f"this needs the role {words}; yours is `{role}`"
        )


@pytest.mark.parametrize("role", SEES)
async def test_sums_are_for_all_and_names_for_readers_of_the_log(side: Side, role: str) -> None:
    """81: Whoever may not read the log sees what was spent, and neither by whom nor who approved a model."""
    browser = await side.signed_in(role)
    accounts = (await browser.open("/api/spend/budgets")).json()
    assert [one["holder"] for one in accounts] == ["search", *(["olga"] if READS_THE_LOG[role] else [""])]
    assert [one["spent_micros"] for one in accounts] == [1, 2]
    (group,) = (await browser.open("/api/spend?by=feature")).json()["rows"]
    assert group["models"] == [{"model": "p/m", **({"approved_by": "olga"} if READS_THE_LOG[role] else {})}]
    page = (await browser.open("/console/spend")).text
    assert ("olga" in page) is READS_THE_LOG[role]


@pytest.mark.parametrize("role", DECIDES)
async def test_only_approvers_and_admins_decide(side: Side, role: str) -> None:
    """A viewer and an auditor neither approve nor deny, by page or by JSON, and the page offers no button."""
    first, second = await side.approvals.open(wanted()), await side.approvals.open(wanted(digest="e" * 64))
    browser = await side.signed_in(role)
    assert ('value="deny"' in (await browser.open(f"/approve/{first.id}")).text) is DECIDES[role]
    posted = await browser.answer(first.id, "deny")
    called = await browser.client.post(
        f"/api/approvals/{second.id}/decision",
        json={"decision": "approve"},
        headers=browser.headers | {"x-csrf-token": await browser.csrf()},
    )
    assert (posted.status_code == 303, called.status_code == 200) == (DECIDES[role], DECIDES[role])
    pending = [side.approvals.get(one.id).status is ApprovalStatus.PENDING for one in (first, second)]
    assert pending == [not DECIDES[role]] * 2


def test_who_only_looks_reaches_no_quorum() -> None:
    """A row that demands people is checked against those who may decide."""
    rows = [{"name": role, "role": role, "groups": ["oncall"]} for role in SEES]
    found = approvers_of(Settings.model_validate({"approver": rows, "server": {"data_dir": "/nonexistent"}}))
    assert set(found.groups) == {"approver", "admin"}
