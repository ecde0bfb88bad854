"""Approvals over a log in memory: states, waiting, limits, who may answer."""

import asyncio
from dataclasses import replace

import pytest

from firewall.approvals.people import Approver
from firewall.core.approval import Approval, ApprovalStatus, Decision, Subject
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError, StoreError
from firewall.core.verdict import Obligations
from firewall.core.work import Committed, Unit, Unmet
from firewall.sequencer.sealing import subject_json
from tests.support.approving import (
    ALICE,
    BOB,
    ROOT,
    MemoryLog,
    StillClock,
    Told,
    approvals,
    subject,
    until,
    view,
    wanted,
)

MINUTE = 60_000_000


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory."""
    return MemoryLog()


@pytest.fixture
def clock() -> StillClock:
    """Time that stands still."""
    return StillClock()


async def test_opening_is_recorded_in_the_same_unit(log: MemoryLog, clock: StillClock) -> None:
    """An approval exists exactly when its entry does, and the entry shows no name outside its sealed part."""
    approval = await approvals(log, clock).open(wanted())
    assert log.kinds == ["approval.opened"]
    record = log.records[0]
    assert record.approval == approval.id
    assert record.person == "olga"
    plain = str(dict(record.data))
    assert "olga" not in plain
    assert "/srv/data" not in plain
    assert log.rows[approval.id].principal == log.pseudonym("olga/claude-code")


async def test_an_equal_call_joins_the_pending_approval(log: MemoryLog, clock: StillClock) -> None:
    """58: A re-sent request opens nothing new and tells nobody twice."""
    told = Told()
    service = approvals(log, clock, told)
    first = await service.open(wanted())
    second = await service.open(wanted())
    assert second.id == first.id
    assert log.kinds == ["approval.opened"]


async def test_too_many_pending_are_refused_and_recorded_once_a_minute(log: MemoryLog, clock: StillClock) -> None:
    """58: A flood of calls becomes neither a flood of approvals nor one of entries."""
    service = approvals(log, clock, max_pending=2)
    for digest in "ab":
        await service.open(replace(wanted(), digest=digest * 64))
    for digest in "cde":
        with pytest.raises(ApprovalError) as caught:
            await service.open(replace(wanted(), digest=digest * 64))
        assert (caught.value.code, caught.value.status) == ("too_many_pending", 429)
    assert log.kinds.count("limit.hit") == 1
    clock.forward(60)
    with pytest.raises(ApprovalError):
        await service.open(replace(wanted(), digest="f" * 64))
    assert log.kinds.count("limit.hit") == 2
    other = await service.open(replace(wanted(), principal="pia/codex"))
    assert other.status is ApprovalStatus.PENDING


async def test_a_row_can_shorten_the_time(log: MemoryLog, clock: StillClock) -> None:
    """The row's ttl obligation counts from opening, in place of the configured one."""
    approval = await approvals(log, clock).open(replace(wanted(), obligations=Obligations(ttl_s=60)))
    assert approval.expires_at - approval.opened_at == MINUTE


@pytest.mark.parametrize("decision", list(Decision))
async def test_a_decision_wakes_the_waiting_call(log: MemoryLog, clock: StillClock, decision: Decision) -> None:
    """Whoever waits learns of a decision without polling."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    waiting = [asyncio.create_task(service.wait(approval.id, until_us=clock.now + MINUTE)) for _ in range(3)]
    await asyncio.sleep(0)
    decided = await service.decide(approval.id, decision, by=ALICE, reason="no\u202e\x1b[31m\nreason ")
    found = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert {one.status for one in found} == {decided.status}
    assert decided.reason == "no[31m reason"
    assert decided.decided_by == log.pseudonym("alice")
    assert log.kinds == ["approval.opened", "approval.voted"]
    assert not service._waiters


async def test_a_reason_is_capped(log: MemoryLog, clock: StillClock) -> None:
    """At most 500 characters of a reason are kept."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    decided = await service.decide(approval.id, Decision.DENY, by=ALICE, reason="x" * 10_000)
    assert len(decided.reason) == 500


async def test_a_wait_ends_at_its_own_time_with_the_call_still_pending(log: MemoryLog, clock: StillClock) -> None:
    """The end of a hold decides nothing."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    found = await service.wait(approval.id, until_us=clock.now + 20_000)
    assert found.status is ApprovalStatus.PENDING


async def test_waits_end_when_the_server_stops(log: MemoryLog, clock: StillClock) -> None:
    """Those that are under way and those that begin later; nothing is decided by it."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    waiting = asyncio.create_task(service.wait(approval.id, until_us=clock.now + 3600 * 1_000_000))
    await asyncio.sleep(0)
    service.drain()
    found = [await asyncio.wait_for(waiting, 30)]
    found.append(await asyncio.wait_for(service.wait(approval.id, until_us=clock.now + 3600 * 1_000_000), 30))
    assert [one.status for one in found] == [ApprovalStatus.PENDING] * 2


