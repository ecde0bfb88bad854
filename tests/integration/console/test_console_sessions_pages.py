"""Agents' sessions over a real log: found behind it, shown as a timeline, every look recorded first."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from firewall.console.runs.following import STEP, Follower
from firewall.console.runs.index import RunIndex
from firewall.console.runs.room import LINES, PAGE, SessionRoom
from firewall.core.approval import Decision
from firewall.core.work import Record, Unit
from tests.support.approving import ALICE, wanted
from tests.support.guarding import places_in
from tests.support.real_console import ROLES, RealConsole, real_console

READS = {"viewer": False, "approver": True, "auditor": True, "admin": True}


@dataclass(slots=True)
class House:
    """A console with the room of sessions, and what follows its log."""

    side: RealConsole
    follower: Follower
    database: Path
    index: Path
    tokens: list[str] = field(default_factory=list)

    def caught_up(self) -> None:
        """Follow the log to its end."""
        while self.follower.step():
            pass

    async def write(self, *records: Record) -> tuple[int, ...]:
        """Append entries."""
        return (await self.side.installation.writer.submit(Unit(records=records))).seqs

    async def asked(self, token: str, **private: object) -> int:
        """Record a model call that was answered for two cents."""
        (entry,) = await self.write(
            _record("model.requested", {"token": token}, model="claude-sonnet-5", **private)
        )
        answered = {"request": entry, "outcome": "answered", "cost_micros": 20_000}
        await self.write(Record(kind="model.answered", data=answered, principal="olga/coder"))
        return entry

    async def judged(
        self, token: str, verdict: str = "allow", *, approval: str = "", summary: str = "Lists"
    ) -> int:
        """Record a judged tool call."""
        data = {
            "token": token,
            "verdict": verdict,
            "reason": "policy:row:matched",
            "effects": ("destructive",),
            "environment": "staging",
            "gate": "models",
        }
        actions = [{"summary": f"{summary} {number}"} for number in range(5)]
        record = replace(_record("tool.judged", data, tool="Bash", actions=actions), approval=approval)
        return (await self.write(record))[0]


def _record(kind: str, data: dict[str, object], **private: object) -> Record:
    return Record(kind=kind, data=data, person="olga", principal="olga/coder", private=private)  # type: ignore[arg-type]  # plain values


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty log with one token."""
    made: list[Follower] = []
    index = tmp_path / "sessions.db"

    def rooms(side: RealConsole) -> tuple[SessionRoom, ...]:
        installation = side.installation
        made.append(Follower(places_in(tmp_path).database, index, lambda: installation.writer.size))
        return (
            SessionRoom(
                made[0],
                places_in(tmp_path).database,
                sealing=installation.sealing,
                sequencer=installation.writer,
                tokens=side.tokens,
                clock=side.clock,
            ),
        )

    async with real_console(tmp_path, rooms) as side:
        house = House(side, made[0], places_in(tmp_path).database, index)
        house.tokens.append((await side.minted()).id)
        yield house
        made[0].close()


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_read_the_log_sees_sessions_and_is_recorded(house: House, role: str) -> None:
    """Each look is one entry, which says what was looked at; who may not gets nothing and leaves none."""
    (token,) = house.tokens
    await house.judged(token, summary="Deletes the volume")
    house.caught_up()
    browser = await house.side.signed_in(role)
    for path in ("/console/sessions", f"/console/sessions/{token}"):
        answer = await browser.open(path)
        assert answer.status_code == (200 if READS[role] else 403)
        assert ("coder for olga" in answer.text) is READS[role]
    looked = [one["data"] for one in house.side.entries("audit.read")]
    assert looked == ([{"what": "sessions"}, {"token": token, "what": "session"}] if READS[role] else [])


async def test_a_session_is_a_timeline(house: House) -> None:
    """What was asked, judged, approved and spent, in the log's order; what is judged again is one call."""
    (token,) = house.tokens
    other = (await house.side.minted(agent="other")).id
    await house.asked(token, session="conversation-7")
    await house.judged(token, "ask")
    approval = await house.side.approvals.open(replace(wanted(), token=token))
    await house.judged(token, "ask", approval=approval.id)
    await house.judged(other, summary="Somebody else's")
    await house.side.approvals.viewed(approval.id, by="alice")
    await house.judged(token, "deny", summary="<b>\u202eDrops</b>")
    house.caught_up()
    browser = await house.side.signed_in("auditor")
    listed = (await browser.open("/console/sessions")).text
    for words in ("1 model call", "2 tool calls", "1 asked about", "1 denied", "$0.02", "other for olga"):
        assert words in listed
    page = (await browser.open(f"/console/sessions/{token}")).text
    in_order = (
        "Token minted",
        "Asked a model",
        "claude-sonnet-5",
        "conversation-7",
        "The model answered",
        "$0.02",
        "People were asked",
        f'href="/approve/{approval.id}"',
        ">deny<",
        "⟦U+202E⟧Drops",
        "and 2 more",
    )
    place = page.index('class="timeline"')
    for words in in_order:
        place = page.index(words, place)
    assert "Somebody looked" in page
    assert "<b>" not in page
    assert "Somebody else" not in page
    assert "is in the log" in page


async def test_what_was_erased_is_not_shown(house: House) -> None:
    """The line stays, its words are gone."""
    (token,) = house.tokens
    await house.judged(token, summary="Deletes the volume")
    house.caught_up()
    keystore = house.side.installation.keystore
    keystore.erase("olga")
    browser = await house.side.signed_in("auditor")
    page = (await browser.open(f"/console/sessions/{token}")).text
    assert "Deletes the volume" not in page
    assert "was erased" in page


