"""Who may permit repeats of what: nothing grave in production, nothing for several, nothing from outside."""

from dataclasses import replace

import pytest

from firewall.approvals.casting import Weighed, cast
from firewall.approvals.counting import Counter
from firewall.approvals.permits import MOST_S, MOST_USES
from firewall.approvals.records import voted
from firewall.approvals.wanted import Wanted
from firewall.core.approval import ONCE, Approval, ApprovalStatus, Decision, Permit
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from firewall.core.work import CastVote, MoveApproval
from tests.support.approving import (
    ALICE,
    BOB,
    START_US,
    MemoryLog,
    StillClock,
    approvals,
    subject,
    view,
    wanted,
)

FIVE = Permit(5, 600)
WRITES = wanted(environment="production", effects=("write",), subject=subject(actions=(view(effects=("write",)),)))


def _in(environment: str, *effects: str) -> Wanted:
    return wanted(
        environment=environment,
        effects=effects,
        subject=subject(actions=(view(environment=environment, effects=effects),)),
    )


@pytest.mark.parametrize(
    "asked",
    [
        _in("production", "destructive"),
        _in("Production", "privilege"),
        _in("prod", "write", "unknown"),
        _in("production", "secret"),
        _in("production", "read", "exfil"),
        _in("unresolved", "destructive"),
        _in("unresolved", "exfil"),
        _in("", "privilege"),
        replace(_in("staging", "write"), subject=subject(actions=(view(environment="production"),))),
        wanted(obligations=Obligations(demands=(demand_of(quorum=2),))),
    ],
    ids=[
        "destroys",
        "rights",
        "unknown",
        "secrets",
        "leaves",
        "place unknown",
        "leaves a place unknown",
        "no place",
        "one action in production",
        "two people",
    ],
)
async def test_what_is_grave_in_production_or_for_several_is_approved_once_at_a_time(asked: Wanted) -> None:
    """A permit is refused and nothing is voted; approving once works as ever."""
    log, clock = MemoryLog(), StillClock()
    log.permit(ALICE, BOB)
    service = approvals(log, clock)
    approval = await service.open(asked)
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=FIVE)
    assert (caught.value.code, caught.value.status) == ("permit_refused", 403)
    assert service.get(approval.id).votes == ()
    await service.decide(approval.id, Decision.APPROVE, by=ALICE)


async def test_two_joined_demands_of_one_person_each_permit_no_repeats() -> None:
    """Neither whoever votes first nor whoever votes last; no entry of a vote that does not decide says `uses`."""
    log, clock = MemoryLog(), StillClock()
    dana = replace(BOB, name="dana", groups=("dba",))
    log.permit(ALICE, dana)
    service = approvals(log, clock)
    joined = Obligations(demands=(demand_of("dba"), demand_of("oncall")))
    approval = await service.open(replace(_in("staging", "write"), obligations=joined))
    for voter in (ALICE, dana):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, Decision.APPROVE, by=voter, permit=FIVE)
        assert (caught.value.code, caught.value.status) == ("permit_refused", 403)
        decided = await service.decide(approval.id, Decision.APPROVE, by=voter)
    assert (decided.status, decided.uses) == (ApprovalStatus.APPROVED, 1)
    votes = [record.data for record in log.records if record.kind == "approval.voted"]
    assert [(vote["decides"], "uses" in vote) for vote in votes] == [(False, False), (True, False)]


