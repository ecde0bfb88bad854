"""The one writer: all or nothing, durable before the answer, closed on failure and open again after success."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audit import SigningKey
from audit.seal import Keystore, read_kek
from audit.sqlite import open_log
from audit.verify import verify
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.bucket import per_hour
from firewall.core.errors import StoreError
from firewall.core.work import (
    Committed,
    EndPerson,
    EndToken,
    MoveApproval,
    OpenApproval,
    Outcome,
    PutIssued,
    PutPerson,
    PutToken,
    Record,
    Sweep,
    Take,
    Unit,
    Unmet,
)
from firewall.sequencer.opening import create, open_installation
from firewall.sequencer.posting import post
from firewall.sequencer.reading import Approving, PeopleLookup, TokenLookup
from firewall.sequencer.sealing import Sealing
from firewall.sequencer.writer import MAX_BATCH, Writer
from firewall.storage.sqlite.schema import create_tables, open_reader, open_writer
from tests.support.approving import START_US, StillClock, new_id, subject
from tests.support.guarding import places_in

ENTRY = Record(kind="tool.judged", data={"verdict": "allow"})


class Connection:
    """A connection whose next commits fail; everything else is the real one's."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real = real
        self.failing = 0
        self.said: list[str] = []
        self.after_rollback: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Fail a COMMIT as a full disk would."""
        if statement == "COMMIT" and self.failing:
            self.failing -= 1
            raise sqlite3.OperationalError("database or disk is full")
        self.said.append(statement)
        done = self.real.execute(statement, *values)  # type: ignore[arg-type]  # passed through
        if statement == "ROLLBACK":
            self.after_rollback()
        return done


class Bench:
    """A writer over a real file, without the guard that forbids pragmas."""

    def __init__(self, folder: Path) -> None:
        places = places_in(folder)
        create(places)
        self.path = places.database
        self.raw = open_writer(places.database)
        create_tables(self.raw)
        self.connection = Connection(self.raw)
        key = SigningKey.parse(places.signing_key.read_text().strip())
        self.key, self.origin = key, key.verifier.name
        self.keystore = Keystore(places.keystore, read_kek(places.keystore_key))
        self.clock = StillClock()
        sealing = Sealing(self.keystore)
        self.writer = Writer(
            self.connection,  # type: ignore[arg-type]  # stands in for the real one
            open_log(self.raw, key, origin=self.origin),
            sealing,
            self.clock,
        )
        self.reader = open_reader(places.database)
        self.approving = Approving(self.reader, sealing)
        self.tokens = TokenLookup(self.reader)
        self.people = PeopleLookup(self.reader)

    def count(self, table: str = "audit_entries") -> int:
        """Return how many rows somebody else sees."""
        return int(self.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a constant

    async def close(self) -> None:
        """Let go of everything."""
        await self.writer.stop()
        self.reader.close()
        self.keystore.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A writer with an empty log."""
    found = Bench(tmp_path)
    yield found
    await found.close()


def followed(bench: Bench, unit: Unit | None = None) -> asyncio.Future[Committed]:
    """Hand in a unit as nobody who waits for it does; done once its `then` was called."""
    told: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
    bench.writer.follow(unit or Unit(records=(ENTRY,)), then=told.set_result)
    return told


