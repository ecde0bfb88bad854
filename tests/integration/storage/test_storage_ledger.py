"""The ledger in the store follows the pure rule, and no two callers ever have the same micro-dollar."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.attribution import Attribution
from firewall.core.bucket import Rate, Taken, take
from firewall.core.budget import Balance, hold
from firewall.core.money import Tokens
from firewall.core.spending import Extend, Line, Part, Pay, Reclaim, Reserve, Settle, Spent, State, Tell
from firewall.core.work import Committed, Record, Take, Unit, Unmet
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.storage.sqlite import ledger, limits
from firewall.storage.sqlite.schema import create_tables, open_writer
from tests.support.approving import START_US, StillClock
from tests.support.guarding import places_in

CAP = 1_000_000
HOUR_US = 3_600_000_000
LATE_US = START_US + 2 * HOUR_US


def line(call: str, state: State = State.OPEN, *, cost: int | None = None, reserved: int = 0) -> Line:
    """Build the line of a call."""
    about = Attribution(feature="search", team="platform", tags=(("ticket", "7"),))
    return Line(
        call=call, at_us=START_US, state=state, about=about, model="m", cost_micros=cost, reserved_micros=reserved
    )


def reserve(call: str, *parts: Part) -> Reserve:
    """Build a reservation with an hour's lease."""
    most = max((part.micros for part in parts), default=0)
    return Reserve(line(call, reserved=most), parts, START_US + HOUR_US)