def test_a_vote_that_does_not_decide_gives_no_permit() -> None:
    """Whatever let it come so far: it is refused, and the entry of such a vote names no uses."""
    log = MemoryLog()
    log.permit(ALICE, BOB)
    both = Obligations(demands=(demand_of(quorum=2),))
    approval = Approval(
        "apr_1", ApprovalStatus.PENDING, "d" * 64, "per_1", "tok_1", "", "staging", ("write",), 1, 2 * START_US,
        obligations=both, subject=subject(),
    )  # fmt: skip
    counter = Counter(
        (ALICE, BOB), log.pseudonym, solo=False, production=frozenset(), may_be_production=lambda _: True
    )
    said = Weighed(Decision.APPROVE, ALICE, permit=FIVE)
    with pytest.raises(ApprovalError) as caught:
        cast(approval, said, counter=counter, changes=1, now_us=START_US, use_within_us=1)
    assert caught.value.code == "permit_refused"
    once = cast(approval, replace(said, permit=ONCE), counter=counter, changes=1, now_us=START_US, use_within_us=1)
    move = MoveApproval("apr_1", ApprovalStatus.PENDING, ApprovalStatus.APPROVED, START_US, uses=5, use_before=7)
    vote = next(step.vote for step in once.steps if isinstance(step, CastVote))
    for is_last in (False, True):
        entry = voted(approval, vote, ALICE, move=move, after=once.after, is_last=is_last)
        assert ("uses" in entry.data, "use_before" in entry.data) == (is_last, is_last)


@pytest.mark.parametrize(
    "asked",
    [
        _in("staging", "destructive"),
        _in("local", "privilege"),
        _in("staging", "exfil"),
        _in("production", "write"),
    ],
)
async def test_everything_else_may_be_permitted(asked: Wanted) -> None:
    """Destructive outside production, and what can be taken back in it; the vote says how often and until when."""
    log, clock = MemoryLog(), StillClock()
    service = approvals(log, clock)
    approval = await service.open(asked)
    decided = await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=FIVE)
    assert (decided.uses, decided.used, decided.use_before) == (5, 0, clock.now + 600_000_000)
    vote = log.records[-1].data
    assert (vote["uses"], vote["use_before"]) == (5, decided.use_before)


@pytest.mark.parametrize(
    "permit",
    [
        Permit(1, 60),
        Permit(0, 60),
        Permit(-3, 60),
        Permit(MOST_USES + 1, 60),
        Permit(2, 59),
        Permit(2, MOST_S + 1),
    ],
)
async def test_a_permit_has_bounds(permit: Permit) -> None:
    """Neither endless nor for a day, whatever a client sends."""
    service = approvals(MemoryLog(), StillClock())
    approval = await service.open(_in("staging", "write"))
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=permit)
    assert caught.value.code == "permit_invalid"
    assert service.get(approval.id).status is ApprovalStatus.PENDING


@pytest.mark.parametrize("auth", ["link", "slack"])
async def test_a_link_and_a_click_approve_once(auth: str) -> None:
    """Whoever shows no session of ours permits no repeats."""
    service = approvals(MemoryLog(), StillClock())
    approval = await service.open(replace(_in("staging", "write"), obligations=Obligations(auth="link")))
    by = replace(ALICE, auth=auth)  # type: ignore[arg-type]  # a row of a table
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, Decision.APPROVE, by=by, permit=FIVE)
    assert caught.value.code == "permit_refused"


async def test_those_who_may_decide_may_withdraw() -> None:
    """What waits, what was approved and what is left of a permit; not the owner, not what is over."""
    log, clock = MemoryLog(), StillClock()
    service = approvals(log, clock)
    approval = await service.open(_in("staging", "write"))
    await service.decide(approval.id, Decision.APPROVE, by=ALICE, permit=FIVE)
    with pytest.raises(ApprovalError) as own:
        await service.withdraw(approval.id, by=replace(BOB, name="olga"))
    assert own.value.code == "own_approval"
    gone = await service.withdraw(approval.id, by=BOB)
    assert gone.status is ApprovalStatus.CANCELLED
    assert service.usable("olga/claude-code", approval.digest) is None
    record = log.records[-1]
    assert (record.kind, record.person, record.data["why"]) == ("approval.cancelled", "bob", "withdrawn")
    with pytest.raises(ApprovalError) as late:
        await service.withdraw(approval.id, by=BOB)
    assert late.value.code == "approval_decided"