def approval(**changes: object) -> Approval:
    """Build a pending approval."""
    plain = Approval(
        id=new_id(), status=ApprovalStatus.PENDING, digest="d" * 64, principal="prn_1", token="tok_1", session="s",
        environment="staging", effects=("destructive",), opened_at=START_US, expires_at=START_US + 10**9,
        subject=subject(),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def token(ident: str, mark: bytes = b"f") -> PutToken:
    """Build a token to store."""
    return PutToken(ident, mark * 32, "admin", "root", "", "", START_US, START_US + 10**9)


async def test_answer_comes_after_the_commit(bench: Bench) -> None:
    """Who is answered can rely on it: another connection sees the entry already."""
    assert await bench.writer.submit(Unit(records=(ENTRY, ENTRY))) == Committed((0, 1))
    assert bench.count() == 2
    assert bench.writer.size == 2
    assert bench.writer.head is not None


async def test_unit_is_all_or_nothing(bench: Bench) -> None:
    """A step that is unmet undoes the steps before it and the records; only `otherwise` is kept."""
    unit = Unit(
        records=(ENTRY,),
        steps=(token("tok_a"), Take("k", per_hour(1)), EndToken("tok_none", START_US)),
        otherwise=(replace(ENTRY, kind="limit.hit"),),
    )
    assert await bench.writer.submit(unit) == Unmet(2, "unknown", found="tok_none", seqs=(0,))
    assert bench.tokens.by_id("tok_a") is None
    assert bench.count("buckets") == 0
    assert [row[0] for row in bench.reader.execute("SELECT kind FROM audit_entries")] == ["limit.hit"]


async def test_unmet_unit_does_not_touch_its_neighbours(bench: Bench) -> None:
    """Units of one commit are independent: what one takes back stays with the others."""
    outcomes = await asyncio.gather(
        bench.writer.submit(Unit(records=(ENTRY,), steps=(token("tok_a", b"a"),))),
        bench.writer.submit(Unit(records=(ENTRY,), steps=(token("tok_b", b"b"), EndToken("tok_none", 1)))),
        bench.writer.submit(Unit(records=(ENTRY,), steps=(token("tok_c", b"c"),))),
    )
    assert [type(outcome) for outcome in outcomes] == [Committed, Unmet, Committed]
    assert [one.id for one in bench.tokens.listing(10)] == ["tok_a", "tok_c"]
    assert bench.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        Unit(records=(Record(kind="tool.judged", data={"why": "x" * (32 << 20)}),)),
        Unit(records=(Record(kind="no.such.kind"),)),
        Unit(records=(ENTRY,), steps=(token("tok_a"), token("tok_a"))),
        Unit(records=(ENTRY,), steps=(token("tok_a"), EndToken("tok_a", 2**70))),
        Unit(records=(Record(kind="tool.judged", data={"count": 2**70}),), steps=(token("tok_a"),)),
        Unit(records=(Record(kind="tool.judged", private={"a": object()}),), steps=(token("tok_a"),)),
    ],
    ids=["too long", "unknown kind", "id twice", "number too large for the store", "number too large", "no json"],
)
async def test_wrong_unit_fails_alone(bench: Bench, wrong: Unit) -> None:
    """A unit that cannot be written hears so; those committed with it are none the worse, the gates stay open."""
    first, failed, last = await asyncio.gather(
        bench.writer.submit(Unit(records=(ENTRY,))),
        bench.writer.submit(wrong),
        bench.writer.submit(Unit(records=(ENTRY,))),
        return_exceptions=True,
    )
    assert (first, last) == (Committed((0,)), Committed((1,)))
    assert isinstance(failed, StoreError)
    assert bench.writer.is_open
    assert bench.tokens.by_id("tok_a") is None
    assert bench.count() == 2


async def test_failed_commit_undoes_the_batch_and_everyone_hears(bench: Bench) -> None:
    """Nothing of a commit that failed is kept, nobody in it is told it worked, and the next one counts on."""
    await bench.writer.submit(Unit(records=(ENTRY,)))
    head = bench.writer.head
    bench.connection.failing = 1
    failed = await asyncio.gather(
        *(bench.writer.submit(Unit(records=(ENTRY,), steps=(token(f"tok_{n}", bytes([n])),))) for n in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(one, StoreError) for one in failed)
    assert (bench.writer.is_open, bench.writer.head, bench.writer.size) == (False, head, 1)
    assert (bench.count(), bench.count("tokens")) == (1, 0)
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((1,))
    assert bench.writer.is_open
    open_log(bench.raw, bench.key, origin=bench.origin)


async def test_full_disk_closes_and_space_opens_again(bench: Bench) -> None:
    """A disk that is full refuses writes without damage; with space the same process goes on."""
    await bench.writer.submit(Unit(records=(ENTRY,)))
    pages = bench.raw.execute("PRAGMA page_count").fetchone()[0]
    bench.raw.execute(f"PRAGMA max_page_count={pages + 2}")
    large = Unit(records=(Record(kind="tool.judged", private={"arguments": "x" * 60_000}, person="olga"),))
    answers = await asyncio.gather(*(bench.writer.submit(large) for _ in range(4)), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, StoreError)]
    assert refused
    assert {one.status for one in refused} == {503}
    kept = bench.writer.size
    bench.raw.execute("PRAGMA max_page_count=1073741823")
    assert await bench.writer.submit(large) == Committed((kept,))
    assert bench.writer.is_open
    assert bench.count() == kept + 1
    open_log(bench.raw, bench.key, origin=bench.origin)


