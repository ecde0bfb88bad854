"""A repeat permit lives no longer than the right of whoever gave it; the next call is asked anew."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.approvals.people import Approver
from firewall.console.policies.tally import DAY_US, RowTally
from firewall.console.runs.following import Follower
from firewall.core.approval import ONCE, ApprovalStatus, Decision, Permit
from firewall.guard.answer import Go, Wait
from tests.support.approving import BOB, START_US, MemoryLog
from tests.support.guarding import ALICE, call, keeping, places_in


class Listed(MemoryLog):
    """Says who may decide; the store counts no change, since these people are none of its rows."""

    def changes(self) -> int:
        """As `Roster` says."""
        return 0


WRITES = "touch /srv/notes/one"


@pytest.mark.parametrize(
    ("listed", "is_left"),
    [
        ([BOB], False),
        ([], False),
        ([BOB, replace(ALICE, role="viewer")], False),
        ([BOB, replace(ALICE, since=START_US + 1)], False),
        ([BOB, ALICE, Approver("carol", "admin")], True),
    ],
    ids=["removed", "nobody left", "may only look", "removed and added again", "another came"],
)
async def test_a_permit_ends_with_the_right_of_who_gave_it(
    tmp_path: Path, listed: list[Approver], *, is_left: bool
) -> None:
    """At the gate that uses it and at a later one, which its use had left a release; the end is an entry."""
    people = Listed()
    people.permit(ALICE, BOB)
    async with keeping(tmp_path, roster=people) as kept:
        models, hooks = kept.requester(), kept.requester(gate="hooks")
        held = await kept.held(call(WRITES), models)
        await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=Permit(4, 600))
        assert isinstance(await kept.guard.release(held, models), Go)
        people.permit(*listed)
        expected = Go if is_left else Wait
        assert isinstance(await kept.guard.judge(call(WRITES), hooks), expected)
        again = await kept.guard.judge(call(WRITES), models)
        assert isinstance(again, expected)
        status = ApprovalStatus.APPROVED if is_left else ApprovalStatus.CANCELLED
        assert kept.approvals.get(held.approval.id).status is status
        assert ("approval.cancelled" in kept.kinds()) is not is_left


async def test_a_held_call_uses_no_permit_that_stands_no_more(tmp_path: Path) -> None:
    """Who waits for it while its approver is removed is asked about anew."""
    people = Listed()
    people.permit(ALICE, BOB)
    async with keeping(tmp_path, roster=people) as kept:
        held = await kept.held(call(WRITES), kept.requester())
        await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=Permit(2, 600))
        people.permit(BOB)
        again = await kept.guard.release(held, kept.requester())
        assert isinstance(again, Wait)
        assert again.approval.id != held.approval.id


@pytest.mark.parametrize("uses", [1, 3], ids=["approved once", "a permit"])
async def test_each_use_of_a_permit_is_a_call(tmp_path: Path, uses: int) -> None:
    """A session and the row count as many calls as passed; people were asked about one."""
    people = Listed()
    people.permit(ALICE, BOB)
    async with keeping(tmp_path, roster=people) as kept:
        asker = kept.requester()
        held = await kept.held(call(WRITES), asker)
        permit = Permit(uses, 600) if uses > 1 else ONCE
        await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=permit)
        assert isinstance(await kept.guard.release(held, asker), Go)
        for _ in range(uses - 1):
            assert isinstance(await kept.guard.judge(call(WRITES), asker), Go)
        assert kept.kinds().count("tool.released") == uses
        log = places_in(tmp_path).database
        follower = Follower(log, tmp_path / "sessions.db", lambda: kept.installation.writer.size)
        while follower.step():
            pass
        (run,) = follower.reader.latest(9)
        follower.close()
        assert (run.tools, run.asked, run.denied) == (uses, 1, 0)
        judged = held.judgement
        counted = RowTally(log).look(judged.policy, START_US // DAY_US - 1, START_US)
        assert counted.by_row == {judged.verdict.row: uses}
