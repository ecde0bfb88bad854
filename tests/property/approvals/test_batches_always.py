"""Whatever is chosen, changed or answered meanwhile: each of a batch has one answer, for what was shown of it."""

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.approvals.batches import InBatch, refusal_of
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, subject, view, wanted

EFFECTS = st.sampled_from([("write",), ("destructive",), ("privilege", "write"), ("secret",)])
ASKS = st.sampled_from([Obligations(), Obligations(typed=True), Obligations(auth="passkey")])
ITEM = st.tuples(EFFECTS, st.sampled_from(["staging", "production", "unresolved"]), ASKS)
DECISION = st.sampled_from([Decision.APPROVE, Decision.DENY])


async def _answer(service: Approvals, one: Approval, decision: Decision, batch: InBatch, turns: int) -> bool:
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        await service.decide(one.id, decision, by=ALICE, batch=batch)
    except ApprovalError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(ITEM, min_size=1, max_size=6),
    decision=DECISION,
    stale=st.sets(st.integers(0, 5)),
    taken=st.sets(st.integers(0, 5)),
    turns=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_each_is_answered_by_itself_or_not_at_all(
    items: list[tuple[tuple[str, ...], str, Obligations]],
    decision: Decision,
    stale: set[int],
    taken: set[int],
    turns: list[int],
) -> None:
    """One vote each at most, with the digest that was shown; nothing grave is approved, all can be denied."""

    async def story() -> None:
        log, clock = MemoryLog(), StillClock()
        service = approvals(log, clock)
        found = []
        for number, (effects, place, asked) in enumerate(items):
            call = subject(actions=(view(effects=effects, environment=place),))
            what = wanted(digest=f"{number:064}", environment=place, effects=effects, subject=call)
            found.append(await service.open(replace(what, obligations=asked)))
        batches = [InBatch("f" * 64 if at in stale else one.digest, len(found)) for at, one in enumerate(found)]
        acts = [
            _answer(service, one, decision, batch, turns[at])
            for at, (one, batch) in enumerate(zip(found, batches, strict=True))
        ]
        others = [service.decide(one.id, Decision.DENY, by=BOB) for at, one in enumerate(found) if at in taken]
        done = await asyncio.gather(*acts, *others, return_exceptions=True)
        for at, one in enumerate(found):
            now = service.get(one.id)
            assert len(now.votes) == (now.status is not ApprovalStatus.PENDING)
            if done[at] is not True:
                assert now.status is not ApprovalStatus.APPROVED
                continue
            assert at not in stale
            assert now.votes[0].together == len(found)
            if decision is Decision.APPROVE:
                assert refusal_of(one, ALICE, service.rules.production) == ""
        voted = [record for record in log.records if record.kind == "approval.voted"]
        digests = {one.id: one.digest for one in found}
        assert all(record.data["digest"] == digests[record.approval] for record in voted)
        if decision is Decision.DENY and not stale and not taken:
            assert all(done)

    asyncio.run(story())