async def test_error_that_nobody_foresaw_leaves_nobody_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever raises while a batch is applied: everyone hears a failure, and the next unit is served."""

    def broken() -> int:
        raise RuntimeError("no clock")

    with monkeypatch.context() as patch:
        patch.setattr(bench.clock, "now_us", broken)
        async with asyncio.timeout(30):
            failed = await asyncio.gather(
                *(bench.writer.submit(Unit(records=(ENTRY,))) for _ in range(3)), return_exceptions=True
            )
    assert all(isinstance(one, StoreError) for one in failed)
    assert not bench.writer.is_open
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((0,))


async def test_file_that_somebody_else_wrote_is_written_no_more(bench: Bench) -> None:
    """After a failure the stored log is compared with the committed one; a difference needs a restart."""
    await bench.writer.submit(Unit(records=(ENTRY,)))
    bench.connection.failing = 1
    bench.connection.after_rollback = lambda: bench.raw.execute(
        "INSERT INTO audit_entries (seq, at, kind, principal, approval, leaf, body, sealed)"
        " SELECT 1, at, kind, principal, approval, leaf, body, sealed FROM audit_entries WHERE seq = 0"
    )
    for _ in range(2):
        with pytest.raises(StoreError):
            await bench.writer.submit(Unit(records=(ENTRY,)))
    assert not bench.writer.is_open
    assert bench.count() == 2


async def test_order_is_the_order_of_submission(bench: Bench) -> None:
    """Numbers follow the order in which units came, without a gap, over many commits."""
    outcomes = await asyncio.gather(
        *(
            bench.writer.submit(Unit(records=(Record(kind="tool.judged", data={"n": n}),) * (n % 3 + 1)))
            for n in range(1200)
        )
    )
    seqs = [seq for outcome in outcomes if isinstance(outcome, Committed) for seq in outcome.seqs]
    assert seqs == list(range(len(seqs)))
    assert bench.count() == len(seqs)


async def test_a_clock_set_back_changes_no_order(bench: Bench) -> None:
    """82: an hour back, entries are numbered on in the order in which they came, and the log verifies."""
    for seconds in (0, -3600, 1):
        bench.clock.forward(seconds)
        assert isinstance(await bench.writer.submit(Unit(records=(ENTRY,))), Committed)
    rows = bench.reader.execute("SELECT seq, at FROM audit_entries ORDER BY seq").fetchall()
    assert [seq for seq, _ in rows] == [0, 1, 2]
    assert rows[1][1] < rows[0][1], "the time stands there as the clock said it"
    assert verify(bench.path, [bench.key.verifier]).ok


async def test_cancelled_waiter_harms_nobody(bench: Bench) -> None:
    """Somebody who stops waiting neither loses nor blocks the others; his unit is whole or not there."""
    tasks = [
        asyncio.create_task(
            bench.writer.submit(Unit(records=(ENTRY, ENTRY), steps=(token(f"tok_{n}", bytes([n])),)))
        )
        for n in range(20)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, Committed) for one in outcomes[1::2])
    await bench.writer.submit(Unit(records=(ENTRY,)))
    assert bench.count() == 2 * bench.count("tokens") + 1


async def test_stopped_writer_takes_nothing(bench: Bench) -> None:
    """What waits is finished; afterwards every unit is refused."""
    waiting = asyncio.create_task(bench.writer.submit(Unit(records=(ENTRY,))))
    await asyncio.sleep(0)
    await bench.writer.stop()
    assert await waiting == Committed((0,))
    assert not bench.writer.is_open
    with pytest.raises(StoreError):
        await bench.writer.submit(Unit(records=(ENTRY,)))


async def test_what_is_handed_in_while_the_writer_stops_is_written_or_refused(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """An outcome that follows from the last commit is written; one that comes too late is refused with a line."""
    told: list[Committed] = []

    def after(done: Committed) -> None:
        told.append(done)
        if len(told) < 3:  # each in the very turn in which nothing waited any more
            bench.writer.follow(Unit(records=(ENTRY,)), then=after)

    async def asks() -> None:
        await bench.writer.submit(Unit(records=(ENTRY,)))
        bench.writer.follow(Unit(records=(ENTRY,)), then=after)

    asking = asyncio.create_task(asks())
    await asyncio.sleep(0)
    await bench.writer.stop()
    await asking
    assert [one.seqs for one in told] == [(1,), (2,), (3,)]
    assert bench.count() == 4
    assert not caplog.records
    post(bench.writer, Unit(records=(ENTRY,)))
    assert [record.getMessage() for record in caplog.records] == ["an outcome could not be recorded: stopped"]


async def test_an_outcome_that_is_cancelled_on_its_way_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Through a sequencer elsewhere as well, none is lost without a line."""

    class Elsewhere:
        """One that never answers."""

        is_open = True

        async def submit(self, unit: Unit) -> Outcome:
            """As the port says."""
            await asyncio.Event().wait()
            raise AssertionError(unit)

        def pseudonym(self, name: str) -> str:
            """As the port says."""
            return name

    before = asyncio.all_tasks()
    post(Elsewhere(), Unit(records=(ENTRY,)))
    (task,) = asyncio.all_tasks() - before
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert [record.getMessage() for record in caplog.records] == [
        "an outcome may not have been recorded: cancelled"
    ]


