"""Forms of approvals: begun once, ended once, and what follows for the call in the same commit."""

import pytest

from firewall.approvals.forms import Ended, Forms, Settling
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision, Form, FormState
from firewall.core.errors import ApprovalError
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, subject, wanted

SNAPSHOT = Form("take a snapshot first: POST /s", '{"method": "POST"}', before=True)
COMMAND = Form("take a snapshot first: aws rds create-db-snapshot", before=True)


class House:
    """Approvals in memory, and their forms."""

    def __init__(self, **rules: object) -> None:
        self.log = MemoryLog()
        self.clock = StillClock()
        self.approvals: Approvals = approvals(self.log, self.clock, **rules)
        self.forms = Forms(approvals=self.approvals, sequencer=self.log, store=self.log, clock=self.clock)

    async def opened(self) -> Approval:
        """Open one that has two forms, of which one can be run."""
        return await self.approvals.open(wanted(subject=subject(forms=(SNAPSHOT, COMMAND))))

    def now(self, approval: Approval) -> Approval:
        """Return it as it stands."""
        return self.approvals.get(approval.id)


def code(caught: "pytest.ExceptionInfo[ApprovalError]") -> str:
    """Return an error's code."""
    return caught.value.code


async def test_both_requests_are_bound_by_one_word() -> None:
    """The entry that begins names the call's digest and the form's; what is sent lies in it, sealed."""
    house = House()
    approval = await house.opened()
    await house.forms.begin(approval, 1, ALICE)
    begun = house.log.records[-1]
    assert (begun.kind, begun.data["digest"], begun.data["number"]) == ("form.begun", approval.digest, 1)
    assert len(str(begun.data["form"])) == 64
    assert (begun.private or {})["request"] == SNAPSHOT.request
    assert house.now(approval).runs[0].state is FormState.BEGUN


async def test_while_it_is_under_way_nobody_lets_the_call_run() -> None:
    """Neither a second try nor an approval; a denial is heard at once, and stays."""
    house = House()
    approval = await house.opened()
    await house.forms.begin(approval, 1, ALICE)
    for attempt in (
        lambda: house.approvals.decide(approval.id, Decision.APPROVE, by=BOB),
        lambda: house.forms.begin(approval, 1, BOB),
    ):
        with pytest.raises(ApprovalError) as caught:
            await attempt()
        assert code(caught) == "form_running"
    with pytest.raises(ApprovalError) as caught:
        house.forms.check(approval.id, 1, BOB)
    assert code(caught) == "form_running"
    await house.approvals.decide(approval.id, Decision.DENY, by=BOB)
    await house.forms.end(approval, Ended(FormState.DONE, 201), then=Settling(Decision.APPROVE, ALICE))
    assert house.now(approval).status is ApprovalStatus.DENIED
    assert house.now(approval).runs[0].state is FormState.DONE


async def test_a_form_that_is_done_decides_in_the_same_commit() -> None:
    """Approved under the digest of the state that it left; the vote says so."""
    house = House()
    approval = await house.opened()
    await house.forms.begin(approval, 1, ALICE)
    await house.forms.end(
        approval, Ended(FormState.DONE, 201), then=Settling(Decision.APPROVE, ALICE, rebind="e" * 64)
    )
    now = house.now(approval)
    assert (now.status, now.digest) == (ApprovalStatus.APPROVED, "e" * 64)
    assert house.log.kinds[-2:] == ["form.ended", "approval.voted"]
    assert house.log.records[-1].data["after_form"] == "e" * 64
    assert house.approvals.usable("olga/claude-code", "d" * 64) is None


@pytest.mark.parametrize("state", [FormState.FAILED, FormState.ACCEPTED, FormState.UNKNOWN, FormState.WAITING])
async def test_a_form_that_is_not_done_leaves_the_call_held(state: FormState) -> None:
    """It can be run again by a new word, or the call decided as before."""
    house = House()
    approval = await house.opened()
    await house.forms.begin(approval, 1, ALICE)
    await house.forms.end(approval, Ended(state, 500, "code"))
    assert house.now(approval).status is ApprovalStatus.PENDING
    await house.forms.begin(approval, 1, ALICE)
    await house.forms.end(approval, Ended(FormState.DONE, 201))
    assert [(run.number, run.state) for run in house.now(approval).runs] == [(1, state), (2, FormState.DONE)]
    decided = await house.approvals.decide(approval.id, Decision.APPROVE, by=ALICE)
    assert decided.status is ApprovalStatus.APPROVED


async def test_who_may_not_decide_may_not_have_it_run() -> None:
    """The owner of the agent, an unknown form, one that is not run by us, and one that is over."""
    house = House()
    approval = await house.opened()
    for number, by, wanted_code in (
        (1, Approver("olga", "approver"), "own_approval"),
        (0, ALICE, "form_unknown"),
        (2, ALICE, "form_unknown"),
        (3, ALICE, "form_unknown"),
    ):
        with pytest.raises(ApprovalError) as caught:
            house.forms.check(approval.id, number, by)
        assert code(caught) == wanted_code
    house.clock.forward(3600)
    with pytest.raises(ApprovalError) as caught:
        house.forms.check(approval.id, 1, ALICE)
    assert code(caught) == "approval_expired"
    with pytest.raises(ApprovalError) as caught:
        await house.forms.begin(approval, 1, ALICE)
    assert code(caught) == "approval_expired"
    assert house.now(approval).runs == ()


async def test_what_a_stopped_server_left_is_unknown() -> None:
    """Said once, in the log and with the approval; nothing is sent again."""
    house = House()
    approval = await house.opened()
    await house.forms.begin(approval, 1, ALICE)
    assert await house.forms.lost() == 1
    assert await house.forms.lost() == 0
    assert house.now(approval).runs[0].state is FormState.UNKNOWN
    assert house.log.records[-1].data["note"] == "server_stopped"
