"""Whatever the order of uses, time, withdrawals and sweeps: a permit lets through no call too many or too late."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.approvals.permits import MOST_S, MOST_USES
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision, Permit
from firewall.core.errors import ApprovalError
from firewall.core.work import Committed, Outcome, Unit
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, wanted

MINUTE_US = 60_000_000


class SlowLog(MemoryLog):
    """Commits after as many turns of the loop as a test says; notes when each use was committed."""

    def __init__(self, turns: list[int], clock: StillClock) -> None:
        super().__init__()
        self.turns = turns
        self.clock = clock
        self.used_at: list[int] = []
        self.ended_at: list[int] = []

    async def submit(self, unit: Unit) -> Outcome:
        """Commit late, and answer later still."""
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)
        outcome = await super().submit(unit)
        if isinstance(outcome, Committed):
            kinds = [record.kind for record in unit.records]
            self.used_at += [len(self.records)] * sum(kind in USES for kind in kinds)
            self.ended_at += [len(self.records)] * sum(kind in ENDS for kind in kinds)
        await asyncio.sleep(0)
        return outcome


USES = ("approval.used", "approval.consumed")
ENDS = ("approval.cancelled", "approval.expired", "approval.consumed")


async def _use(service: Approvals, log: SlowLog, approval: Approval, moments: list[int]) -> None:
    """Do as the guard does: find it, look at the clock, commit."""
    usable = service.usable("olga/claude-code", approval.digest)
    if usable is None:
        return
    await asyncio.sleep(0)
    step, record = service.consume_step(usable)
    at = step.at
    if isinstance(await log.submit(Unit(records=(record,), steps=(step,))), Committed):
        moments.append(at)


async def _act(name: str, service: Approvals, log: SlowLog, approval: Approval, moments: list[int]) -> None:
    try:
        match name:
            case "use":
                await _use(service, log, approval, moments)
            case "later":
                log.clock.forward(77)
            case "sweep":
                await service.sweep()
            case "withdraw":
                await service.withdraw(approval.id, by=BOB)
            case "again":
                await service.decide(approval.id, Decision.APPROVE, by=BOB, permit=Permit(MOST_USES, MOST_S))
            case _:
                pytest.fail(name)
    except ApprovalError:
        return


ACTS = st.lists(
    st.sampled_from(["use", "use", "use", "use", "later", "sweep", "withdraw", "again"]), min_size=1, max_size=12
)


@settings(max_examples=250, deadline=None)
@given(
    uses=st.integers(2, 6),
    minutes=st.integers(1, 5),
    rounds=st.lists(ACTS, min_size=1, max_size=5),
    turns=st.lists(st.integers(0, 4), max_size=80),
)
def test_never_one_too_many_and_never_too_late(
    uses: int, minutes: int, rounds: list[list[str]], turns: list[int]
) -> None:
    """At most N uses, none after M minutes, none after its end; each is an entry, what is left is told right."""

    async def story() -> None:
        clock = StillClock()
        log = SlowLog(list(turns), clock)
        service = approvals(log, clock)
        approval = await service.open(wanted())
        await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=Permit(uses, minutes * 60))
        end, moments = clock.now + minutes * MINUTE_US, list[int]()
        for acts in rounds:
            await asyncio.gather(*(_act(name, service, log, approval, moments) for name in acts))
        now = service.get(approval.id)
        assert len(moments) == now.used == sum(kind in USES for kind in log.kinds) <= uses
        assert all(at < end for at in moments)
        assert log.kinds.count("approval.consumed") == (now.status is ApprovalStatus.CONSUMED)
        assert (now.used == uses) is (now.status is ApprovalStatus.CONSUMED)
        assert len(log.ended_at) <= 1
        assert all(at <= ended for at in log.used_at for ended in log.ended_at)
        assert now.uses == uses
        assert now.use_before == end

    asyncio.run(story())


@settings(max_examples=50, deadline=None)
@given(uses=st.integers(2, 5), users=st.integers(6, 12), turns=st.lists(st.integers(0, 4), max_size=60))
def test_a_crowd_gets_exactly_as_many_as_are_permitted(uses: int, users: int, turns: list[int]) -> None:
    """Whoever lost a race looks again, as the guard does: N pass, and all the others wait for people."""

    async def story() -> None:
        clock = StillClock()
        log = SlowLog(list(turns), clock)
        service = approvals(log, clock)
        approval = await service.open(wanted())
        await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=Permit(uses, 600))
        moments: list[int] = []

        async def insist() -> None:
            while service.usable("olga/claude-code", approval.digest) is not None:
                await _use(service, log, approval, moments)

        await asyncio.gather(*(insist() for _ in range(users)))
        assert len(moments) == uses

    asyncio.run(story())