async def test_a_stopped_writer_leaves_everything_in_one_file(bench: Bench, tmp_path: Path) -> None:
    """The file alone has every entry, although others still read it: no write-ahead log is left to be copied."""
    await bench.writer.submit(Unit(records=(ENTRY,)))
    assert bench.count() == 1
    await bench.writer.stop()
    assert bench.path.with_name(f"{bench.path.name}-wal").stat().st_size == 0
    alone = tmp_path / "copy.db"
    alone.write_bytes(bench.path.read_bytes())
    assert verify(alone, [bench.key.verifier]).ok


async def test_a_reader_in_the_middle_hinders_no_stop(bench: Bench) -> None:
    """What it has to see stays beside the file; everything is there for whoever opens both."""
    bench.reader.execute("BEGIN")
    assert bench.count() == 0
    await bench.writer.submit(Unit(records=(ENTRY,)))
    async with asyncio.timeout(30):
        await bench.writer.stop()
    bench.reader.execute("COMMIT")
    assert bench.count() == 1


async def test_bucket_is_exact_under_parallel_takers(bench: Bench) -> None:
    """Two cells an hour are two, whoever asks first, in one commit or in many."""
    take = Unit(records=(ENTRY,), steps=(Take("k", per_hour(2)),), otherwise=(replace(ENTRY, kind="limit.hit"),))
    outcomes = await asyncio.gather(*(bench.writer.submit(take) for _ in range(50)))
    assert sum(isinstance(one, Committed) for one in outcomes) == 2
    full = [one for one in outcomes if isinstance(one, Unmet)]
    assert {one.why for one in full} == {"full"}
    assert all(0 < one.retry_after_us <= 1_800_000_000 for one in full)
    never = await bench.writer.submit(Unit(steps=(Take("new", per_hour(2), cells=3),)))
    assert isinstance(never, Unmet)
    assert bench.count("buckets") == 1