async def test_a_wait_that_meets_the_end_of_time_expires_the_approval(log: MemoryLog, clock: StillClock) -> None:
    """Expiry is recorded by whoever notices it, without waiting for the sweeper."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    clock.forward(1800)
    found = await service.wait(approval.id, until_us=clock.now + MINUTE)
    assert found.status is ApprovalStatus.EXPIRED
    assert log.kinds[-1] == "approval.expired"


async def test_the_sweeper_expires_what_is_overdue_and_wakes(log: MemoryLog, clock: StillClock) -> None:
    """Pending ones expire at their ttl, approved ones when they were not used in time; both are entries."""
    service = approvals(log, clock)
    pending = await service.open(wanted())
    used_late = await service.open(replace(wanted(), digest="e" * 64))
    await service.decide(used_late.id, Decision.APPROVE, by=ALICE)
    clock.forward(601)
    assert await service.sweep() == 1
    assert service.get(used_late.id).status is ApprovalStatus.EXPIRED
    waiting = asyncio.create_task(service.wait(pending.id, until_us=clock.now + 3600 * 1_000_000))
    await asyncio.sleep(0)
    clock.forward(1800)
    assert await service.sweep() == 1
    assert (await asyncio.wait_for(waiting, 30)).status is ApprovalStatus.EXPIRED
    assert log.kinds.count("approval.expired") == 2


async def test_the_second_decision_is_refused(log: MemoryLog, clock: StillClock) -> None:
    """A double click or a race leaves exactly one decision."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    outcomes = await asyncio.gather(
        *(service.decide(approval.id, decision, by=by) for decision in Decision for by in (ALICE, BOB, ROOT)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Approval) for one in outcomes) == 1
    assert {one.code for one in outcomes if isinstance(one, ApprovalError)} == {"approval_decided"}
    assert log.kinds.count("approval.voted") == 1


