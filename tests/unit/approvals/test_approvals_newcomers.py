"""Who came after a call was asked about, or shows what was made after that, approves nothing of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from firewall.approvals.forms import Forms
from firewall.approvals.people import Approver, Deputy
from firewall.core.approval import ApprovalStatus, Decision, Form
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from firewall.core.work import BeginForm, CastVote, Outcome, Unit
from tests.support.approving import START_US, MemoryLog, StillClock, approvals, subject, wanted

ANNA = Approver("anna", "approver", ("oncall",), since=START_US)
BERT = Approver("bert", "approver", ("oncall",), since=START_US)
CLEO = Approver("cleo", "admin", since=START_US)
TWO = Obligations(demands=(demand_of("oncall", quorum=2),))
APPROVE, DENY = Decision.APPROVE, Decision.DENY
LATER = START_US + 1
NEWER = ("newer_than_approval", 403)


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory, with people who were there before."""
    found = MemoryLog()
    found.permit(ANNA, BERT, CLEO)
    return found


async def _refused(act: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ApprovalError) as caught:
        await act()  # type: ignore[misc]  # every act is a coroutine function
    return caught.value.code, caught.value.status


async def test_who_was_added_after_it_was_opened_does_not_approve(log: MemoryLog) -> None:
    """Told with a code of its own; he may deny; who was there in the same instant counts."""
    service = approvals(log, StillClock())
    approval = await service.open(replace(wanted(), obligations=TWO))
    new = Approver("mallory", "approver", ("oncall",), since=LATER)
    log.permit(ANNA, BERT, new)
    at_the_door = replace(new, since=0)
    assert await _refused(lambda: service.decide(approval.id, APPROVE, by=at_the_door)) == NEWER
    assert (await service.decide(approval.id, APPROVE, by=ANNA)).status is ApprovalStatus.PENDING
    assert (await service.decide(approval.id, DENY, by=new)).status is ApprovalStatus.DENIED


@pytest.mark.parametrize("way", ["passphrase", "token", "oidc", "passkey", "session"])
async def test_what_was_made_after_it_was_opened_does_not_approve(log: MemoryLog, way: str) -> None:
    """A passphrase, a token, a passkey or an address that is newer; the same person with an older one does."""
    service = approvals(log, StillClock())
    asked = replace(TWO, auth="passkey" if way == "passkey" else "")
    approval = await service.open(replace(wanted(), obligations=asked))
    fresh = replace(ANNA, auth=way, proof_at=LATER)  # type: ignore[arg-type]  # of a list of ways
    assert await _refused(lambda: service.decide(approval.id, APPROVE, by=fresh)) == NEWER
    await service.decide(approval.id, APPROVE, by=replace(fresh, proof_at=START_US))
    assert service.tally(service.get(approval.id)).given == 1


async def test_a_vote_is_void_when_its_giver_was_moved_after_it_was_opened(log: MemoryLog) -> None:
    """Whoever changes roles and groups makes no seat of a vote that was given before."""
    service = approvals(log, StillClock())
    approval = await service.open(replace(wanted(), obligations=TWO))
    await service.decide(approval.id, APPROVE, by=ANNA)
    log.permit(replace(ANNA, role="admin", since=LATER), BERT)
    assert service.tally(service.get(approval.id)).given == 0
    after = await service.decide(approval.id, APPROVE, by=BERT)
    assert after.status is ApprovalStatus.PENDING


async def test_what_was_lent_after_it_was_opened_fills_no_seat(log: MemoryLog) -> None:
    """Neither as the reason to vote nor beside groups of one's own; what was lent before does."""
    service = approvals(log, StillClock())
    approval = await service.open(replace(wanted(), obligations=TWO))
    late = Deputy(("bert",), ("oncall",), LATER)
    log.permit(ANNA, BERT, replace(CLEO, speaks_for=(late,)))
    assert await _refused(lambda: service.decide(approval.id, APPROVE, by=CLEO)) == NEWER
    log.permit(ANNA, BERT, replace(CLEO, speaks_for=(replace(late, since=START_US),)))
    await service.decide(approval.id, APPROVE, by=CLEO)
    log.permit(ANNA, BERT, replace(CLEO, speaks_for=(late,)))
    assert service.tally(service.get(approval.id)).given == 0


