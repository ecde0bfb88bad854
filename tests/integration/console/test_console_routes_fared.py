"""How providers fared and how routes came about, told from a real log through the index that follows it."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.console.routes.fared import FaredSince
from firewall.console.routes.loads import PAGE, LoadHistory
from firewall.console.routes.page import InForce, RoutePage
from firewall.console.runs import fares
from firewall.console.runs.fares import ATTEMPTED, HOUR_US, Event
from firewall.console.runs.following import Follower
from firewall.console.runs.index import RunIndex
from firewall.core.work import Record, Unit
from firewall.routing.reporting import CLOSED, LOADED, OPENED, Tried
from firewall.routing.trying.records import HOUSE
from tests.support.approving import START_US
from tests.support.guarding import places_in
from tests.support.real_console import ROLES, RealConsole, real_console

SECOND = 1_000_000


@dataclass(slots=True)
class House:
    """A console with the pages of routes over a real log."""

    side: RealConsole
    follower: Follower
    fared: FaredSince
    names: list[str] = field(default_factory=lambda: ["acme", "backup"])

    async def write(self, kind: str, provider: str = "", **data: object) -> int:
        """Append an entry about a provider."""
        if provider:
            data |= {"provider": self.side.installation.writer.pseudonym(HOUSE + provider)}
        record = Record(kind=kind, data=data)  # type: ignore[arg-type]  # plain values
        return (await self.side.installation.writer.submit(Unit(records=(record,)))).seqs[0]

    async def loaded(self, kind: str = "config.loaded", **private: str) -> int:
        """Append an entry about a load or swap, as the desk of routes writes it."""
        data = {"routes": "5" * 64} if kind == "config.loaded" else {}
        record = Record(kind=kind, data=data, person="ada", principal="ada", private={"by": "ada", **private})
        return (await self.side.installation.writer.submit(Unit(records=(record,)))).seqs[0]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty log."""
    made: list[House] = []

    def rooms(side: RealConsole) -> tuple[RoutePage, ...]:
        installation, database = side.installation, places_in(tmp_path).database
        follower = Follower(database, tmp_path / "sessions.db", lambda: installation.writer.size)
        house = House(side, follower, None)  # type: ignore[arg-type]  # set in the next line
        house.fared = FaredSince(follower, side.clock, installation.writer.pseudonym, lambda: house.names)
        history = LoadHistory(follower, database, installation.sealing, installation.writer)
        made.append(house)
        return (RoutePage(InForce(tuple, lambda: "d" * 64, dict), house.fared, history),)

    async with real_console(tmp_path, rooms) as side:
        made[0].side = side
        yield made[0]
        made[0].follower.close()


async def test_incidents_and_saved_calls_are_found_behind_the_log(house: House) -> None:
    """Downtime by circuits, calls saved once each, drills never; the page says what the command prints."""
    clock = house.side.clock
    await house.write("config.loaded", pid=1, routes="x")
    await house.write(OPENED, "acme", candidate="c1")
    await house.write(ATTEMPTED, "acme", outcome="timeout", request=7)
    await house.write(ATTEMPTED, "backup", outcome="ok", request=7)
    await house.write(ATTEMPTED, "backup", outcome="ok", request=7)
    await house.write(ATTEMPTED, "backup", outcome="ok", request=9, drilled=True)
    clock.forward(60)
    await house.write(CLOSED, "acme", candidate="c1")
    clock.forward(540)
    found = await house.fared(600)
    assert (found["saved"], found["behind"]) == (1, 0)
    assert found["providers"] == [
        {
            "provider": "acme", "uptime_percent": 90.0, "incidents": 1, "recovery_s": 60.0, "failed_attempts": 1,
            "stood_in": 0,
        },
        {
            "provider": "backup", "uptime_percent": 100.0, "incidents": 0, "recovery_s": None,
            "failed_attempts": 0, "stood_in": 2,
        },
    ]  # fmt: skip
    page = (await (await house.side.signed_in("viewer")).open("/console/routes?days=7")).text
    assert "<strong>1</strong> call was saved" in page
    assert "60 s" in page