async def test_after_its_time_nothing_can_be_decided(log: MemoryLog, clock: StillClock) -> None:
    """Late is expired, which is neither approved nor denied."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    clock.forward(1800)
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, Decision.APPROVE, by=ALICE)
    assert caught.value.code == "approval_expired"
    assert service.get(approval.id).status is ApprovalStatus.EXPIRED


async def test_an_unknown_approval_is_404(log: MemoryLog, clock: StillClock) -> None:
    """What does not exist is told as such to those who may ask."""
    with pytest.raises(ApprovalError) as caught:
        await approvals(log, clock).decide("apr_0000000000000000000000", Decision.DENY, by=ALICE)
    assert (caught.value.code, caught.value.status) == ("approval_unknown", 404)


OLGA = Approver("olga", "approver", ("oncall",))


@pytest.mark.parametrize(
    ("by", "solo", "environment", "group", "code"),
    [
        (ALICE, False, "staging", "", None),
        (ROOT, False, "production", "", None),
        (OLGA, False, "staging", "", "own_approval"),
        (OLGA, True, "staging", "", None),
        (OLGA, True, "production", "", "own_approval"),
        (OLGA, True, "Production", "", "own_approval"),
        (OLGA, True, "unresolved", "", "own_approval"),
        (OLGA, True, "Unresolved", "", "own_approval"),
        (OLGA, True, "", "", "own_approval"),
        (ALICE, False, "unresolved", "", None),
        (Approver(" OLGA ", "admin"), False, "staging", "", "own_approval"),
        (Approver("o", "admin", aliases=("olga",)), False, "staging", "", "own_approval"),
        (ALICE, False, "staging", "oncall", None),
        (BOB, False, "staging", "oncall", "approver_not_permitted"),
        (ROOT, False, "staging", "oncall", "approver_not_permitted"),
        (Approver("prometheus", "service"), False, "staging", "", "approver_not_permitted"),
        (Approver("vera", "viewer"), True, "staging", "", "approver_not_permitted"),
    ],
)
async def test_who_may_answer(
    log: MemoryLog, clock: StillClock, by: Approver, *, solo: bool, environment: str, group: str, code: str | None
) -> None:
    """Four eyes, groups and roles hold for approving and denying alike; solo never in production."""
    service = approvals(log, clock, solo=solo)
    asked = Obligations(demands=(demand_of(group),) if group else ())
    approval = await service.open(replace(wanted(), environment=environment, obligations=asked))
    refusal = service.may_decide(approval, by)
    assert (refusal.code if refusal else None) == code
    for decision in Decision:
        if code is None:
            continue
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, decision, by=by)
        assert (caught.value.code, caught.value.status) == (code, 403)
    if code is None:
        decided = await service.decide(approval.id, Decision.APPROVE, by=by)
        assert decided.self_approved is (by is OLGA)
        assert log.records[-1].data["self_approved"] is (by is OLGA)


async def test_one_production_action_is_enough_against_solo(log: MemoryLog, clock: StillClock) -> None:
    """A call that lands in production among other places is production."""
    service = approvals(log, clock, solo=True)
    approval = await service.open(replace(wanted(), subject=subject(actions=(view(), view(environment="prod")))))
    refusal = service.may_decide(approval, OLGA)
    assert refusal is not None
    assert refusal.code == "own_approval"


async def test_an_unknown_place_is_production_for_solo_where_there_is_one(
    log: MemoryLog, clock: StillClock
) -> None:
    """31: the owner answers for a call without a place only where nothing of his could be production."""
    known = approvals(log, clock, solo=True)
    first = await known.open(replace(wanted(), subject=subject(actions=(view(), view(environment="unresolved")))))
    refusal = known.may_decide(first, OLGA)
    assert refusal is not None
    assert (refusal.code, "may land in production" in refusal.public) == ("own_approval", True)
    asked: list[str] = []

    def nothing_is(approval: Approval) -> bool:
        asked.append(approval.id)
        return False

    bare = approvals(log, clock, solo=True, may_be_production=nothing_is)
    assert bare.may_decide(first, OLGA) is None
    assert set(asked) == {first.id}
    landed = replace(wanted(), digest="e" * 64, environment="production")
    refusal = bare.may_decide(await bare.open(landed), OLGA)
    assert refusal is not None
    strict = approvals(log, clock, may_be_production=nothing_is)
    refusal = strict.may_decide(first, OLGA)
    assert refusal is not None
    assert refusal.public == "this is your own agent's call: somebody else decides"


async def test_what_cannot_be_read_cannot_be_answered(log: MemoryLog, clock: StillClock) -> None:
    """After an erasure nobody approves a call that nobody can see."""
    service = approvals(log, clock, solo=True)
    approval = await service.open(wanted())
    log.rows[approval.id] = replace(approval, subject=None)
    for by in (ALICE, ROOT, OLGA):
        with pytest.raises(ApprovalError) as caught:
            await service.decide(approval.id, Decision.APPROVE, by=by)
        assert caught.value.code == "approver_not_permitted"


async def test_an_approval_is_usable_once_by_its_own_principal_and_digest(
    log: MemoryLog, clock: StillClock
) -> None:
    """Consumption is a step for the guard's unit: the second use, another digest and a late use find nothing."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    assert service.usable("olga/claude-code", approval.digest) is None
    await service.decide(approval.id, Decision.APPROVE, by=ALICE)
    assert service.usable("pia/codex", approval.digest) is None
    assert service.usable("olga/claude-code", "0" * 64) is None
    usable = service.usable("olga/claude-code", approval.digest)
    assert usable is not None
    step, record = service.consume_step(usable)
    unit = Unit(records=(record,), steps=(step,))
    assert isinstance(await log.submit(unit), Committed)
    assert isinstance(await log.submit(unit), Unmet)
    assert log.kinds.count("approval.consumed") == 1
    assert service.usable("olga/claude-code", approval.digest) is None
    with pytest.raises(ApprovalError) as caught:
        await service.decide(approval.id, Decision.APPROVE, by=ALICE)
    assert caught.value.code == "approval_decided"


async def test_an_unused_approval_is_not_usable_after_its_time(log: MemoryLog, clock: StillClock) -> None:
    """use_within counts from the decision; the sweeper is not needed for it."""
    service = approvals(log, clock, use_within_s=60)
    approval = await service.open(wanted())
    await service.decide(approval.id, Decision.APPROVE, by=ALICE)
    usable = service.usable("olga/claude-code", approval.digest)
    assert usable is not None
    clock.forward(60)
    assert service.usable("olga/claude-code", approval.digest) is None
    step, record = service.consume_step(usable)
    assert isinstance(await log.submit(Unit(records=(record,), steps=(step,))), Unmet)