@pytest.mark.parametrize("number", [1, 2])
async def test_no_form_is_run_by_who_is_newer(log: MemoryLog, number: int) -> None:
    """Neither first nor instead, whether he or what he shows came later."""
    clock = StillClock()
    service = approvals(log, clock)
    forms = Forms(approvals=service, sequencer=log, store=log, clock=clock)
    about = subject(forms=(Form("snapshot first", request="{}", before=True), Form("rename", request="{}")))
    approval = await service.open(replace(wanted(), subject=about))
    new = Approver("mallory", "approver", since=LATER)
    log.permit(ANNA, new)
    for by in (new, replace(ANNA, proof_at=LATER)):
        assert await _refused(lambda by=by: forms.begin(approval, number, by)) == NEWER
    assert service.get(approval.id).runs == ()
    await forms.begin(approval, number, ANNA)
    assert len(service.get(approval.id).runs) == 1


class Meddling(MemoryLog):
    """Lets something happen right before the next step of one kind is applied."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind
        self.meanwhile: Callable[[], None] | None = None

    async def submit(self, unit: Unit) -> Outcome:
        """As the port says."""
        act = self.meanwhile
        if act is not None and any(isinstance(step, self._kind) for step in unit.steps):
            self.meanwhile = None
            act()
        return await super().submit(unit)


async def test_a_form_begins_only_for_who_may_when_that_is_committed() -> None:
    """He is removed between the look and the commit: nothing begins, and he is told why."""
    log, clock = Meddling(BeginForm), StillClock()
    log.permit(ANNA, BERT)
    service = approvals(log, clock)
    forms = Forms(approvals=service, sequencer=log, store=log, clock=clock)
    about = subject(forms=(Form("snapshot first", request="{}", before=True),))
    approval = await service.open(replace(wanted(), subject=about))
    log.meanwhile = lambda: log.permit(BERT)
    refused = await _refused(lambda: forms.begin(approval, 1, ANNA))
    assert refused == ("approver_not_permitted", 403)
    assert "form.begun" not in log.kinds


async def test_a_form_begins_after_the_votes_that_were_counted() -> None:
    """A vote that comes between the look and the commit is looked at before anything begins."""
    log, clock = Meddling(BeginForm), StillClock()
    log.permit(ANNA, BERT, CLEO)
    service = approvals(log, clock)
    forms = Forms(approvals=service, sequencer=log, store=log, clock=clock)
    about = subject(forms=(Form("snapshot first", request="{}", before=True),))
    approval = await service.open(replace(wanted(), subject=about, obligations=TWO))
    await service.decide(approval.id, APPROVE, by=ANNA)

    def vanish() -> None:
        row = log.rows[approval.id]
        log.rows[approval.id] = replace(row, votes=(*row.votes, replace(row.votes[0], number=2, decision=DENY)))

    log.meanwhile = vanish
    await forms.begin(approval, 1, BERT)
    assert log.kinds.count("form.begun") == 1
    assert log.meanwhile is None


async def test_a_vote_of_who_changes_meanwhile_is_weighed_again() -> None:
    """His groups change between the look and the commit: the vote is not kept."""
    log = Meddling(CastVote)
    log.permit(ANNA, BERT)
    service = approvals(log, StillClock())
    approval = await service.open(replace(wanted(), obligations=TWO))
    log.meanwhile = lambda: log.permit(replace(ANNA, since=LATER), BERT)
    assert await _refused(lambda: service.decide(approval.id, APPROVE, by=ANNA)) == NEWER
    assert service.get(approval.id).votes == ()
