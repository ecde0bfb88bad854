"""Whatever the order of deciding, expiring, cancelling and consuming: one decision, one use, one way."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.errors import ApprovalError
from firewall.core.work import Committed, Outcome, Unit
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, wanted

NEXT = {
    ApprovalStatus.PENDING: {
        ApprovalStatus.APPROVED,
        ApprovalStatus.DENIED,
        ApprovalStatus.EXPIRED,
        ApprovalStatus.CANCELLED,
    },
    ApprovalStatus.APPROVED: {ApprovalStatus.CONSUMED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED},
}
"""What an approval may become; what is not named here is an end."""


class SlowLog(MemoryLog):
    """Commits after as many turns of the loop as a test says, so that callers overtake one another."""

    def __init__(self, turns: list[int]) -> None:
        super().__init__()
        self.turns = turns

    async def submit(self, unit: Unit) -> Outcome:
        """Commit late, and answer later still."""
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)
        outcome = await super().submit(unit)
        await asyncio.sleep(0)
        return outcome


async def _use(service: Approvals, log: MemoryLog, approval: Approval) -> bool:
    usable = service.usable("olga/claude-code", approval.digest)
    if usable is None:
        return False
    await asyncio.sleep(0)
    step, record = service.consume_step(usable)
    return isinstance(await log.submit(Unit(records=(record,), steps=(step,))), Committed)


async def _act(name: str, service: Approvals, log: MemoryLog, clock: StillClock, approval: Approval) -> str:
    try:
        match name:
            case "approve":
                await service.decide(approval.id, Decision.APPROVE, by=ALICE)
            case "deny":
                await service.decide(approval.id, Decision.DENY, by=BOB)
            case "cancel":
                await service.cancel(approval.id)
            case "sweep":
                await service.sweep()
            case "later":
                clock.forward(500)
            case "use":
                return "used" if await _use(service, log, approval) else ""
            case "reopen":
                await service.open(wanted())
            case _:
                pytest.fail(name)
    except ApprovalError:
        return ""
    return name


ACTS = st.lists(
    st.sampled_from(["approve", "deny", "cancel", "sweep", "later", "use", "reopen"]), min_size=1, max_size=12
)


@settings(max_examples=200, deadline=None)
@given(rounds=st.lists(ACTS, min_size=1, max_size=5), turns=st.lists(st.integers(0, 4), max_size=60))
def test_one_decision_and_one_use_in_any_order(rounds: list[list[str]], turns: list[int]) -> None:
    """Each approval gets at most one vote and one use, uses follow approvals, and its story follows NEXT."""

    async def story() -> None:
        log, clock = SlowLog(list(turns)), StillClock()
        service = approvals(log, clock)
        approval = await service.open(wanted())
        used = 0
        for acts in rounds:
            done = await asyncio.gather(*(_act(name, service, log, clock, approval) for name in acts))
            used += done.count("used")
        for opened in log.rows.values():
            _check_story(log, opened.id)
        assert used == log.kinds.count("approval.consumed")

    asyncio.run(story())


BECOMES = {
    "approval.consumed": ApprovalStatus.CONSUMED,
    "approval.expired": ApprovalStatus.EXPIRED,
    "approval.cancelled": ApprovalStatus.CANCELLED,
}


def _check_story(log: MemoryLog, approval_id: str) -> None:
    entries = [record for record in log.records if record.approval == approval_id]
    assert entries[0].kind == "approval.opened"
    status = ApprovalStatus.PENDING
    for record in entries[1:]:
        voted = record.kind == "approval.voted"
        then = ApprovalStatus(str(record.data["decision"])) if voted else BECOMES[record.kind]
        assert then in NEXT.get(status, set())
        status = then
    assert log.rows[approval_id].status is status


@settings(max_examples=50, deadline=None)
@given(users=st.integers(2, 8), turns=st.lists(st.integers(0, 4), max_size=40))
def test_parallel_users_of_one_approval_get_it_once(users: int, turns: list[int]) -> None:
    """Of any number of identical calls that race for an approval exactly one is released."""

    async def story() -> None:
        log, clock = SlowLog(list(turns)), StillClock()
        service = approvals(log, clock)
        approval = await service.open(wanted())
        await service.decide(approval.id, Decision.APPROVE, by=ALICE)
        done = await asyncio.gather(*(_use(service, log, approval) for _ in range(users)))
        assert done.count(True) == 1

    asyncio.run(story())


def test_an_approval_of_one_call_never_fits_another() -> None:
    """Another digest or another principal finds nothing, whatever is approved."""

    async def story() -> None:
        log, clock = MemoryLog(), StillClock()
        service = approvals(log, clock)
        for digest in "abc":
            opened = await service.open(replace(wanted(), digest=digest * 64))
            await service.decide(opened.id, Decision.APPROVE, by=ALICE)
        assert service.usable("olga/claude-code", "d" * 64) is None
        assert service.usable("olga/claude-code/child", "a" * 64) is None

    asyncio.run(story())