async def test_revoking_a_token_withdraws_what_it_has(log: MemoryLog, clock: StillClock) -> None:
    """Pending and approved ones of that token end, those of others stay, and waiting calls learn of it."""
    service = approvals(log, clock)
    pending = await service.open(wanted())
    approved = await service.open(replace(wanted(), digest="e" * 64))
    other = await service.open(replace(wanted(), digest="f" * 64, token="tok_2"))
    await service.decide(approved.id, Decision.APPROVE, by=ALICE)
    waiting = asyncio.create_task(service.wait(pending.id, until_us=clock.now + MINUTE))
    await asyncio.sleep(0)
    assert await service.cancel_of_token("tok_1") == 2
    assert (await asyncio.wait_for(waiting, 30)).status is ApprovalStatus.CANCELLED
    assert service.get(approved.id).status is ApprovalStatus.CANCELLED
    assert service.get(other.id).status is ApprovalStatus.PENDING
    assert log.kinds.count("approval.cancelled") == 2
    with pytest.raises(ApprovalError):
        await service.decide(pending.id, Decision.APPROVE, by=ALICE)


async def test_a_settled_approval_cannot_be_cancelled(log: MemoryLog, clock: StillClock) -> None:
    """What was denied stays denied."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    await service.decide(approval.id, Decision.DENY, by=ALICE)
    assert (await service.cancel(approval.id)).status is ApprovalStatus.DENIED


async def test_without_the_log_nothing_is_opened_decided_or_shown(log: MemoryLog, clock: StillClock) -> None:
    """A log that takes no write closes every way forward."""
    service = approvals(log, clock)
    approval = await service.open(wanted())
    log.is_failing = True
    with pytest.raises(StoreError):
        await service.open(replace(wanted(), digest="e" * 64))
    with pytest.raises(StoreError):
        await service.decide(approval.id, Decision.APPROVE, by=ALICE)
    with pytest.raises(StoreError):
        await service.viewed(approval.id, by="alice")
    log.is_failing = False
    assert service.get(approval.id).status is ApprovalStatus.PENDING


async def test_people_are_told_that_it_waits_that_it_is_read_and_how_it_ended(
    log: MemoryLog, clock: StillClock
) -> None:
    """Notifying is nobody's wait; a joined request is told once, a look without a say calls nobody off."""
    told = Told()
    service = approvals(log, clock, told, public_url="https://stayhand.example/")
    first = await service.open(wanted())
    assert await service.open(wanted()) == first
    second = await service.open(replace(wanted(), digest="e" * 64))
    assert [one.address for one in told.told] == [
        f"https://stayhand.example/approve/{one.id}" for one in (first, second)
    ]
    await service.viewed(first.id, by="olga")
    assert told.seen_ones == []
    await service.viewed(first.id, by="alice", may_decide=True)
    assert told.seen_ones == [first.id]
    await service.decide(first.id, Decision.DENY, by=ALICE)
    await service.cancel(second.id)
    assert told.endings == [(first.id, ApprovalStatus.DENIED), (second.id, ApprovalStatus.CANCELLED)]


async def test_what_waited_before_the_start_is_announced_again(log: MemoryLog, clock: StillClock) -> None:
    """A server that stopped before anybody was told tells when it begins; what is overdue it expires first."""
    late = await approvals(log, clock).open(wanted())
    clock.forward(1801)
    waiting = await approvals(log, clock).open(replace(wanted(), digest="e" * 64))
    told = Told()
    running = asyncio.create_task(approvals(log, clock, told).run())
    await until(lambda: bool(told.resumed))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [one.id for one in told.resumed] == [waiting.id]
    assert told.endings == [(late.id, ApprovalStatus.EXPIRED)]


@pytest.mark.parametrize(
    "large",
    [
        subject(actions=(view(text="x" * 2_500_000),), arguments="y" * 2_500_000),
        subject(arguments="\u00e9" * 2_100_000),
        subject(arguments="\x01" * 700_000),
        subject(actions=tuple(view(text=str(at), undo="u" * 50_000) for at in range(100))),
    ],
    ids=["characters", "bytes of a letter", "control characters", "what stands beside texts"],
)
async def test_a_call_that_nobody_could_read_is_refused(log: MemoryLog, clock: StillClock, large: Subject) -> None:
    """83: Megabytes, as they are stored, are not asked about: no page, no store and no person carries them."""
    with pytest.raises(ApprovalError) as caught:
        await approvals(log, clock).open(wanted(subject=large))
    assert (caught.value.code, caught.value.status) == ("call_too_large", 413)
    assert log.kinds == []


async def test_what_actions_share_is_counted_and_stored_once(log: MemoryLog, clock: StillClock) -> None:
    """A long script with many commands is asked about: its text is not stored once for each of them."""
    script = "kubectl delete pod shop\n" * 1_600
    held = subject(actions=tuple(view(text=script, operation=f"o{at}") for at in range(112)), arguments=script)
    approval = await approvals(log, clock).open(wanted(subject=held))
    assert approval.subject == held
    assert len(subject_json(held)) < 4 * len(script)