async def test_what_was_down_when_the_time_began_is_down(house: House) -> None:
    """An outage that began before the window counts in it; one of an earlier process does not."""
    clock = house.side.clock
    await house.write(OPENED, "backup", candidate="c2")
    await house.write("config.loaded", pid=1)
    await house.write(OPENED, "acme", candidate="c1")
    clock.forward(1_000)
    await house.write(CLOSED, "acme", candidate="c1")
    clock.forward(50)
    rows = {row["provider"]: row for row in (await house.fared(100))["providers"]}  # type: ignore[attr-defined]  # rows
    assert (rows["acme"]["uptime_percent"], rows["acme"]["recovery_s"]) == (50.0, 50.0)
    assert rows["backup"]["incidents"] == 0


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3 * HOUR_US // SECOND),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["ok", "timeout"]),
        st.integers(0, 4),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(EVENTS, st.integers(0, 3 * HOUR_US // SECOND))
def test_sums_by_the_hour_say_what_the_entries_say(
    events: list[tuple[int, str, str, int, bool]], since_s: int
) -> None:
    """Since any moment, whole hours or not, and an entry that is taken in twice counts once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.db"
        index = RunIndex(path, is_writer=True)
        made = [
            Event(seq, at_s * SECOND, ATTEMPTED, {
                "provider": provider, "outcome": outcome, "request": request, "drilled": drilled,
            })
            for seq, (at_s, provider, outcome, request, drilled) in enumerate(events)
        ]  # fmt: skip
        for _ in range(2):
            index.keep([], len(made), b"", made)
        _, found, since_us = index.fared(since_s * SECOND)
        index.close()
    wanted: dict[str, list[int]] = {}
    answered: set[int] = set()
    for at_s, provider, outcome, request, drilled in events:
        if drilled:
            continue
        is_first = outcome == "ok" and request not in answered
        answered |= {request} if outcome == "ok" else set()
        if at_s >= since_s:
            row = wanted.setdefault(provider, [0, 0, 0])
            row[0] += outcome != "ok"
            row[1] += outcome == "ok"
            row[2] += is_first
    assert since_us == since_s * SECOND
    assert sorted(found, key=lambda one: one.provider) == [Tried(one, *wanted[one]) for one in sorted(wanted)]


def test_a_report_reads_by_an_index_and_no_more_than_so_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole tables are walked for nothing; where circuits moved too often, the report begins later and says so."""
    monkeypatch.setattr(fares, "MOST_MOVES", 3)
    index = RunIndex(tmp_path / "sessions.db", is_writer=True)
    moves = [
        Event(at, at, OPENED if at % 2 else CLOSED, {"provider": "p", "candidate": "c"}) for at in range(1, 10)
    ]
    index.keep([], 10, b"", moves)
    seen, _, since_us = index.fared(0)
    assert since_us == 7
    assert [one.at_us for one in seen] == [7, 8, 9]
    index.close()
    connection = sqlite3.connect(tmp_path / "sessions.db")
    for query in (fares.TRIED, fares.MOVES, fares.BEFORE, fares.PAGE):
        values = (1,) * query.count("?")
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        assert [one for one in plan if one.startswith("SCAN") and "subquery" not in one] == []
    connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_loads_and_swaps_are_told_to_readers_of_the_log(house: House, role: str) -> None:
    """Who, what, when, each with its entry; the look itself is recorded first; a viewer is refused."""
    entry = await house.loaded(route="<b>coder", was="a/one", now="b/two")
    await house.loaded(kind="config.refused", route="coder", to="c/x", why="`c/x` is no candidate \u202e")
    await house.write("config.loaded", pid=1, routes="4" * 64)
    await house.write("config.loaded", policy="no routes in it")
    browser = await house.side.signed_in(role)
    answer = await browser.open("/console/routes/history")
    if role == "viewer":
        assert answer.status_code == 403
        assert house.side.entries("audit.read") == []
        return
    text = answer.text
    assert "<code>&lt;b&gt;coder</code>: <code>a/one</code> was first, then <code>b/two</code>, by ada" in text
    assert f'href="/console/log/{entry}"' in text
    assert "⟦U+202E⟧" in text
    assert "\u202e" not in text
    assert text.index("The server started") < text.index("refused") < text.index("was first")
    assert text.count("entry ") - text.count("entry of") == 3
    assert [one["data"] for one in house.side.entries("audit.read")] == [{"what": "route_history"}]


async def test_the_history_is_turned_page_by_page(house: House) -> None:
    """Every load is on one page; numbers that are none are no page."""
    made = [await house.loaded(route="coder", was="a/one", now=f"b/{number}") for number in range(PAGE + 5)]
    browser = await house.side.signed_in("auditor")
    first = (await browser.open("/console/routes/history")).text
    assert f"before={made[5]}" in first
    assert first.count('class="words"') == PAGE
    second = (await browser.open(f"/console/routes/history?before={made[5]}")).text
    assert "b/4</code>" in second
    assert "b/5</code>" not in second
    assert second.count('class="words"') == 5
    assert (await browser.open("/console/routes/history?before=x")).status_code == 404


def test_starts_of_the_server_close_every_circuit(tmp_path: Path) -> None:
    """A process that died with an open circuit is not down for ever."""
    index = RunIndex(tmp_path / "sessions.db", is_writer=True)
    events = [
        Event(1, START_US, OPENED, {"provider": "p", "candidate": "c"}),
        Event(2, START_US + 1, LOADED, {"pid": 3}),
    ]
    index.keep([], 3, b"", events)
    seen, _, _ = index.fared(START_US + 2)
    assert seen == []
    index.close()