def settled(call: str, *charges: Part) -> Settle:
    """Build a settlement."""
    return Settle(line(call, State.EXACT, cost=sum(part.micros for part in charges[:1])), charges)


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Open an empty file for the one writer."""
    with TemporaryDirectory() as folder:
        connection = open_writer(Path(folder) / "log.db")
        create_tables(connection)
        try:
            yield connection
        finally:
            connection.close()


def balance(connection: sqlite3.Connection, key: str) -> Balance:
    """Read an account."""
    row = connection.execute("SELECT spent, held FROM spend_accounts WHERE key = ?", (key,)).fetchone()
    return Balance(*row) if row else Balance()


MOVES = st.lists(st.tuples(st.sampled_from(["begin", "end", "leak"]), st.integers(0, 60), st.integers(0, 200)))


@settings(max_examples=60)
@given(st.integers(0, 150), MOVES)
def test_store_and_rule_agree(limit: int, moves: list[tuple[str, int, int]]) -> None:
    """Whatever begins, ends or leaks: both grant and refuse alike, and no account holds what no call holds."""
    with opened() as connection:
        oracle, under_way, number = Balance(), dict[str, int](), 0
        for what, amount, share in moves:
            if what == "begin":
                number += 1
                said = hold(oracle, amount, limit)
                unmet = ledger.reserve(connection, reserve(str(number), Part("k", amount, limit)), 0)
                assert (unmet is None) is (said is not None)
                if said is not None:
                    oracle = said
                    under_way[str(number)] = amount
            elif what == "end" and under_way:
                call, held = under_way.popitem()
                owed = held * share // 100
                oracle = Balance(oracle.spent + owed, oracle.held - held)
                (told,) = ledger.settle(connection, settled(call, Part("k", owed)), LATE_US)
                assert told == Spent("k", oracle.spent, 0)
            elif what == "leak":
                ledger.reclaim(connection, Reclaim(before_us=LATE_US))
                oracle = Balance(oracle.spent + oracle.held, 0)
                for call, held in under_way.items():  # whoever settles after all puts it right
                    ledger.settle(connection, settled(call, Part("k", held)), LATE_US)
                under_way.clear()
            assert balance(connection, "k") == oracle
            rows = connection.execute("SELECT parts FROM spend_open WHERE booked = 0").fetchall()
            assert sum(micros for (parts,) in rows for _, micros in orjson.loads(parts)) == oracle.held


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    """A real installation with its one writer."""
    places = places_in(tmp_path)
    create(places)
    found = open_installation(places, StillClock())
    yield found
    await found.close()


@pytest.mark.parametrize("several", [1, 3])
async def test_256_calls_at_the_edge_of_a_cap_never_overspend_it(installation: Installation, several: int) -> None:
    """As many pass as the cap pays for, not one micro-dollar more, and every refusal stands in the log."""
    each = 9_973  # no divisor of the cap
    keys = [Part(f"team:{number}:day:x", each, CAP) for number in range(several)]
    requested, refused = Record(kind="model.requested"), Record(kind="limit.hit", data={"limit": "money"})

    async def call(number: int) -> bool:
        step = reserve(f"cal_{number}", *keys)
        said = await installation.writer.submit(Unit((requested,), (step,), (refused,)))
        if isinstance(said, Unmet):
            assert said.why == "spent"
            return False
        done = settled(f"cal_{number}", *(replace(key, micros=each, limit_micros=0) for key in keys))
        assert isinstance(await installation.writer.submit(Unit(steps=(done,))), Committed)
        return True

    passed = sum(await asyncio.gather(*(call(number) for number in range(256))))
    assert passed == CAP // each
    rows = installation.reader.execute("SELECT spent, held FROM spend_accounts").fetchall()
    assert rows == [(passed * each, 0)] * several
    kinds = dict(installation.reader.execute("SELECT kind, count(*) FROM audit_entries GROUP BY kind").fetchall())
    assert (kinds["model.requested"], kinds["limit.hit"]) == (passed, 256 - passed)


async def test_all_accounts_give_or_none(installation: Installation) -> None:
    """When the team's money is used up, nothing stays held on the owner's account; the full one is named."""
    parts = (Part("owner:o:day:x", 10, 100), Part("team:t:day:x", 10, 9))
    said = await installation.writer.submit(Unit(steps=(reserve("cal_1", *parts),)))
    assert isinstance(said, Unmet)
    assert (said.why, said.found) == ("spent", "team:t:day:x")
    await installation.writer.submit(Unit(steps=(reserve("cal_2", Part("team:t:day:x", 9, 9)),)))
    said = await installation.writer.submit(Unit(steps=(reserve("cal_3", parts[0], Part("team:t:day:x", 1, 9)),)))
    assert isinstance(said, Unmet)
    assert said.found == "team:t:day:x"
    rows = installation.reader.execute("SELECT key, held FROM spend_accounts").fetchall()
    assert rows == [("team:t:day:x", 9)]
    assert installation.reader.execute("SELECT call FROM spend_open").fetchall() == [("cal_2",)]


async def test_a_refused_call_takes_no_request_from_its_rate_either(installation: Installation) -> None:
    """Rate and money are one unit: who has no money left keeps his requests."""
    rate = Rate(limit=1, window_us=60_000_000, burst=1)
    unit = Unit(steps=(Take("requests:t", rate), reserve("cal_1", Part("k", 2, 1))))
    assert isinstance(await installation.writer.submit(unit), Unmet)
    assert isinstance(await installation.writer.submit(Unit(steps=(Take("requests:t", rate),))), Committed)


async def test_a_running_call_may_hold_more_until_the_limit(installation: Installation) -> None:
    """An extension is held like a reservation; a call that holds nothing can extend nothing."""
    writer = installation.writer
    await writer.submit(Unit(steps=(reserve("cal_1", Part("k", 60, 100)),)))
    assert isinstance(await writer.submit(Unit(steps=(Extend("cal_1", (Part("k", 40, 100),)),))), Committed)
    over = await writer.submit(Unit(steps=(Extend("cal_1", (Part("k", 1, 100),)),)))
    assert isinstance(over, Unmet)
    assert over.why == "spent"
    said = await writer.submit(Unit(steps=(settled("cal_1", Part("k", 70)),)))
    assert said == Committed((), (Spent("k", 70, 0),))
    gone = await writer.submit(Unit(steps=(Extend("cal_1", (Part("k", 1, 100),)),)))
    assert isinstance(gone, Unmet)
    assert gone.why == "unknown"
    assert installation.reader.execute("SELECT count(*) FROM spend_open").fetchone() == (0,)


async def test_what_nobody_settles_is_booked_as_held_and_put_right_by_who_does(installation: Installation) -> None:
    """A crash loses no money and keeps none for ever; the line says that it is a guess until it is known."""
    writer, reader = installation.writer, installation.reader
    await writer.submit(Unit(steps=(reserve("cal_1", Part("k", 60, 100)),)))
    await writer.submit(Unit(steps=(Reclaim(before_us=START_US),)))
    assert reader.execute("SELECT spent, held FROM spend_accounts").fetchone() == (0, 60)
    await writer.submit(Unit(steps=(Reclaim(before_us=LATE_US),)))
    assert reader.execute("SELECT spent, held FROM spend_accounts").fetchone() == (60, 0)
    assert reader.execute("SELECT state, cost FROM spend_calls").fetchone() == ("leaked", 60)
    await writer.submit(Unit(steps=(settled("cal_1", Part("k", 25)),)))
    assert reader.execute("SELECT spent, held FROM spend_accounts").fetchone() == (25, 0)
    assert reader.execute("SELECT state, cost FROM spend_calls").fetchone() == ("exact", 25)
    await writer.submit(Unit(steps=(Reclaim(before_us=LATE_US, forget_us=LATE_US),)))
    for table in ("spend_accounts", "spend_open", "spend_calls"):
        assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - a constant


async def test_people_are_told_once(installation: Installation) -> None:
    """Of two settlements that pass a mark together, one tells."""
    writer = installation.writer
    await writer.submit(Unit(steps=(settled("cal_1", Part("k", 80)),)))
    said = [await writer.submit(Unit(steps=(Tell("k", 50),))) for _ in range(2)]
    assert [type(one) for one in said] == [Committed, Unmet]
    assert await writer.submit(Unit(steps=(settled("cal_2", Part("k", 1)),))) == Committed(
        (), (Spent("k", 81, 50),)
    )


def test_a_line_keeps_everything_that_is_known_of_a_call() -> None:
    """Counts, words, tags and price stand in their columns; an unknown cost is no number."""
    used = Tokens(
        input=1, cache_read=2, cache_write=3, cache_write_1h=4, input_image=5, input_audio=6, output=7,
        reasoning=8, output_image=9, output_audio=10, searches=11,
    )  # fmt: skip
    whole = Line(
        call="cal_1", at_us=12, state=State.UNKNOWN, entry=13, token="tok", principal="p", owner="o", session="s",
        about=Attribution("f", "u", "t", (("a", "b"),)), route="r", provider="v", model="m", used=used,
        cost_micros=None, reserved_micros=14, attempts=15, price="list 1",
    )  # fmt: skip
    with opened() as connection:
        connection.row_factory = sqlite3.Row
        ledger.settle(connection, Settle(whole), 1)
        row = dict(connection.execute("SELECT * FROM spend_calls").fetchone())
    assert row == {
        "call": "cal_1", "at": 12, "state": "unknown", "entry": 13, "token": "tok", "principal": "p", "owner": "o",
        "session": "s", "team": "t", "feature": "f", "user_tier": "u", "tags": '{"a":"b"}', "route": "r",
        "provider": "v", "model": "m", "input": 1, "cache_read": 2, "cache_write": 3, "cache_write_1h": 4,
        "input_image": 5, "input_audio": 6, "output": 7, "reasoning": 8, "output_image": 9, "output_audio": 10,
        "searches": 11, "cost": None, "reserved": 14, "attempts": 15, "price": "list 1",
    }  # fmt: skip


def test_a_bucket_in_debt_makes_later_takers_wait_and_giving_back_never_makes_it_richer_than_new() -> None:
    """Tokens that an answer used are paid after the fact; too many given back leave an unused bucket."""
    rate = Rate(limit=60, window_us=60_000_000, burst=60)
    with opened() as connection:
        limits.pay(connection, Pay("tokens:t", rate, 90), START_US)
        assert limits.take(connection, Take("tokens:t", rate), 0, START_US) is not None
        assert limits.take(connection, Take("tokens:t", rate), 0, START_US + 31_000_000) is None
        limits.pay(connection, Pay("tokens:t", rate, -500), START_US + 31_000_000)
        full = take(rate, tat_us=0, now_us=START_US + 31_000_000, cells=60)
        assert isinstance(full, Taken)
        assert limits.take(connection, Take("tokens:t", rate, 60), 0, START_US + 31_000_000) is None
        limits.pay(connection, Pay("tokens:new", rate, -5), START_US)
        assert limits.take(connection, Take("tokens:new", rate, 60), 0, START_US) is None
