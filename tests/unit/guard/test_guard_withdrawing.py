"""What is taken back between a gate's look at it and the entry that would release it lets nothing pass."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.approvals.people import Approver, Roster
from firewall.console.roster import Listed
from firewall.core.approval import ApprovalStatus, Decision, Permit
from firewall.core.grant import Grant
from firewall.core.ports import Sequencer
from firewall.core.work import Outcome, PutPerson, Unit
from firewall.guard.answer import Go, Wait
from firewall.guard.requester import Requester
from firewall.sequencer.opening import Installation
from firewall.tokens.absences import Absences
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.approving import StillClock
from tests.support.guarding import Kept, call, keeping

WRITES = "touch /srv/notes/one"


class Between:
    """The real writer, before which something else is committed at the last moment, once."""

    def __init__(self, writer: Sequencer) -> None:
        self._writer = writer
        self.first: Callable[[], Awaitable[object]] | None = None
        """What comes just before the next release."""

    @property
    def is_open(self) -> bool:
        """As the port says."""
        return self._writer.is_open

    def pseudonym(self, name: str) -> str:
        """As the port says."""
        return self._writer.pseudonym(name)

    async def submit(self, unit: Unit) -> Outcome:
        """As the port says."""
        if self.first is not None and any(record.kind == "tool.released" for record in unit.records):
            first, self.first = self.first, None
            await first()
        return await self._writer.submit(unit)


@dataclass(slots=True)
class House:
    """A guard with real tokens and people, whose writer can be overtaken."""

    kept: Kept
    between: Between
    tokens: Tokens
    people: People

    async def requester(self, token: str, **changes: object) -> Requester:
        """Build whoever comes with a token."""
        return self.kept.requester(token_id=token, lineage=(token,), **changes)

    async def token(self) -> str:
        """Mint an agent token."""
        until = datetime.fromtimestamp(self.kept.clock.now_us() / 1e6, UTC) + timedelta(hours=8)
        grant = Grant(environment="staging", owner="olga", agent="coding-agent", expires_at=until)
        return (await self.tokens.mint_agent(grant, by="root")).id

    async def approved(self, requester: Requester, permit: Permit) -> Wait:
        """Ask for the call, and let alice approve it."""
        held = await self.kept.held(call(WRITES), requester)
        alice = Approver("alice", "approver", ("oncall",))
        await self.kept.approvals.decide(held.approval.id, Decision.APPROVE, by=alice, permit=permit)
        return held

    def taking_back(self, what: str, approval: str, token: str) -> Callable[[], Awaitable[object]]:
        """Return what takes an approval back: its permit, its token, or the right of who gave it."""
        olaf = Approver("olaf", "admin")
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "permit": lambda: self.kept.approvals.withdraw(approval, by=olaf),
            "token": lambda: self.tokens.revoke(token, by="root"),
            "right": lambda: self.people.remove("alice", by="root"),
        }
        return acts[what]

    def released(self, gate: str) -> int:
        """Return how many calls were released at a gate."""
        rows = self.kept.installation.reader.execute(
            "SELECT count(*) FROM audit_entries WHERE kind = 'tool.released' AND body LIKE ?", (f'%"{gate}"%',)
        ).fetchone()
        return int(rows[0])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open it, with alice and olaf."""
    found: dict[str, People] = {}

    def roster(installation: Installation, clock: StillClock) -> Roster:
        rows = installation.people
        people = found["people"] = People(sequencer=installation.writer, rows=rows, clock=clock)
        absences = Absences(sequencer=installation.writer, rows=rows, people=people, clock=clock)
        return Listed(people, absences, (), clock)

    betweens: list[Between] = []

    def through(writer: Sequencer) -> Sequencer:
        betweens.append(Between(writer))
        return betweens[0]

    async with keeping(tmp_path, roster=roster, through=through) as kept:
        people = found["people"]
        for name, role in (("alice", "approver"), ("olaf", "admin")):  # who never signs in here needs no real hash
            step = PutPerson(name, role, ("oncall",), "unused", kept.clock.now_us())
            await kept.installation.writer.submit(Unit(steps=(step,)))
        kept.clock.forward(1)
        tokens = Tokens(sequencer=kept.installation.writer, rows=kept.installation.tokens, clock=kept.clock)
        yield House(kept, betweens[0], tokens, people)


MANY, ONCE = Permit(4, 600), Permit()


@pytest.mark.parametrize(("what", "permit"), [("permit", MANY), ("token", MANY), ("token", ONCE), ("right", MANY)])
async def test_a_later_gate_passes_nothing_that_was_taken_back_as_it_looked(
    house: House, what: str, permit: Permit
) -> None:
    """Whether a release still stands is a condition of its own commit: this very call is stopped, not the next."""
    token = await house.token()
    models, hooks = await house.requester(token), await house.requester(token, gate="hooks")
    held = await house.approved(models, permit)
    assert isinstance(await house.kept.guard.release(held, models), Go)
    house.between.first = house.taking_back(what, held.approval.id, token)
    answer = await house.kept.guard.judge(call(WRITES), hooks)
    assert house.between.first is None
    assert not isinstance(answer, Go)
    assert house.released("hooks") == 0


@pytest.mark.parametrize(
    ("what", "permit"),
    [("permit", ONCE), ("permit", MANY), ("token", ONCE), ("token", MANY), ("right", MANY)],
)
async def test_a_held_call_passes_nothing_that_was_taken_back_as_it_looked(
    house: House, what: str, permit: Permit
) -> None:
    """An approval is used in the commit that finds it, its token and its votes as they were."""
    token = await house.token()
    models = await house.requester(token)
    held = await house.approved(models, permit)
    house.between.first = house.taking_back(what, held.approval.id, token)
    answer = await house.kept.guard.release(held, models)
    assert not isinstance(answer, Go)
    assert house.released("models") == 0
    assert house.kept.approvals.get(held.approval.id).used == 0


async def test_a_run_of_which_the_token_ended_uses_nothing_of_another(house: House) -> None:
    """Who comes with a revoked token does not use what the same agent was given under another."""
    first, second = await house.token(), await house.token()
    held = await house.approved(await house.requester(first), ONCE)
    house.between.first = house.taking_back("token", held.approval.id, second)
    answer = await house.kept.guard.judge(call(WRITES), await house.requester(second))
    assert not isinstance(answer, Go)
    assert house.kept.approvals.get(held.approval.id).status is ApprovalStatus.APPROVED
    assert isinstance(await house.kept.guard.judge(call(WRITES), await house.requester(first)), Go)


async def test_a_change_among_people_that_takes_nothing_back_stops_nothing(house: House) -> None:
    """Somebody who comes meanwhile lets the call be weighed again, and it passes."""
    token = await house.token()
    models, hooks = await house.requester(token), await house.requester(token, gate="hooks")
    held = await house.approved(models, MANY)

    def add(name: str) -> Callable[[], Awaitable[object]]:
        step = PutPerson(name, "approver", (), "unused", house.kept.clock.now_us())
        return lambda: house.kept.installation.writer.submit(Unit(steps=(step,)))

    house.between.first = add("carol")
    assert isinstance(await house.kept.guard.release(held, models), Go)
    house.between.first = add("dora")
    assert isinstance(await house.kept.guard.judge(call(WRITES), hooks), Go)
    assert house.between.first is None
