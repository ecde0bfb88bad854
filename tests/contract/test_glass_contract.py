"""What break-glass relies on, held against the real writer and SQLite and against the fake of the tests alike."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.approvals.reviewing import GlassStore
from firewall.core.approval import Approval, ApprovalStatus, Decision, Vote
from firewall.core.glass import BreakGlass, Finding, ReviewGlass
from firewall.core.ports import ApprovalStore, Sequencer
from firewall.core.work import CastVote, Committed, MoveApproval, OpenApproval, Record, Unit, Unmet
from firewall.sequencer.opening import create, open_installation
from tests.support.approving import START_US, MemoryLog, StillClock, new_id, subject
from tests.support.approving import wanted as asked
from tests.support.guarding import places_in

DAY_US = 86_400 * 10**6
Ports = tuple[Sequencer, ApprovalStore, GlassStore]


@pytest.fixture(params=["memory", "sqlite"])
async def ports(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ports]:
    """The fake, and the real thing on a file."""
    if request.param == "memory":
        log = MemoryLog()
        yield log, log, log
        return
    places = places_in(tmp_path)
    create(places)
    installation = open_installation(places, StillClock())
    yield installation.writer, installation.approving, installation.approving
    await installation.close()


async def _opened(ports: Ports, digest: str = "a") -> str:
    approval = Approval(
        id=new_id(),
        status=ApprovalStatus.PENDING,
        digest=digest * 64,
        principal="prn_olga",
        token="tok_1",
        session="",
        environment="staging",
        effects=("destructive",),
        opened_at=START_US,
        expires_at=START_US + 10 * DAY_US,
        subject=subject(),
        obligations=asked().obligations,
    )
    assert isinstance(await ports[0].submit(Unit(steps=(OpenApproval(approval, 20),))), Committed)
    return approval.id


def _use(approval: str, by: str = "per_gina", at: int = START_US, **changes: object) -> BreakGlass:
    plain = BreakGlass(
        approval, by, (by,), at, most=2, day_from=at - DAY_US, quiet_from=at - 3600 * 10**6, reason="it was urgent"
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


async def _done(ports: Ports, *steps: BreakGlass | ReviewGlass | CastVote | MoveApproval) -> Committed | Unmet:
    return await ports[0].submit(Unit(records=(Record("glass.broken", person="gina"),), steps=steps))


async def test_a_use_is_read_back_and_marks_its_approval(ports: Ports) -> None:
    """With its reason, which is sealed at rest; another approval has none."""
    one, other = await _opened(ports), await _opened(ports, "b")
    assert isinstance(await _done(ports, _use(one)), Committed)
    use = ports[2].glass_use(one)
    assert use is not None
    assert (use.by, use.at, use.reason, use.is_open, use.finding) == (
        "per_gina", START_US, "it was urgent", True, None,
    )  # fmt: skip
    found = ports[1].get(one), ports[1].get(other)
    assert [one.glass for one in found if one] == [True, False]
    assert ports[2].glass_use(other) is None
    assert ports[2].glass_uses(5, is_open=True) == [use]
    assert ports[2].glass_open() == 1
    assert ports[2].glass_uses(5, is_open=False) == []


async def test_bounds_are_kept_by_the_commit(ports: Ports) -> None:
    """So many within a day, never right after another, of all accounts of a person together."""
    ids = [await _opened(ports, sign) for sign in "abcde"]
    hour = 3600 * 10**6
    assert isinstance(await _done(ports, _use(ids[0])), Committed)
    soon = await _done(ports, _use(ids[1], at=START_US + hour - 1))
    assert soon == Unmet(0, "too_soon", retry_after_us=1, found=ids[1])
    assert isinstance(await _done(ports, _use(ids[1], at=START_US + hour)), Committed)
    later = START_US + 2 * hour
    both = _use(ids[2], "per_gina2", later, people=("per_gina", "per_gina2"))
    assert await _done(ports, both) == Unmet(0, "full", found=ids[2])
    assert isinstance(await _done(ports, _use(ids[2], "per_sam", later)), Committed)
    assert isinstance(await _done(ports, _use(ids[3], at=START_US + DAY_US)), Committed)
    assert await _done(ports, _use(ids[3], "per_tom", START_US + DAY_US)) == Unmet(0, "moved_on", found=ids[3])


async def test_whoever_lost_an_account_is_still_the_same_person(ports: Ports) -> None:
    """By any name that he had when he used it: it counts for him, and he does not review it."""
    one, other = await _opened(ports), await _opened(ports, "b")
    names = ("per_gina", "per_mail")
    assert isinstance(await _done(ports, _use(one, people=names, most=1)), Committed)
    use = ports[2].glass_use(one)
    assert use is not None
    assert sorted(use.people) == [*names]
    later = START_US + 2 * 3600 * 10**6
    again = _use(other, "per_gw", later, people=("per_gw", "per_mail"), most=1)
    assert await _done(ports, again) == Unmet(0, "full", found=other)
    review = ReviewGlass(
        one, "per_gw", START_US + 5, Finding.JUSTIFIED, "it was right", -1, ("per_gw", "per_mail")
    )
    assert await _done(ports, review) == Unmet(0, "moved_on", found=one)
    assert isinstance(await _done(ports, replace(review, people=("per_gw",))), Committed)


async def test_a_use_is_kept_with_the_decision_or_not_at_all(ports: Ports) -> None:
    """Where the vote or the move is not committed, there is no use, no mark and no entry."""
    one = await _opened(ports)
    vote = Vote(1, "per_gina", Decision.APPROVE, START_US, "passkey")
    move = MoveApproval(one, ApprovalStatus.PENDING, ApprovalStatus.APPROVED, START_US, digest="b" * 64)
    unmet = await _done(ports, CastVote(one, "a" * 64, vote, -1), _use(one), move)
    assert unmet == Unmet(2, "moved_on", found=one)
    assert ports[2].glass_use(one) is None
    found = ports[1].get(one)
    assert found is not None
    assert (found.glass, found.votes) == (False, ())


async def test_a_review_is_by_another_and_once(ports: Ports) -> None:
    """Open until then; the note is read back."""
    one, other = await _opened(ports), await _opened(ports, "b")
    await _done(ports, _use(one))
    review = ReviewGlass(one, "per_anna", START_US + 5, Finding.UNJUSTIFIED, "nobody was asked", -1)
    assert await _done(ports, replace(review, by="per_gina")) == Unmet(0, "moved_on", found=one)
    assert await _done(ports, replace(review, approval=other)) == Unmet(0, "moved_on", found=other)
    assert await _done(ports, replace(review, roster=77)) == Unmet(0, "moved_on", found=one)
    assert isinstance(await _done(ports, review), Committed)
    assert await _done(ports, review) == Unmet(0, "moved_on", found=one)
    (use,) = ports[2].glass_uses(5, is_open=False)
    assert (use.reviewer, use.reviewed_at, use.finding, use.note, use.reason) == (
        "per_anna", START_US + 5, Finding.UNJUSTIFIED, "nobody was asked", "it was urgent",
    )  # fmt: skip
    assert ports[2].glass_uses(5, is_open=True) == []
    assert ports[2].glass_open() == 0
