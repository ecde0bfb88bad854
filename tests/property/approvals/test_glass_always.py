"""Whatever comes at once and whatever fails: break-glass leaves its entry and keeps to its bounds and people."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.approvals.people import Approver
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.work import Committed, Outcome, Unit
from tests.support.approving import MemoryLog
from tests.support.breaking import (
    ANNA,
    BERT,
    EVERYBODY,
    GINA,
    OLGA,
    RULES,
    SAM,
    TYPED,
    WHY,
    Cabinet,
    asked,
    cabinet,
)

DAY_US = 86_400 * 10**6
BY = {"gina": GINA, "sam": SAM, "olga": OLGA, "anna": ANNA, "untapped": Approver("gina", "approver")}


class ShakyLog(MemoryLog):
    """Commits after as many turns of the loop as a test says, and fails where it says."""

    def __init__(self, turns: list[int]) -> None:
        super().__init__()
        self.turns = turns

    async def submit(self, unit: Unit) -> Outcome:
        """Commit late, or not."""
        turns = self.turns.pop() if self.turns else 0
        for _ in range(turns % 5):
            await asyncio.sleep(0)
        if turns > 12:
            raise StoreError("the log cannot be written, so nothing may pass")
        outcome = await super().submit(unit)
        if isinstance(outcome, Committed):
            self.check(unit)
        return outcome

    def check(self, unit: Unit) -> None:
        """Whatever was approved by one person alone has its entry in this very commit."""
        kinds = [record.kind for record in unit.records]
        for record in unit.records:
            if record.data.get("glass") is True:
                before = unit.records[kinds.index("glass.broken")]
                assert kinds.index("glass.broken") < kinds.index("approval.voted")
                assert (before.approval, before.person, before.data["digest"]) == (
                    record.approval, record.person, record.data["digest"],
                )  # fmt: skip
                assert before.private is not None
                assert before.private["reason"] == WHY


async def _act(name: str, number: int, all_: Cabinet, ids: list[str]) -> None:
    approval_id = ids[number % len(ids)]
    try:
        match name:
            case "later":
                all_.clock.forward(1700 * (number + 1))
            case "moved":
                all_.log.permit(*EVERYBODY)
            case "vote":
                await all_.approvals.decide(approval_id, Decision.APPROVE, by=BERT, typed=TYPED)
            case "deny":
                await all_.approvals.decide(approval_id, Decision.DENY, by=ANNA)
            case "consume":
                await _consume(all_, approval_id)
            case _:
                await all_.glass.use(approval_id, by=BY[name], reason=WHY, typed=TYPED)
    except (ApprovalError, StoreError):
        return


async def _consume(all_: Cabinet, approval_id: str) -> None:
    approval = all_.approvals.get(approval_id)
    step, record = all_.approvals.consume_step(approval)
    await all_.log.submit(Unit(records=(record,), steps=(step,)))


NAMES = [*BY, "gina", "sam", "later", "moved", "vote", "deny", "consume"]
ROUND = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 7)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(rounds=st.lists(ROUND, min_size=1, max_size=5), turns=st.lists(st.integers(0, 14), max_size=60))
def test_never_without_its_entry_nor_beyond_its_bounds(
    rounds: list[list[tuple[str, int]]], turns: list[int]
) -> None:
    """One entry, one vote and one use each; nobody whom nothing names, and nobody twice within his time."""

    async def story() -> None:
        log = ShakyLog([])
        all_ = cabinet(log)
        ids = [(await all_.approvals.open(asked(digest=sign * 64))).id for sign in "abcd"]
        log.turns = list(turns)
        for acts in rounds:
            await asyncio.gather(*(_act(name, number, all_, ids) for name, number in acts))
        found = [log.rows[one] for one in ids]
        broken = [record for record in log.records if record.kind == "glass.broken"]
        assert sorted(record.approval for record in broken) == sorted(log.glass) == sorted(_marked(found))
        for approval in found:
            _check(approval, log)
        for name in ("gina", "sam"):
            times = sorted(use.at for use in log.glass.values() if use.by == log.pseudonym(name))
            assert all(later - sooner >= DAY_US for sooner, later in pairwise(times))
        assert {record.person for record in broken} <= {"gina", "sam"}
        assert RULES.per_day == 1

    asyncio.run(story())


def _marked(found: list[Approval]) -> list[str]:
    return [one.id for one in found if one.glass]


def _check(approval: Approval, log: MemoryLog) -> None:
    """What was approved was approved by two of the group, or with its entry; what was denied never passes."""
    votes = [vote.voter for vote in approval.votes if vote.decision is Decision.APPROVE]
    if approval.status in (ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED):
        if not approval.glass:
            pytest.fail(f"approved by {votes} alone")
        assert votes[-1] == log.glass[approval.id].by
        assert approval.uses == 1
    if any(vote.decision is Decision.DENY for vote in approval.votes):
        assert approval.status is ApprovalStatus.DENIED
        assert not approval.glass