async def test_sweeping_forgets_only_what_says_nothing(bench: Bench) -> None:
    """A bucket that is empty again and an id of long ago go; a bucket in use and a recent id stay."""
    hour = 3600 * 1_000_000
    used = Unit(
        steps=(
            Take("used", per_hour(2)),
            PutIssued("prn_1", ("resp_old",), bench.clock.now_us(), "openai"),
            PutIssued("prn_1", ("resp_new",), bench.clock.now_us() + 3 * hour, "openai"),
        )
    )
    await bench.writer.submit(used)
    bench.clock.forward(7200)
    await bench.writer.submit(Unit(steps=(Take("again", per_hour(2)),)))
    assert bench.count("buckets") == 2
    swept = await bench.writer.submit(Unit(steps=(Sweep(issued_before=bench.clock.now_us()),)))
    assert swept == Committed(())
    keys = [row[0] for row in bench.reader.execute("SELECT key FROM buckets")]
    ids = [row[0] for row in bench.reader.execute("SELECT id FROM issued")]
    assert (keys, ids) == (["again"], ["resp_new"])


async def test_approval_is_sealed_at_rest_and_moves_once(bench: Bench) -> None:
    """No argument stands readable in the file, and only one of two moves from the same state is made."""
    wanted = approval()
    await bench.writer.submit(Unit(steps=(OpenApproval(wanted, 5),)))
    stored = bench.approving.get(wanted.id)
    assert stored is not None
    assert stored.subject == wanted.subject
    move = MoveApproval(
        wanted.id, ApprovalStatus.PENDING, ApprovalStatus.DENIED, at=START_US, by="per_a", reason="canary-no"
    )
    outcomes = await asyncio.gather(*(bench.writer.submit(Unit(steps=(move,))) for _ in range(4)))
    assert [type(one) for one in outcomes] == [Committed, Unmet, Unmet, Unmet]
    decided = bench.approving.get(wanted.id)
    assert decided is not None
    assert (decided.status, decided.reason, decided.decided_by) == (ApprovalStatus.DENIED, "canary-no", "per_a")
    bench.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bench.path.read_bytes()
    assert b"canary-no" not in raw
    assert b"/srv/data" not in raw


async def test_what_nobody_waits_for_shares_a_commit_and_keeps_its_place(bench: Bench) -> None:
    """It goes with the next unit that somebody waits for, before it, under one checkpoint."""
    await bench.writer.submit(Unit(records=(ENTRY,)))
    told = followed(bench)
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((2,))
    assert await told == Committed((1,))
    assert (bench.count(), bench.count("audit_checkpoints")) == (3, 2)


async def test_what_nobody_waits_for_is_durable_without_company(bench: Bench) -> None:
    """Nothing else has to come: alone, behind a commit that runs, and when the writer stops at once."""
    async with asyncio.timeout(30):
        assert await followed(bench) == Committed((0,))
        running = bench.writer.queue(Unit(records=(ENTRY,)))
        await asyncio.sleep(0)
        assert bench.writer._busy
        assert await followed(bench) == Committed((2,))
        assert await running == Committed((1,))
        last = followed(bench)
        await bench.writer.stop()
    assert await last == Committed((3,))
    assert bench.count() == 4


async def test_many_that_nobody_waits_for_are_written_in_order(bench: Bench) -> None:
    """A full batch waits for nobody; numbers follow the order in which units came, awaited or not."""
    unit = Unit(records=(ENTRY,))
    mixed = [
        bench.writer.queue(unit) if n % 400 == 399 else followed(bench, unit) for n in range(2 * MAX_BATCH + 5)
    ]
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*mixed)
    assert outcomes == [Committed((n,)) for n in range(2 * MAX_BATCH + 5)]


