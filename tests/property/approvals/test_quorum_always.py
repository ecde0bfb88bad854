"""Whatever is asked, and whoever votes, is renamed, removed or moved: never fewer people than asked."""

import asyncio
from dataclasses import replace
from itertools import permutations, product

from hypothesis import example, given, settings
from hypothesis import strategies as st

from firewall.approvals.people import Approver, Deputy
from firewall.approvals.service import Approvals
from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.demand import Demand, staged
from firewall.core.errors import ApprovalError
from firewall.core.verdict import Obligations
from firewall.core.work import Outcome, Unit
from tests.support.approving import MemoryLog, StillClock, approvals, wanted

NAMES = ["anna", "bert", "cleo", "dora", "olga"]
"""Olga is the owner of the agent that asks."""
GROUPS = ["a", "b"]
demands = st.builds(
    staged,
    st.lists(
        st.dictionaries(st.sampled_from(["", *GROUPS]), st.integers(1, 2), min_size=1, max_size=2).map(dict.items),
        min_size=1,
        max_size=2,
    ),
)
held = st.frozensets(st.sampled_from(GROUPS))


Rights = dict[str, frozenset[str]]


votes = st.tuples(st.just("vote"), st.sampled_from(NAMES), st.sampled_from(["passkey", "passphrase"]))
changes = st.one_of(
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES)),
    st.tuples(st.just("double"), st.sampled_from(NAMES)),
    st.tuples(st.just("regroup"), st.sampled_from(NAMES), held),
    st.tuples(st.just("lend"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
)
acts = st.lists(st.one_of(votes, votes, votes, changes), max_size=14)


class SlowLog(MemoryLog):
    """Commits after as many turns of the loop as a test says, and looks at that moment who might decide."""

    def __init__(self, turns: list[int], world: "World") -> None:
        super().__init__()
        self.turns = turns
        self.world = world
        self.at_the_end: list[tuple[Rights, Rights]] = []

    async def submit(self, unit: Unit) -> Outcome:
        """Commit late; where something was approved, keep who could have decided then."""
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)
        before = {one.id for one in self.rows.values() if one.status is ApprovalStatus.APPROVED}
        outcome = await super().submit(unit)
        after = {one.id for one in self.rows.values() if one.status is ApprovalStatus.APPROVED}
        if after - before:
            self.at_the_end.append((self.world.rights(), self.world.lent()))
        await asyncio.sleep(0)
        return outcome


class World:
    """Who there is, under which names, in which groups."""

    def __init__(self) -> None:
        self.humans: dict[str, list[Approver]] = {}
        self.said: set[tuple[str, str]] = set()
        """Who asked to vote, and what he showed."""
        self.lends: dict[str, str] = {}
        """Who speaks for whom: the lender, and his delegate."""

    def rights(self) -> dict[str, frozenset[str]]:
        """Return the groups of everybody but the owner who may decide now."""
        return {
            born: frozenset().union(*(one.groups for one in accounts))
            for born, accounts in self.humans.items()
            if accounts and born != "olga"
        }

    def lent(self) -> Rights:
        """Return, of everybody who may decide now, those for whom he speaks; not the owner."""
        found: dict[str, set[str]] = {}
        for lender, delegate in self.lends.items():
            if self.humans[lender] and lender not in ("olga", delegate):
                found.setdefault(delegate, set()).add(lender)
        return {born: frozenset(lenders) for born, lenders in found.items()}

    def listed(self) -> list[Approver]:
        """Return all accounts, each with those for whom its person speaks."""
        lent = self.lent()
        return [
            replace(account, speaks_for=tuple(self._deputy(one) for one in sorted(lent.get(born, ()))))
            for born, accounts in self.humans.items()
            for account in accounts
        ]

    def _deputy(self, born: str) -> Deputy:
        accounts = self.humans[born]
        return Deputy(accounts[-1].names, accounts[-1].groups)

    def change(self, act: tuple[object, ...]) -> None:
        """Remove, rename, give a second account, or move to other groups."""
        kind, born = str(act[0]), str(act[1])
        accounts = self.humans[born]
        if kind == "remove":
            self.humans[born] = []
        elif kind == "rename" and accounts:
            old = accounts[0]
            new = replace(old, name=f"{old.name}2", aliases=(*old.aliases, old.name))
            self.humans[born] = [new, *accounts[1:]]
        elif kind == "double" and accounts:
            shared = f"{born}@example.com"
            first = replace(accounts[0], aliases=(*accounts[0].aliases, shared))
            self.humans[born] = [first, *accounts[1:2], replace(first, name=shared, aliases=())][:2]
        elif kind == "lend":
            self.lends[born] = str(act[2])
        elif kind == "regroup" and accounts:
            groups = tuple(sorted(str(one) for one in act[2]))  # type: ignore[attr-defined]  # a set of groups
            self.humans[born] = [replace(one, groups=groups) for one in accounts]