async def test_a_look_that_cannot_be_recorded_shows_nothing(house: House) -> None:
    """Record, then show."""
    (token,) = house.tokens
    await house.judged(token)
    house.caught_up()
    browser = await house.side.signed_in("auditor")
    await house.side.installation.writer.stop()
    for path in ("/console/sessions", f"/console/sessions/{token}"):
        answer = await browser.open(path)
        assert answer.status_code == 503
        assert "coder" not in answer.text


async def test_a_page_of_long_entries_ends_at_its_bytes(house: House) -> None:
    """Twenty calls of more than a mebibyte stand on four pages, each once; each page leads to the one before."""
    (token,) = house.tokens
    seqs = [await house.judged(token, summary="x" * (256 << 10)) for _ in range(20)]
    house.caught_up()
    browser = await house.side.signed_in("auditor")
    path = f"/console/sessions/{token}"
    found: list[list[int]] = []
    address = path
    while address:
        page = (await browser.open(address)).text
        found.append([seq for seq in seqs if f'id="e{seq}"' in page])
        address = page.partition('rel="prev" href="')[2].partition('"')[0]
    assert [seq for one in found[::-1] for seq in one] == seqs
    assert [len(one) for one in found] == [6, 6, 6, 2]


async def test_long_sessions_and_many_of_them_are_paged(house: House) -> None:
    """Every entry stands on one page and every session on one; an address that is none is refused."""
    (token,) = house.tokens
    seqs = [await house.judged(token) for _ in range(LINES + 20)]
    for number in range(PAGE + 1):
        house.side.clock.now += 1
        await house.judged((await house.side.minted(agent=f"agent-{number}")).id)
    house.caught_up()
    browser = await house.side.signed_in("auditor")
    path = f"/console/sessions/{token}"
    last = (await browser.open(path)).text
    assert [f'id="e{seq}"' in last for seq in seqs] == [False] * 20 + [True] * LINES
    earlier = (await browser.open(f"{path}?before={seqs[20]}")).text
    assert [f'id="e{seq}"' in earlier for seq in seqs] == [True] * 20 + [False] * LINES
    first = (await browser.open("/console/sessions")).text
    assert first.count('class="name"') == PAGE
    assert first.index(f"agent-{PAGE} for") < first.index("agent-1 for")
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    rest = (await browser.open(older)).text
    assert "agent-0 for olga" in rest
    assert "coder for olga" in rest
    for wrong in (f"{path}?before=x", "/console/sessions?before=1.x", "/console/sessions/tok_nobody"):
        assert (await browser.open(wrong)).status_code == 404
    assert "No session yet" not in first


async def test_the_index_is_made_again_from_the_log(house: House) -> None:
    """Removed, broken, half-made or of another log: what it says in the end is the same."""
    (token,) = house.tokens
    for _ in range(5):
        await house.asked(token)
        await house.judged(token, "ask")
    house.caught_up()
    once = house.follower.reader.run(token)
    assert once is not None
    assert (once.models, once.tools, once.asked, once.cost_micros) == (5, 5, 5, 100_000)
    house.caught_up()
    assert house.follower.reader.run(token) == once
    broken = house.index.with_name("broken.db")
    broken.write_bytes(b"no database at all" * 100)
    foreign = house.index.with_name("foreign.db")
    RunIndex(foreign, is_writer=True).keep([], 3, b"another log's leaf")
    for path in (broken, foreign, house.index.with_name("fresh.db")):
        follower = Follower(house.database, path, lambda: 0)
        while follower.step():
            pass
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert follower.reader.run(token) == replace(once, no=follower.reader.run(token).no)  # type: ignore[union-attr]  # found
        follower.close()


async def test_more_than_a_step_is_followed(house: House) -> None:
    """An answer in a later step finds the request of an earlier one."""
    (token,) = house.tokens
    (entry,) = await house.write(_record("model.requested", {"token": token}))
    await house.write(*(Record(kind="limit.hit", data={"limit": "none"}) for _ in range(STEP)))
    await house.write(Record(kind="model.answered", data={"request": entry, "cost_micros": 7}))
    assert house.follower.step()
    house.caught_up()
    found = house.follower.reader.run(token)
    assert found is not None
    assert found.cost_micros == 7


async def test_it_is_followed_where_nothing_is_appended_or_somebody_looks(house: House) -> None:
    """While calls come and nobody looks, none of them pays for the index; a page takes in what it shows."""
    (token,) = house.tokens
    looks: list[int] = []
    steps: list[int] = []

    def growing() -> int:
        looks.append(len(looks))
        return len(looks)

    class Counting(Follower):
        def step(self) -> bool:
            steps.append(len(looks))
            return super().step()

    busy = Counting(house.database, house.index.with_name("busy.db"), growing)
    task = asyncio.create_task(busy.run())
    await house.asked(token)
    async with asyncio.timeout(30):
        while len(looks) < 3:  # noqa: ASYNC110 - it looks by itself, once a second
            await asyncio.sleep(0.01)
        assert steps == []
        await busy.catch_up()
        assert busy.reader.run(token) is not None
        while not steps:  # noqa: ASYNC110 - a thread takes them
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    busy.close()


async def test_a_vote_is_in_the_session_that_asked(house: House) -> None:
    """Whoever decides is another; what he decided belongs to the run."""
    (token,) = house.tokens
    await house.judged(token)
    approval = await house.side.approvals.open(replace(wanted(), token=token))
    await house.side.approvals.decide(approval.id, Decision.DENY, by=ALICE, reason="not today")
    house.caught_up()
    browser = await house.side.signed_in("auditor")
    page = (await browser.open(f"/console/sessions/{token}")).text
    assert "Somebody voted" in page
    assert "reason: not today" in page
