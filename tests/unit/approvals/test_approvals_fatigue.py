"""What keeps people from being worn out: a cap for each session, and a no that stays one for a while."""

from dataclasses import replace

import pytest

from firewall.approvals.service import Approvals
from firewall.approvals.wanted import DeniedBeforeError, Wanted
from firewall.core.approval import Approval, Decision
from firewall.core.errors import ApprovalError
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, wanted


async def _denied(service: Approvals, asked: Wanted, reason: str = "not today") -> Approval:
    approval = await service.open(asked)
    return await service.decide(approval.id, Decision.DENY, by=ALICE, reason=reason)


async def test_a_denial_answers_identical_repeats_for_a_while() -> None:
    """58: With its id and reason, until the time is over; then people are asked anew."""
    log, clock = MemoryLog(), StillClock()
    service = approvals(log, clock, cool_down_s=300)
    denied = await _denied(service, wanted())
    clock.forward(299)
    with pytest.raises(DeniedBeforeError) as caught:
        await service.open(wanted())
    assert (caught.value.approval, caught.value.reason) == (denied.id, "not today")
    assert log.kinds.count("approval.opened") == 1
    clock.forward(1)
    assert (await service.open(wanted())).id != denied.id


@pytest.mark.parametrize("changes", [{"digest": "e" * 64}, {"principal": "paul/claude-code"}])
async def test_a_denial_answers_nothing_else(changes: dict[str, str]) -> None:
    """Another call, and another requester's same call, are asked about."""
    service = approvals(MemoryLog(), StillClock())
    await _denied(service, wanted())
    assert (await service.open(replace(wanted(), **changes))).status.value == "pending"


async def test_without_a_cool_down_people_are_asked_at_once() -> None:
    """The setting can be off."""
    service = approvals(MemoryLog(), StillClock(), cool_down_s=0)
    await _denied(service, wanted())
    assert (await service.open(wanted())).status.value == "pending"


async def test_what_expired_or_was_withdrawn_is_no_denial() -> None:
    """Silence is not a no: the same call may be asked about again."""
    clock = StillClock()
    service = approvals(MemoryLog(), clock)
    first = await service.open(wanted())
    await service.cancel(first.id)
    second = await service.open(wanted())
    clock.forward(1801)
    await service.sweep()
    third = await service.open(wanted())
    assert len({first.id, second.id, third.id}) == 3


async def test_the_last_of_several_denials_answers() -> None:
    """The newest reason is the one that counts."""
    clock = StillClock()
    service = approvals(MemoryLog(), clock, cool_down_s=600)
    await _denied(service, wanted(), "first")
    clock.forward(601)
    await _denied(service, wanted(), "second")
    with pytest.raises(DeniedBeforeError) as caught:
        await service.open(wanted())
    assert caught.value.reason == "second"


async def test_a_session_has_a_cap_of_its_own() -> None:
    """58: One session cannot fill the queue; another one of the same agent may ask; a flood is recorded once."""
    log = MemoryLog()
    service = approvals(log, StillClock(), max_of_session=3, max_pending=5)
    for number in range(3):
        await service.open(replace(wanted(), digest=f"{number:064}"))
    for number in (3, 4):
        with pytest.raises(ApprovalError) as caught:
            await service.open(replace(wanted(), digest=f"{number:064}"))
        assert (caught.value.code, caught.value.status) == ("too_many_pending", 429)
        assert "session" in caught.value.public
    hits = [one for one in log.records if one.kind == "limit.hit"]
    assert [(one.data["limit"], one.data["most"]) for one in hits] == [("approvals_of_session", 3)]
    other = await service.open(replace(wanted(), session="ses_2", digest="a" * 64))
    joined = await service.open(replace(wanted(), digest=f"{0:064}"))
    assert other.session != joined.session
    assert "ses_1" not in joined.session


async def test_a_client_without_sessions_has_its_agents_cap_alone() -> None:
    """Nothing is guessed where no session is named."""
    service = approvals(MemoryLog(), StillClock(), max_of_session=1, max_pending=2)
    for number in range(2):
        await service.open(replace(wanted(), session="", digest=f"{number:064}"))
    with pytest.raises(ApprovalError, match="this agent already has 2"):
        await service.open(replace(wanted(), session="", digest="b" * 64))


async def test_whoever_denies_it_is_one_answer() -> None:
    """Bob's no answers Alice's queue as well."""
    service = approvals(MemoryLog(), StillClock())
    approval = await service.open(wanted())
    await service.decide(approval.id, Decision.DENY, by=BOB)
    with pytest.raises(DeniedBeforeError):
        await service.open(wanted())