def _enough(demand: Demand, people: Rights, lent: Rights, rights: Rights) -> bool:
    """Tell by trying whether different people could take every seat, whatever the order.

    Each sits there for himself or for somebody who lends him his groups; one person is spoken for once in all.
    """
    seats = [group for stage in demand.stages for group, count in stage for _ in range(count)]

    for chosen in permutations(people, len(seats)):
        for behalf in product(*([name, *sorted(lent.get(name, ()))] for name in chosen)):
            used = [one for one, group in zip(behalf, seats, strict=True) if group]
            is_held = all(not group or group in rights[one] for one, group in zip(behalf, seats, strict=True))
            if is_held and len(set(used)) == len(used):
                return True
    return False


async def _act(act: tuple[object, ...], service: Approvals, log: SlowLog, approval_id: str) -> None:
    world = log.world
    if act[0] != "vote":
        world.change(act)
        log.permit(*world.listed())
        return
    for account in world.humans[str(act[1])][-1:]:
        world.said.add((str(act[1]), str(act[2])))
        by = replace(account, auth=act[2])  # type: ignore[arg-type]  # of a list of ways
        try:
            await service.decide(approval_id, Decision.APPROVE, by=by)
        except ApprovalError:
            return


@settings(max_examples=250, deadline=None)
@given(
    asked=st.lists(demands, min_size=1, max_size=2),
    auth=st.sampled_from(["", "passkey"]),
    groups=st.lists(held, min_size=5, max_size=5),
    lends=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), max_size=2),
    rounds=st.lists(acts, min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 4), max_size=80),
)
@example(
    asked=[staged([[("a", 2)]])],
    auth="",
    groups=[frozenset({"a"}), *[frozenset()] * 4],
    lends={"anna": "bert"},
    rounds=[[("vote", "anna", "passkey")], [("vote", "bert", "passkey")]],
    turns=[],
)
def test_never_approved_with_fewer_people_than_asked(
    asked: list[Demand],
    auth: str,
    groups: list[frozenset[str]],
    lends: dict[str, str],
    rounds: list[list[tuple[object, ...]]],
    turns: list[int],
) -> None:
    """At the commit that approves, different people who voted and may decide fill every seat of each demand."""

    async def story() -> None:
        world = World()
        log = SlowLog(list(turns), world)
        for name, own in zip(NAMES, groups, strict=True):
            world.humans[name] = [Approver(name, "approver", tuple(sorted(own)))]
        world.lends = dict(lends)
        log.permit(*world.listed())
        service = approvals(log, StillClock())
        obligations = Obligations(demands=tuple(asked), auth=auth)
        approval = await service.open(replace(wanted(), obligations=obligations))
        for acts_of_round in rounds:
            await asyncio.gather(*(_act(one, service, log, approval.id) for one in acts_of_round))
        if log.rows[approval.id].status is ApprovalStatus.APPROVED:
            ((rights, lent),) = log.at_the_end
            shown = {born for born, way in world.said if auth in ("", way)}
            voters = {born: own for born, own in rights.items() if born in shown}
            assert all(_enough(one, voters, lent, rights) for one in asked)
        else:
            assert log.at_the_end == []

    asyncio.run(story())
