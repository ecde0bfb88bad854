"""What approvals rely on, held against the real writer and SQLite and against the fake of the tests alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from firewall.approvals.service import ApprovalRules, Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision, FormRun, FormState, Vote
from firewall.core.conversation import Conversation, Kept, Message, Part, PartKind, Source, written
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.ids import sha256_hex
from firewall.core.ports import ApprovalStore, Sequencer
from firewall.core.verdict import Obligations
from firewall.core.work import (
    BeginForm,
    CastVote,
    Committed,
    EndForm,
    HeedApproval,
    MoveApproval,
    OpenApproval,
    Record,
    Unit,
    Unmet,
    UseApproval,
)
from firewall.sequencer.opening import create, open_installation
from tests.support.approving import ALICE, START_US, MemoryLog, StillClock, Told, new_id, subject, wanted
from tests.support.guarding import places_in


@dataclass(slots=True)
class Ports:
    """One implementation of both ports."""

    sequencer: Sequencer
    store: ApprovalStore
    clock: StillClock


@pytest.fixture(params=["memory", "sqlite"])
async def ports(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ports]:
    """The fake, and the real thing on a file."""
    clock = StillClock()
    if request.param == "memory":
        log = MemoryLog()
        yield Ports(log, log, clock)
        return
    places = places_in(tmp_path)
    create(places)
    installation = open_installation(places, clock)
    yield Ports(installation.writer, installation.approving, clock)
    await installation.close()


def _pending(ports: Ports, **changes: object) -> Approval:
    plain = Approval(
        id=new_id(),
        status=ApprovalStatus.PENDING,
        digest="a" * 64,
        principal="prn_olga",
        token="tok_1",
        session="ses_1",
        environment="staging",
        effects=("destructive", "exec"),
        opened_at=ports.clock.now,
        expires_at=ports.clock.now + 1_000_000,
        subject=subject(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def _move(approval: Approval, expect: ApprovalStatus, become: ApprovalStatus, at: int, **more: object) -> Unit:
    step = MoveApproval(id=approval.id, expect=expect, become=become, at=at, **more)  # type: ignore[arg-type]  # rows of a table
    record = Record(kind="approval.voted", approval=approval.id, person="alice")
    return Unit(records=(record,), steps=(step,))


async def test_what_is_opened_is_read_back_whole(ports: Ports) -> None:
    """Every field survives, the subject with its actions and evidence too."""
    approval = _pending(ports)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5),))), Committed)
    assert ports.store.get(approval.id) == approval
    assert ports.store.listing("pending", 10) == [approval]
    assert ports.store.newest("pending", 10) == ports.store.newest(None, 10) == ([approval], "")
    assert ports.store.newest("denied", 10) == ([], "")
    assert ports.store.get("apr_nothing") is None


async def test_a_form_keeps_its_authors(ports: Ports) -> None:
    """From its opening, from the denial that joins it, and when the same requester asks for it again."""
    call, form = _pending(ports), _pending(ports, digest="f" * 64, authors=("per_anna",))
    for one in (call, form):
        await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 5),)))
    denied = {"by": "per_bert", "instead": form.id, "authors": ("per_bert",)}
    unit = _move(call, ApprovalStatus.PENDING, ApprovalStatus.DENIED, ports.clock.now, **denied)
    assert isinstance(await ports.sequencer.submit(unit), Committed)
    found = ports.store.get(form.id)
    assert found is not None
    assert found.authors == ("per_anna", "per_bert")
    assert isinstance(
        await ports.sequencer.submit(_move(form, ApprovalStatus.PENDING, ApprovalStatus.DENIED, 1)), Committed
    )
    same, other = _pending(ports, digest="f" * 64), _pending(ports, digest="f" * 64, principal="prn_oleg")
    for one in (same, other):
        assert isinstance(await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 5),))), Committed)
    again = [ports.store.get(one.id) for one in (same, other)]
    assert [one.authors for one in again if one] == [("per_anna", "per_bert"), ()]


async def test_what_waits_is_turned_page_by_page(ports: Ports) -> None:
    """The one whose time ends first on top, none twice, none left out; equal times too, and none that is over."""
    ends = (5, 3, 3, 9, 0, 7)
    made = [
        _pending(ports, digest=f"{at:064x}", opened_at=ports.clock.now + at, expires_at=ports.clock.now + end)
        for at, end in enumerate(ends)
    ]
    for one in made:
        await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 99),)))
    now = ports.clock.now
    wanted_ids = [one.id for one in sorted(made, key=lambda one: (one.expires_at, one.id)) if one.expires_at > now]
    seen: list[str] = []
    is_more = True
    while is_more:
        page, is_more = ports.store.waiting(now, 2, seen[-1] if seen else "")
        assert 0 < len(page) <= 2
        seen += [one.id for one in page]
    assert seen == wanted_ids
    assert ports.store.waits(now, 3) == (5, [made[5].id, made[3].id, made[2].id])
    assert ports.store.waits(now, 3, made[3].opened_at) == (5, [made[5].id, made[3].id])
    assert ports.store.waiting(now + 9, 2) == ([], False)


async def test_a_page_that_was_turned_goes_on_where_its_last_one_moved_on(ports: Ports) -> None:
    """Somebody answered the last of the page before, or its time is over: what follows is still shown."""
    first, second = (_pending(ports, digest=one * 64, expires_at=ports.clock.now + 5) for one in "ab")
    first, second = sorted((first, second), key=lambda one: one.id)
    for one in (first, second):
        await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 9),)))
    denied = _move(first, ApprovalStatus.PENDING, ApprovalStatus.DENIED, ports.clock.now, by="per_alice")
    assert isinstance(await ports.sequencer.submit(denied), Committed)
    assert ports.store.waiting(ports.clock.now, 2, first.id) == ([second], False)
    assert [one.id for one in ports.store.settled(5)] == [first.id]
    assert ports.store.waiting(ports.clock.now, 2, "apr_unknown") == ([second], False)


async def test_what_a_token_has_open_is_found(ports: Ports) -> None:
    """What waits and what was approved, of this token alone, and nothing that is settled."""
    now = ports.clock.now
    mine = [_pending(ports, digest=one * 64) for one in "abc"]
    other = _pending(ports, digest="d" * 64, token="tok_2")
    for one in (*mine, other):
        await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 9),)))
    pending = ApprovalStatus.PENDING
    vote = _move(mine[0], pending, ApprovalStatus.APPROVED, now, by="per_alice", use_before=now + 9)
    assert isinstance(await ports.sequencer.submit(vote), Committed)
    denied = _move(mine[1], pending, ApprovalStatus.DENIED, now, by="per_alice")
    assert isinstance(await ports.sequencer.submit(denied), Committed)
    assert sorted(ports.store.open_of("tok_1")) == sorted([mine[0].id, mine[2].id])
    assert ports.store.open_of("tok_3") == []


async def test_an_equal_pending_one_is_found(ports: Ports) -> None:
    """The same principal and digest is not opened twice while the first is pending and in time."""
    first = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(first, 5),)))
    outcome = await ports.sequencer.submit(Unit(steps=(OpenApproval(_pending(ports), 5),)))
    assert outcome == Unmet(0, "open_exists", found=first.id)
    ports.clock.forward(1)
    again = _pending(ports)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(OpenApproval(again, 5),))), Committed)


async def test_an_approved_one_is_found_until_it_is_used_or_too_old(ports: Ports) -> None:
    """A call that was judged a moment before people agreed joins what they agreed to, and asks nobody again."""
    first = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(first, 5),)))
    pending, approved = ApprovalStatus.PENDING, ApprovalStatus.APPROVED
    now = ports.clock.now
    vote = _move(first, pending, approved, now, by="per_alice", use_before=now + 2_000_000)
    assert isinstance(await ports.sequencer.submit(vote), Committed)
    again = OpenApproval(_pending(ports), 5)
    assert await ports.sequencer.submit(Unit(steps=(again,))) == Unmet(0, "open_exists", found=first.id)
    ports.clock.forward(2)
    late = OpenApproval(_pending(ports), 5)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(late,))), Committed)
    used = OpenApproval(_pending(ports, digest="b" * 64), 5)
    await ports.sequencer.submit(Unit(steps=(used,)))
    vote = _move(used.approval, pending, approved, now, by="per_alice", use_before=now + 9_000_000)
    await ports.sequencer.submit(vote)
    await ports.sequencer.submit(_move(used.approval, approved, ApprovalStatus.CONSUMED, now))
    after = OpenApproval(_pending(ports, digest="b" * 64), 5)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(after,))), Committed)


async def test_a_denied_one_is_found_while_its_time_runs(ports: Ports) -> None:
    """Of exactly this call and principal, however short the cool-down, not where people were asked anew."""
    pending, denied = ApprovalStatus.PENDING, ApprovalStatus.DENIED

    async def opened(approval: Approval, *, heeds: bool = True) -> object:
        return await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5, heeds_denial=heeds),)))

    first = _pending(ports, expires_at=ports.clock.now + 5_000_000)
    assert isinstance(await opened(first), Committed)
    await ports.sequencer.submit(_move(first, pending, denied, ports.clock.now, by="per_alice", reason="not now"))
    assert await opened(_pending(ports)) == Unmet(0, "denied_before", found=first.id)
    for other in ({"principal": "prn_pia"}, {"digest": "b" * 64}):
        assert isinstance(await opened(_pending(ports, **other)), Committed)
    ports.clock.forward(1)
    again = _pending(ports)
    assert isinstance(await opened(again, heeds=False), Committed)
    await ports.sequencer.submit(_move(again, pending, ApprovalStatus.CANCELLED, ports.clock.now))
    third = _pending(ports)
    assert isinstance(await opened(third), Committed)
    await ports.sequencer.submit(_move(third, pending, denied, ports.clock.now, by="per_alice"))
    assert await opened(_pending(ports)) == Unmet(0, "denied_before", found=third.id)
    ports.clock.forward(2)
    assert isinstance(await opened(_pending(ports)), Committed)


async def test_pending_ones_are_capped_per_principal(ports: Ports) -> None:
    """One over the cap is unmet; another principal has its own."""
    for digest in "ab":
        opened = OpenApproval(_pending(ports, digest=digest * 64), 2)
        assert isinstance(await ports.sequencer.submit(Unit(steps=(opened,))), Committed)
    third = OpenApproval(_pending(ports, digest="c" * 64), 2)
    assert await ports.sequencer.submit(Unit(steps=(third,))) == Unmet(0, "too_many_pending")
    other = OpenApproval(_pending(ports, digest="c" * 64, principal="prn_pia"), 2)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(other,))), Committed)


async def test_a_form_is_under_way_once_and_holds_the_approval_back(ports: Ports) -> None:
    """Begun only for what is pending with its digest; nothing is approved meanwhile; its end can rebind it."""
    approval = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5),)))
    begin = BeginForm(approval.id, approval.digest, 1, "per_alice", START_US, 0, -1)
    moved_on = Unmet(0, "moved_on", found=approval.id)
    end = EndForm(approval.id, FormState.DONE, START_US + 5, 201, "note")
    overtaken = (replace(begin, votes=1), replace(begin, roster=7))
    for wrong in (replace(begin, digest="0" * 64), replace(begin, at=approval.expires_at), end, *overtaken):
        assert await ports.sequencer.submit(Unit(steps=(wrong,))) == moved_on
    assert isinstance(await ports.sequencer.submit(Unit(steps=(begin,))), Committed)
    assert ports.store.begun() == [approval.id]
    pending, approved = ApprovalStatus.PENDING, ApprovalStatus.APPROVED
    vote = _move(approval, pending, approved, START_US, by="per_alice", use_before=START_US + 50, rebind="e" * 64)
    assert await ports.sequencer.submit(Unit(steps=(begin,))) == moved_on
    assert await ports.sequencer.submit(vote) == moved_on
    both = Unit(records=vote.records, steps=(end, *vote.steps))
    assert isinstance(await ports.sequencer.submit(both), Committed)
    found = ports.store.get(approval.id)
    assert found is not None
    assert (found.status, found.digest) == (approved, "e" * 64)
    assert found.runs == (
        FormRun(1, 1, FormState.DONE, 201, "note", by="per_alice", begun_at=START_US, ended_at=START_US + 5),
    )
    assert ports.store.begun() == []
    assert await ports.sequencer.submit(Unit(steps=(begin,))) == moved_on


async def test_a_move_needs_the_expected_state_digest_and_time(ports: Ports) -> None:
    """From elsewhere, with another digest, or too late, a move is unmet and nothing of its unit is kept."""
    approval = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5),)))
    pending, approved, consumed = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED
    late = approval.expires_at
    for unit in (
        _move(approval, approved, consumed, START_US),
        _move(approval, pending, approved, START_US, digest="0" * 64),
        _move(approval, pending, approved, late, by="per_alice"),
        _move(approval, pending, ApprovalStatus.EXPIRED, late - 1),
    ):
        assert await ports.sequencer.submit(unit) == Unmet(0, "moved_on", found=approval.id)
    assert ports.store.get(approval.id) == approval
    use_before = START_US + 50
    vote = _move(approval, pending, approved, START_US, by="per_alice", use_before=use_before, reason="fine")
    assert isinstance(await ports.sequencer.submit(vote), Committed)
    decided = ports.store.get(approval.id)
    assert decided is not None
    assert (decided.status, decided.decided_by, decided.decided_at) == (approved, "per_alice", START_US)
    assert (decided.use_before, decided.reason) == (use_before, "fine")
    assert ports.store.usable("prn_olga", "a" * 64, START_US) == decided
    assert ports.store.usable("prn_olga", "a" * 64, use_before) is None
    assert ports.store.due(use_before - 1) == []
    assert ports.store.due(use_before) == [approval.id]
    late_use = _move(approval, approved, consumed, use_before, digest="a" * 64)
    assert isinstance(await ports.sequencer.submit(late_use), Unmet)
    use = _move(approval, approved, consumed, START_US + 1, digest="a" * 64)
    assert isinstance(await ports.sequencer.submit(use), Committed)
    assert isinstance(await ports.sequencer.submit(use), Unmet)


async def test_what_waits_beside_an_approval_is_opened_only_where_it_is_short(ports: Ports) -> None:
    """Of its token, in its place, with its effects, oldest first; the others are counted, or are not its like."""
    others: list[dict[str, object]] = [
        {"subject": subject(arguments="y" * 9_000)},
        {"token": "tok_2"},
        {"environment": "dev"},
        {"effects": ("exec",)},
        {"expires_at": START_US},
        {},
    ]
    found = [
        _pending(ports, digest=f"{at:064}", opened_at=START_US - at, **one) for at, one in enumerate([{}, *others])
    ]
    for one in found:
        assert isinstance(await ports.sequencer.submit(Unit(steps=(OpenApproval(one, 9),))), Committed)
    shorts, left = ports.store.alike(found[0], START_US, 8_000)
    assert (shorts, left) == ([found[-1], found[0]], 1)
    large = ports.store.glance(found[1].id)
    assert large is not None
    assert (large[0], large[1] > 9_000) == (ApprovalStatus.PENDING, True)
    assert ports.store.glance("apr_nothing") is None


async def test_the_service_works_over_both(ports: Ports) -> None:
    """Open, wait, decide, use and refuse a second use, with every text sealed and opened on the way."""
    service = Approvals(
        sequencer=ports.sequencer,
        store=ports.store,
        clock=ports.clock,
        rules=ApprovalRules(),
        notifier=Told(),
        new_id=new_id,
    )
    approval = await service.open(wanted())
    waiting = asyncio.create_task(service.wait(approval.id, until_us=ports.clock.now + 60_000_000))
    await asyncio.sleep(0)
    await service.viewed(approval.id, by="alice")
    outcomes = await asyncio.gather(
        *(service.decide(approval.id, decision, by=ALICE, reason="because") for decision in Decision),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Approval) for one in outcomes) == 1
    assert sum(isinstance(one, ApprovalError) for one in outcomes) == 1
    decided = await asyncio.wait_for(waiting, 30)
    assert decided.reason == "because"
    assert decided.subject == subject()
    assert service.is_of(decided, "olga/claude-code")
    assert service.was_decided_by(decided, "alice")
    second = await service.open(replace(wanted(), digest="e" * 64))
    await service.decide(second.id, Decision.APPROVE, by=ALICE)
    usable = service.usable("olga/claude-code", "e" * 64)
    assert usable is not None
    step, record = service.consume_step(usable)
    unit = Unit(records=(record,), steps=(step,))
    assert isinstance(await ports.sequencer.submit(unit), Committed)
    assert isinstance(await ports.sequencer.submit(unit), Unmet)
    ports.clock.forward(3600)
    assert await service.sweep() == 1
    third = await service.open(replace(wanted(), digest="f" * 64))
    assert await service.cancel_of_token("tok_1") == 1
    assert service.get(third.id).status is ApprovalStatus.CANCELLED


async def test_a_vote_is_kept_only_as_it_was_weighed(ports: Ports) -> None:
    """Its number, the digest, the time and the rights are those that the caller saw, or nothing is kept."""
    asked = Obligations(demands=(demand_of("oncall", quorum=2),), auth="passkey", typed=True)
    approval = _pending(ports, obligations=asked)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5),)))
    vote = Vote(1, "per_alice", Decision.APPROVE, START_US, "passkey", ("dba", "oncall"), 3)
    cast = CastVote(approval.id, approval.digest, vote, -1)
    for wrong in (
        replace(cast, approval="apr_nothing"),
        replace(cast, digest="0" * 64),
        replace(cast, roster=7),
        replace(cast, vote=replace(vote, number=2)),
        replace(cast, vote=replace(vote, at=approval.expires_at)),
    ):
        outcome = await ports.sequencer.submit(Unit(steps=(wrong,)))
        assert outcome == Unmet(0, "moved_on", found=wrong.approval)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(cast,))), Committed)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(cast,))), Unmet)
    move = MoveApproval(approval.id, ApprovalStatus.PENDING, ApprovalStatus.APPROVED, START_US, by="per_bob")
    late = replace(cast, vote=replace(vote, number=1, voter="per_bob"))
    assert isinstance(await ports.sequencer.submit(Unit(steps=(move, late))), Unmet)
    second = replace(cast, vote=replace(vote, number=2, voter="per_bob", groups=()))
    assert isinstance(await ports.sequencer.submit(Unit(steps=(second, move))), Committed)
    found = ports.store.get(approval.id)
    assert found is not None
    assert (found.votes, found.obligations) == ((vote, second.vote), asked)
    assert found.status is ApprovalStatus.APPROVED
    assert ports.store.listing(None, 5)[0].votes == found.votes
    third = replace(cast, vote=replace(vote, number=3))
    assert isinstance(await ports.sequencer.submit(Unit(steps=(third,))), Unmet)


async def test_nobody_votes_for_what_a_form_holds_back(ports: Ports) -> None:
    """While a form is under way only a denial is kept."""
    approval = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 5),)))
    await ports.sequencer.submit(
        Unit(steps=(BeginForm(approval.id, approval.digest, 1, "per_alice", START_US, 0, -1),))
    )
    vote = Vote(1, "per_alice", Decision.APPROVE, START_US, "passphrase")
    cast = CastVote(approval.id, approval.digest, vote, -1)
    assert isinstance(await ports.sequencer.submit(Unit(steps=(cast,))), Unmet)
    denial = replace(cast, vote=replace(vote, decision=Decision.DENY))
    assert isinstance(await ports.sequencer.submit(Unit(steps=(denial,))), Committed)


async def test_what_one_agent_asked_before_is_found_newest_first(ports: Ports) -> None:
    """Of the same requester alone, not itself, and no more than asked for."""
    made = []
    for number, digest in enumerate("abcd"):
        approval = replace(_pending(ports, digest=digest * 64), opened_at=START_US + number)
        await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 9),)))
        made.append(approval)
    other = _pending(ports, digest="e" * 64, principal="prn_pia")
    await ports.sequencer.submit(Unit(steps=(OpenApproval(other, 9),)))
    assert [one.id for one in ports.store.earlier(made[3], 2)] == [made[2].id, made[1].id]
    assert [one.id for one in ports.store.earlier(made[1], 9)] == [made[0].id]
    assert ports.store.earlier(made[2], 1)[0].subject == made[1].subject
    assert ports.store.earlier(other, 9) == []


async def test_a_permit_is_used_so_often_and_never_after_its_time(ports: Ports) -> None:
    """Each use names how often it was used before; the last consumes; nothing passes late or of another digest."""
    approval, at = _pending(ports), ports.clock.now
    await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 20),)))
    end = at + 60_000_000
    await ports.sequencer.submit(
        _move(approval, ApprovalStatus.PENDING, ApprovalStatus.APPROVED, at, by="prn_a", use_before=end, uses=3)
    )

    async def use(used: int, *, digest: str = approval.digest, when: int = at) -> bool:
        step = UseApproval(approval.id, digest, when, used)
        return isinstance(await ports.sequencer.submit(Unit(steps=(step,))), Committed)

    def last(used: int, when: int) -> Unit:
        return _move(
            approval, ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED, when, digest=approval.digest, used=used
        )

    assert not await use(1)
    assert not await use(0, digest="b" * 64)
    assert not await use(0, when=end)
    assert await use(0)
    assert not await use(0)
    assert isinstance(await ports.sequencer.submit(last(0, at)), Unmet)
    assert await use(1)
    assert not await use(2), "the last use consumes"
    assert isinstance(await ports.sequencer.submit(last(2, end)), Unmet)
    assert isinstance(await ports.sequencer.submit(last(2, at)), Committed)
    stored = ports.store.get(approval.id)
    assert stored is not None
    assert (stored.status, stored.uses, stored.used) == (ApprovalStatus.CONSUMED, 3, 3)
    assert not await use(3)


async def test_what_led_to_a_call_is_kept_with_it_or_not_at_all(ports: Ports) -> None:
    """It is there for the approval that was opened; one that was only joined keeps the first."""
    told = Conversation(Source.CALL, (Message(3, "user", (Part(PartKind.TEXT, "", "clean up", 5, "!"),)),))
    first, bare = _pending(ports), _pending(ports, digest="b" * 64)
    data = written(told, "salt")
    await ports.sequencer.submit(Unit(steps=(OpenApproval(first, 5, conversation=data),)))
    await ports.sequencer.submit(Unit(steps=(OpenApproval(bare, 5),)))
    joined = _pending(ports)
    await ports.sequencer.submit(Unit(steps=(OpenApproval(joined, 5, conversation=written(told, "other")),)))
    assert ports.store.conversation(first.id) == Kept(told, sha256_hex(data))
    assert [ports.store.has_conversation(one.id) for one in (first, bare, joined)] == [True, False, False]
    assert ports.store.conversation(bare.id) is None


async def test_what_was_taken_back_is_heeded(ports: Ports) -> None:
    """What was approved or used stands until it is withdrawn, expired or denied, or a right changed."""
    at, statuses = ports.clock.now, ApprovalStatus

    async def stands(approval: Approval, roster: int = -1) -> bool:
        step = HeedApproval(approval.id, "tok_1", roster)
        return isinstance(await ports.sequencer.submit(Unit(steps=(step,))), Committed)

    async def moved(approval: Approval, expect: ApprovalStatus, become: ApprovalStatus, when: int = at) -> None:
        unit = _move(approval, expect, become, when, use_before=at + 9 if become is statuses.APPROVED else 0)
        assert isinstance(await ports.sequencer.submit(unit), Committed)

    found = {}
    for end in (statuses.CONSUMED, statuses.CANCELLED, statuses.EXPIRED):
        approval = _pending(ports, digest=end.value)
        await ports.sequencer.submit(Unit(steps=(OpenApproval(approval, 20),)))
        assert not await stands(approval)
        await moved(approval, statuses.PENDING, statuses.APPROVED)
        assert await stands(approval)
        assert not await stands(approval, roster=7)
        await moved(approval, statuses.APPROVED, end, at + 9 if end is statuses.EXPIRED else at)
        found[end.value] = await stands(approval)
    assert found == {"consumed": True, "cancelled": False, "expired": False}
    assert not await stands(_pending(ports))
