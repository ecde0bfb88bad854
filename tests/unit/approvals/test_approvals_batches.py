"""Batches: what is of one kind, what is approved in none, and what a vote in one leaves."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from firewall.approvals.batches import MOST, MOST_CHARS, InBatch, batches_in, kind_of, of_kind, refusal_of
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, subject, view, wanted

PRODUCTION = frozenset({"production"})
TAPPED = replace(ALICE, auth="passkey")


async def _opened(number: int = 0, log: MemoryLog | None = None, **changes: object) -> Approval:
    path = f"/srv/data/{number}"
    one = view(
        effects=("write",), resource=f"file:{path}", text=f"touch {path}", evidence=(), summary=f"Makes {path}"
    )
    plain: dict[str, object] = {
        "digest": f"{number:064}",
        "effects": ("write",),
        "subject": subject(actions=(one,), arguments=f"touch {path}"),
    }
    service = approvals(log or MemoryLog(), StillClock(), max_pending=1000, max_of_session=1000)
    return await service.open(replace(wanted(), **(plain | changes)))  # type: ignore[arg-type]  # tests name the fields


async def _refused(act: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(ApprovalError) as caught:
        await act
    return caught.value.code, caught.value.status


async def test_what_differs_in_its_name_alone_is_of_one_kind() -> None:
    """Another file of the same sort is; the texts may differ."""
    assert kind_of(await _opened(1)) == kind_of(await _opened(2)) is not None


async def test_an_approvers_form_is_of_no_kind() -> None:
    """The agent asked for no such call: its own page says so."""
    asked = await _opened(1)
    assert asked.subject is not None
    assert kind_of(replace(asked, subject=replace(asked.subject, edited="apr_1"))) is None


DIFFERS = {
    "run": {"token": "tok_2"},
    "requester": {"principal": "olga/other"},
    "environment": {"environment": "production"},
    "effects": {"effects": ("write", "exec")},
    "demands": {"obligations": Obligations(demands=(demand_of("dba"),))},
    "tool": {"subject": subject(actions=(view(),), tool="Write")},
    "row": {"subject": subject(actions=(view(),), row="policy.csv:15")},
}
ACTIONS = {
    "operation": {"operation": "shell:mv"},
    "place of an action": {"environment": "production"},
    "effect of an action": {"effects": ("destructive", "exec")},
    "sort of resource": {"resource": "volume:railway/vol_1"},
    "certainty": {"confidence": "guessed"},
    "what was not seen": {"unseen": ("what `$X` holds",)},
    "undo": {"undo": "mv back"},
    "scope": {"scope": "shared"},
}


@pytest.mark.parametrize("changes", DIFFERS.values(), ids=DIFFERS)
async def test_anything_else_is_another_kind(changes: dict[str, object]) -> None:
    """One difference is enough."""
    plain = await _opened(1, subject=subject(actions=(view(),)))
    assert kind_of(plain) != kind_of(await _opened(2, **({"subject": subject(actions=(view(),))} | changes)))


@pytest.mark.parametrize("changes", ACTIONS.values(), ids=ACTIONS)
async def test_one_action_that_differs_is_another_kind(changes: dict[str, object]) -> None:
    """Also where it is one of several."""
    plain = await _opened(1, subject=subject(actions=(view(), view())))
    other = await _opened(2, subject=subject(actions=(view(), view(**changes))))
    assert kind_of(plain) != kind_of(other)


async def test_what_cannot_be_read_or_has_moved_is_of_no_kind() -> None:
    """Nothing is alike to what nobody can read, nor to what is no longer as people were told."""
    found = await _opened(1)
    assert kind_of(replace(found, subject=None)) is None
    assert kind_of(replace(found, subject=subject(actions=()))) is None
    assert kind_of(replace(found, subject=subject(moved=(("replicas", "1", "3"),)))) is None
    assert of_kind(replace(found, subject=None), [replace(found, subject=None)], lambda _: True) == ([], 0)


async def test_a_page_is_bounded_by_number_and_by_what_is_to_be_read() -> None:
    """The oldest come first; who may not answer one does not see it there."""
    many = [replace(await _opened(number), opened_at=100 - number) for number in range(MOST + 5)]
    found, more = of_kind(many[0], many, lambda one: one != many[-1])
    assert (len(found), more) == (MOST, 4)
    assert found[0] == many[-2]
    assert [one.opened_at for one in found] == sorted(one.opened_at for one in found)
    long = subject(actions=(view(text="x" * (MOST_CHARS // 2)),), arguments="")
    large = [await _opened(number, subject=long) for number in range(3)]
    found, more = of_kind(large[0], large, lambda _: True)
    assert (len(found), more) == (1, 2)
    assert [count for _, count in batches_in([*many, *large])] == [MOST + 5, 3]
    assert batches_in([many[0], large[0]]) == []
    longer = subject(actions=(view(text="x" * MOST_CHARS),), arguments="")
    alone = [await _opened(number, subject=longer) for number in range(3)]
    assert batches_in(alone) == [], "each is shown on its own page alone"


GRAVE = {
    "typed": ({"obligations": Obligations(typed=True)}, "a name is typed"),
    "passkey": ({"obligations": Obligations(auth="passkey")}, "a tap of its own"),
    "quorum": ({"obligations": Obligations(demands=(demand_of("oncall", quorum=2),))}, "several people"),
    "two demands": ({"obligations": Obligations(demands=(demand_of("a"), demand_of("b")))}, "several people"),
    "production": ({"environment": "production", "effects": ("destructive",)}, "in production"),
    "nobody knows": ({"environment": "unresolved", "effects": ("privilege",)}, "in production"),
}


@pytest.mark.parametrize(("changes", "words"), GRAVE.values(), ids=GRAVE)
async def test_what_is_approved_once_at_a_time_is_in_no_batch(changes: dict[str, object], words: str) -> None:
    """It says why, and the service itself refuses it; denied it may be."""
    log = MemoryLog()
    found = await _opened(1, log, **changes)
    service = approvals(log, StillClock())
    assert words in refusal_of(found, BOB, PRODUCTION)
    batch = InBatch(found.digest, 2)
    act = service.decide(found.id, Decision.APPROVE, by=TAPPED, batch=batch)
    assert await _refused(act) == ("batch_refused", 403)
    assert service.get(found.id).status is ApprovalStatus.PENDING


async def test_a_denial_of_what_is_grave_may_be_one_of_many() -> None:
    """It only stops something."""
    log = MemoryLog()
    found = await _opened(1, log, environment="production", effects=("destructive",))
    service = approvals(log, StillClock())
    now = await service.decide(found.id, Decision.DENY, by=BOB, batch=InBatch(found.digest, 3))
    assert (now.status, now.votes[0].together) == (ApprovalStatus.DENIED, 3)


async def test_a_vote_says_how_many_it_was_given_with() -> None:
    """In its row and its entry; alone it says nothing; another digest than was shown is not answered."""
    log = MemoryLog()
    first, second = await _opened(1, log), await _opened(2, log)
    service = approvals(log, StillClock())
    stale = service.decide(first.id, Decision.APPROVE, by=BOB, batch=InBatch(second.digest, 2))
    assert await _refused(stale) == ("batch_changed", 409)
    beyond = service.decide(first.id, Decision.APPROVE, by=BOB, batch=InBatch(first.digest, MOST + 1))
    assert await _refused(beyond) == ("batch_changed", 409)
    await service.decide(first.id, Decision.APPROVE, by=BOB, batch=InBatch(first.digest, 2))
    await service.decide(second.id, Decision.APPROVE, by=BOB)
    voted = [record.data.get("together") for record in log.records if record.kind == "approval.voted"]
    assert voted == [2, None]
    assert [service.get(one.id).votes[0].together for one in (first, second)] == [2, 1]