async def test_what_nobody_waits_for_closes_the_gates_when_it_cannot_be_kept(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed commit is a failed commit, whoever waited for it: a line says so, and nobody is told otherwise."""
    bench.connection.failing = 1
    told = followed(bench)
    async with asyncio.timeout(30):
        await bench.writer._idle.wait()
    assert not bench.writer.is_open
    assert not told.done()
    assert "could not be recorded: OperationalError" in caplog.text
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((0,))
    wrong = Unit(records=(Record(kind="no.such.kind"),))
    told = followed(bench, wrong)
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((1,))
    assert not told.done()
    assert bench.writer.is_open


async def test_conditions_that_are_met_cost_no_savepoint(bench: Bench) -> None:
    """Only after one was unmet do units keep savepoints, for a while; what is kept is the same either way."""
    met = Unit(records=(ENTRY,), steps=(Take("a", per_hour(9)), Take("b", per_hour(9))))
    unmet = Unit(records=(ENTRY,), steps=(Take("a", per_hour(9)), Take("none", per_hour(1), cells=2)))

    async def both() -> list[int]:
        before = bench.connection.said.count("SAVEPOINT unit")
        outcomes = await asyncio.gather(*(bench.writer.submit(unit) for unit in (met, unmet, met)))
        assert [type(one) for one in outcomes] == [Committed, Unmet, Committed]
        return [bench.connection.said.count("SAVEPOINT unit") - before, bench.count()]

    await bench.writer.submit(met)
    assert bench.connection.said.count("SAVEPOINT unit") == 0
    assert await both() == [3, 3]
    assert bench.connection.said.count("ROLLBACK") == 1
    assert await both() == [3, 5]
    assert bench.connection.said.count("ROLLBACK") == 1
    bench.clock.forward(2)
    await bench.writer.submit(met)
    assert bench.connection.said.count("SAVEPOINT unit") == 6
    assert bench.count("buckets") == 2
    tat = dict(bench.reader.execute("SELECT key, tat_us FROM buckets").fetchall())
    assert tat["a"] == tat["b"] == START_US + 6 * per_hour(9).interval_us


async def test_people_come_and_go(bench: Bench) -> None:
    """A removed person is gone for every reading, and removing again finds nobody."""
    await bench.writer.submit(Unit(steps=(PutPerson("alice", "approver", ("oncall",), "hash", START_US),)))
    found = bench.people.get("alice")
    assert found is not None
    assert found.groups == ("oncall",)
    assert isinstance(await bench.writer.submit(Unit(steps=(EndPerson("alice", START_US),))), Committed)
    assert isinstance(await bench.writer.submit(Unit(steps=(EndPerson("alice", START_US),))), Unmet)
    assert bench.people.get("alice") is None
    assert bench.people.listing() == []


async def test_store_that_cannot_be_read_is_an_error_not_an_empty_one(bench: Bench) -> None:
    """A lookup that fails closes the gates instead of finding nothing."""
    bench.reader.close()
    for read in (
        lambda: bench.tokens.by_id("tok_a"),
        lambda: bench.people.get("alice"),
        lambda: bench.approving.usable("prn_1", "d" * 64, START_US),
        lambda: bench.tokens.issuer_of("prn_1", "resp_1"),
    ):
        with pytest.raises(StoreError):
            read()
    bench.reader = open_reader(bench.path)


async def test_writer_of_an_installation_forbids_changing_the_past(tmp_path: Path) -> None:
    """The open connection itself cannot update, delete or drop what the log holds."""
    places = places_in(tmp_path)
    create(places)
    opened = open_installation(places, StillClock())
    try:
        await opened.writer.submit(Unit(records=(ENTRY,)))
        connection = opened.writer._connection  # the attack starts from the inside
        for statement in (
            "DELETE FROM audit_entries",
            "UPDATE audit_entries SET body = x''",
            "DROP TABLE audit_entries",
            "PRAGMA writable_schema=ON",
            "DROP TRIGGER audit_entries_next",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                connection.execute(statement)
    finally:
        await opened.close()


async def test_without_a_thread_everyone_hears_and_the_gates_close(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started nobody waits for ever, nothing is kept, and the next commit opens again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            async with asyncio.timeout(30):
                failed = await asyncio.gather(
                    *(bench.writer.submit(Unit(records=(ENTRY,))) for _ in range(3)), return_exceptions=True
                )
            assert all(isinstance(one, StoreError) for one in failed)
            assert not bench.writer.is_open
    assert bench.count() == 0
    assert await bench.writer.submit(Unit(records=(ENTRY,))) == Committed((0,))
    assert bench.writer.is_open
