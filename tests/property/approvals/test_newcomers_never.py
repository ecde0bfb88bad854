"""Whatever one credential of an admin does after a call was asked about: it makes nobody's seat."""

import asyncio
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.approvals.people import Approver, Deputy
from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from tests.support.approving import START_US, MemoryLog, StillClock, approvals, wanted

NAMES = ["anna", "bert", "cleo", "root", "zoe"]
"""Zoe is nobody before the call is asked about."""
GROUPS = ["a", "b"]
held = st.frozensets(st.sampled_from(GROUPS))
makes = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(NAMES), held),
    st.tuples(st.just("regroup"), st.sampled_from(NAMES), held),
    st.tuples(st.just("promote"), st.sampled_from(NAMES), held),
    st.tuples(st.just("lend"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), held),
)
votes = st.tuples(st.just("vote"), st.sampled_from(NAMES), st.sampled_from(["old", "new"]))


@dataclass
class World:
    """Everybody, and who has a credential from before: only those whose names are in `own`."""

    log: MemoryLog
    clock: StillClock
    people: dict[str, Approver]
    lends: dict[str, tuple[str, int]]

    def say(self) -> None:
        """Tell the log who may decide."""
        listed = []
        for one in self.people.values():
            lent = tuple(
                Deputy(self.people[lender].names, self.people[lender].groups, max(at, self.people[lender].since))
                for lender, (delegate, at) in self.lends.items()
                if delegate == one.name and lender in self.people and lender != one.name
            )
            listed.append(replace(one, speaks_for=lent))
        self.log.permit(*listed)

    def make(self, act: tuple[str, str, object]) -> None:
        """Do what an admin can do, a moment after the call was asked about."""
        self.clock.forward(1)
        kind, name, more = act
        now, known = self.clock.now_us(), self.people.get(name)
        if kind == "lend" and known:
            self.lends[name] = (str(more), now)
        elif kind == "remove":
            self.people.pop(name, None)
        elif kind == "promote" and known:
            self.people[name] = replace(known, role="admin", since=now)
        elif kind in ("add", "regroup") and (known is None) is (kind == "add"):
            groups = tuple(sorted(str(one) for one in more))  # type: ignore[attr-defined]  # a set of groups
            self.people[name] = Approver(name, "approver", groups, since=now)
        self.say()


@settings(max_examples=300, deadline=None)
@given(
    groups=st.lists(held, min_size=4, max_size=4),
    own=st.frozensets(st.sampled_from(NAMES), max_size=2),
    people=st.integers(1, 3),
    group=st.sampled_from(["", *GROUPS]),
    acts=st.lists(st.one_of(makes, votes), max_size=16),
)
def test_only_who_could_approve_when_it_was_asked_fills_a_seat(
    groups: list[frozenset[str]],
    own: frozenset[str],
    people: int,
    group: str,
    acts: list[tuple[str, str, object]],
) -> None:
    """`own` are those whose credentials are from before; approved means that enough of them voted themselves."""

    async def story() -> None:
        log, clock = MemoryLog(), StillClock()
        before = {
            name: Approver(name, "approver", tuple(sorted(mine)), since=START_US)
            for name, mine in zip(NAMES, groups, strict=False)
        }
        world = World(log, clock, dict(before), {})
        world.say()
        service = approvals(log, clock)
        asked = Obligations(demands=(demand_of(group, quorum=people),))
        approval = await service.open(replace(wanted(), obligations=asked))
        for act in acts:
            if act[0] != "vote":
                world.make(act)
                continue
            by = world.people.get(act[1])
            if by is None or (act[2] == "old" and act[1] not in own):
                continue
            shown = replace(by, since=0, proof_at=START_US if act[2] == "old" else clock.now_us() + 1)
            try:
                await service.decide(approval.id, Decision.APPROVE, by=shown)
            except ApprovalError as error:
                assert error.code != "approval_unknown"  # noqa: PT017 - any other refusal is an answer
        if log.rows[approval.id].status is ApprovalStatus.APPROVED:
            able = {name for name in own & before.keys() if not group or group in before[name].groups}
            assert len(able) >= people

    asyncio.run(story())
