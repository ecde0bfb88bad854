"""Erasing a key: the entry first, nothing behind it under the old key, and a crash in between finished."""

import asyncio
import sqlite3
from pathlib import Path

import orjson
import pytest

from audit import AuditError
from firewall.core.bucket import Rate
from firewall.core.erasure import Erasable, EraseSubject
from firewall.core.errors import StoreError
from firewall.core.proofs import Link, LinkUse, Passkey
from firewall.core.spending import Pay
from firewall.core.work import (
    Committed,
    EndPerson,
    PutAbsence,
    PutLink,
    PutPasskey,
    PutPerson,
    PutToken,
    Record,
    Step,
    Take,
    Unit,
    Unmet,
)
from firewall.sequencer.erasing import ErasureLookup
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.sequencer.thread import Thread
from firewall.storage.sqlite import erasures
from tests.support.approving import START_US, StillClock
from tests.support.guarding import places_in

ABOUT = Record(kind="tool.judged", person="olga", principal="olga/coder", private={"what": "a secret"})


def _opened(folder: Path) -> Installation:
    return open_installation(places_in(folder), StillClock())


def _step(installation: Installation, name: str = "olga") -> EraseSubject:
    key = installation.sealing.key_for(name)
    return EraseSubject(key.id, name, key.pseudonym("per_", name), START_US)


def _erasing(step: EraseSubject) -> Unit:
    record = Record(kind="audit.erased", data={"key": step.key}, person="root", private={"reason": "asked"})
    return Unit(records=(record,), steps=(step,))


def _bodies(installation: Installation) -> list[dict[str, object]]:
    rows = installation.reader.execute("SELECT body FROM audit_entries ORDER BY seq")
    return [orjson.loads(row[0]) for row in rows]


def _keys(bodies: list[dict[str, object]]) -> list[object]:
    return [sealed["key"] for one in bodies if isinstance(sealed := one.get("sealed"), dict)]


async def test_nothing_behind_the_entry_is_sealed_under_the_old_key(tmp_path: Path) -> None:
    """80: Units of the same turn before it have the old key, those behind it a new one and a new pseudonym."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    writer = installation.writer
    old = installation.sealing.pseudonym("olga/coder")
    step = _step(installation)
    units = [Unit(records=(ABOUT,)), _erasing(step), *[Unit(records=(ABOUT,))] * 3]
    outcomes = await asyncio.gather(*(writer.submit(unit) for unit in units))
    assert all(isinstance(one, Committed) for one in outcomes)
    bodies = _bodies(installation)
    assert [one["kind"] for one in bodies] == ["tool.judged", "audit.erased", *["tool.judged"] * 3]
    first, _, *behind = _keys(bodies)
    assert first == step.key
    assert step.key not in behind
    assert len(set(behind)) == 1
    assert bodies[0]["principal"] == old
    assert old not in [one["principal"] for one in bodies[1:]]
    assert installation.keystore.find(step.key) is None
    await installation.close()


async def test_what_comes_late_makes_no_key_under_the_name(tmp_path: Path) -> None:
    """80: Neither an entry nor a question for the pseudonym, before, while and after the key goes."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    writer, sealing = installation.writer, installation.sealing
    step = _step(installation)
    erasing = writer.queue(_erasing(step))
    while not erasing.done():
        sealing.pseudonym("olga/other")
        await asyncio.sleep(0)
    late = sealing.pseudonym("olga/coder")
    assert late == sealing.pseudonym("olga/coder")
    assert late not in (step.pseudonym, sealing.pseudonym("olga"))
    await writer.submit(Unit(records=(ABOUT,)))
    assert installation.keystore.known("olga") is None
    assert "olga" not in repr(vars(sealing))
    last = _bodies(installation)[-1]
    assert last["principal"] == late
    assert installation.keystore.find(str(_keys([last])[0])) is None
    await installation.close()


async def test_whoever_comes_under_the_name_is_somebody_new(tmp_path: Path) -> None:
    """A token made out to the name, or the right to sign in: from that entry on there is a key again."""
    grant = '{"owner": "olga"}'
    ways: tuple[Step, ...] = (
        PutToken("tok_1", b"f", "agent", "", "", grant, START_US, START_US + 1),
        PutToken("tok_1", b"f", "service", "olga", "", "", START_US, START_US + 1),
        PutToken("tok_1", b"f", "oauth", "row", "", "", START_US, START_US + 1, owner="olga", erasures=1),
        PutPerson("olga", "approver", (), "hash", START_US),
    )
    for number, came in enumerate(ways):
        folder = tmp_path / str(number)
        folder.mkdir()
        create(places_in(folder))
        installation = _opened(folder)
        await installation.writer.submit(_erasing(_step(installation)))
        assert isinstance(await installation.writer.submit(Unit(records=(ABOUT,), steps=(came,))), Committed)
        key = installation.keystore.known("olga")
        assert key is not None
        assert _keys(_bodies(installation))[-1] == key.id
        await installation.close()


ERASED = "olga"
WRITING = (
    PutLink(Link("lnk_1", b"f", LinkUse.SIGN_IN, ERASED, "", "", START_US, START_US + 1)),
    PutPasskey(Passkey("pky_1", ERASED, b"c", b"k", 0, "phone", backed_up=False, created_at=1, used_at=0), 5),
    PutAbsence(ERASED, "", True, START_US, START_US + 1),  # noqa: FBT003 - a field
    PutAbsence("otto", ERASED, False, START_US, START_US + 1),  # noqa: FBT003 - a field
    PutToken("tok_9", b"g", "oauth", "row", "", "", START_US, START_US + 1, owner=ERASED, erasures=0),
    PutToken("tok_9", b"g", "agent", "", "tok_gone", '{"owner": "olga"}', START_US, START_US + 1),
    Take(f"requests:owner:{ERASED}", Rate(limit=5, window_us=1_000_000, burst=5)),
    Pay(f"tokens:owner:{ERASED}", Rate(limit=5, window_us=1_000_000, burst=5), 3),
)
"""What was made out to somebody before he was erased, and comes to be written behind it."""


@pytest.mark.parametrize("step", WRITING, ids=lambda one: type(one).__name__)
async def test_no_row_names_whoever_was_erased(tmp_path: Path, step: Step) -> None:
    """80: What was asked for before, in the same turn, is refused behind the erasure; no file has the name."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    writer = installation.writer
    erasing = writer.queue(_erasing(_step(installation)))
    behind = writer.queue(Unit(records=(ABOUT,), steps=(step,)))
    with_others = writer.queue(Unit(records=(ABOUT,), steps=(PutPerson("otto", "approver", (), "h", 1), step)))
    assert isinstance(await erasing, Committed)
    is_debt = isinstance(step, Pay)
    for outcome in (await behind, await with_others):
        assert isinstance(outcome, Committed if is_debt else Unmet)
    assert installation.keystore.known(ERASED) is None
    assert [one["kind"] for one in _bodies(installation)] == ["audit.erased", *["tool.judged"] * (2 * is_debt)]
    await installation.close()
    assert _files_with(tmp_path, ERASED.encode()) == []


async def test_an_erasure_that_is_not_committed_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever could not be erased has his key and his pseudonym, also in what is written next."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    step = _step(installation)

    def no_thread(_job: object) -> None:
        raise RuntimeError("no thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "run", no_thread)
        with pytest.raises(StoreError):
            await installation.writer.submit(_erasing(step))
    await installation.writer.submit(Unit(records=(ABOUT,)))
    assert _keys(_bodies(installation)) == [step.key]
    await installation.writer.submit(Unit(steps=(PutPerson("olga", "approver", (), "hash", START_US),)))
    unmet = await installation.writer.submit(_erasing(step))
    assert isinstance(unmet, Unmet)
    await installation.writer.submit(Unit(records=(ABOUT,)))
    assert _keys(_bodies(installation)) == [step.key] * 2
    await installation.close()


async def test_two_erasures_of_one_turn_are_both_carried_out(tmp_path: Path) -> None:
    """Each ends a commit of its own."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    steps = [_step(installation, name) for name in ("olga", "otto")]
    await asyncio.gather(*(installation.writer.submit(_erasing(step)) for step in steps))
    assert [installation.keystore.find(step.key) for step in steps] == [None, None]
    again = await installation.writer.submit(_erasing(steps[0]))
    assert isinstance(again, Unmet)
    assert again.why == "unknown"
    await installation.close()


async def test_what_a_crash_left_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that could not be destroyed closes the log, and is destroyed before anything is written again."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    step = _step(installation)

    def full(_ids: object) -> int:
        raise AuditError("cannot erase from the keystore: disk full")

    monkeypatch.setattr(installation.sealing, "destroy", full)
    with pytest.raises(StoreError):
        await installation.writer.submit(_erasing(step))
    assert not installation.writer.is_open
    with pytest.raises(StoreError):
        await installation.writer.submit(Unit(records=(ABOUT,)))
    assert [one["kind"] for one in _bodies(installation)] == ["audit.erased"]
    assert installation.keystore.find(step.key) is not None
    await installation.close()
    again = _opened(tmp_path)
    assert again.keystore.find(step.key) is None
    await again.writer.submit(Unit(records=(ABOUT,)))
    assert step.key not in _keys(_bodies(again))
    await again.close()


async def test_a_start_that_cannot_destroy_a_key_opens_nothing(tmp_path: Path) -> None:
    """FAIL-CLOSED: a keystore that takes no change leaves the installation closed."""
    places = places_in(tmp_path)
    create(places)
    installation = _opened(tmp_path)
    step = _step(installation)
    copy = places.keystore.read_bytes()
    await installation.writer.submit(_erasing(step))
    await installation.close()
    places.keystore.write_bytes(copy)
    raw = sqlite3.connect(places.keystore)
    raw.execute("CREATE TRIGGER no BEFORE DELETE ON subject_keys BEGIN SELECT RAISE(ABORT, 'full'); END")
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="could not be carried out"):
        _opened(tmp_path)


def _files_with(folder: Path, name: bytes) -> list[str]:
    return [one.name for one in folder.rglob("*") if one.is_file() and name in one.read_bytes()]


async def _removed(installation: Installation, name: str) -> EraseSubject:
    await installation.writer.submit(Unit(steps=(PutPerson(name, "approver", (), "hash", START_US),)))
    await installation.writer.submit(Unit(steps=(EndPerson(name, START_US),)))
    return _step(installation, name)


@pytest.mark.parametrize("is_calm", [True, False])
async def test_a_name_leaves_the_write_ahead_log_when_the_last_reader_ends(
    tmp_path: Path, *, is_calm: bool
) -> None:
    """80: While somebody reads, the writer says that the name lies there; then it goes, without a restart."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    writer = installation.writer
    step = await _removed(installation, "olga-zz")
    reader = sqlite3.connect(f"file:{places_in(tmp_path).database}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM audit_entries").fetchone()
    assert isinstance(await writer.submit(_erasing(step)), Committed)
    assert not writer.is_emptied
    assert _files_with(tmp_path, b"olga-zz") != []
    reader.execute("COMMIT")
    reader.close()
    async with asyncio.timeout(60):
        while not writer.is_emptied:
            await asyncio.sleep(0.01)
            if not is_calm:
                await writer.submit(Unit(records=(ABOUT,)))
    assert _files_with(tmp_path, b"olga-zz") == []
    assert isinstance(await writer.submit(Unit(records=(ABOUT,))), Committed)
    await installation.close()


async def test_a_start_empties_what_a_reader_kept(tmp_path: Path) -> None:
    """80: A writer that ended beside a reader leaves the name there; the next one empties it after that reader."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    step = await _removed(installation, "olga-zz")
    reader = sqlite3.connect(f"file:{places_in(tmp_path).database}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM audit_entries").fetchone()
    await installation.writer.submit(_erasing(step))
    await installation.close()
    assert _files_with(tmp_path, b"olga-zz") != []
    again = _opened(tmp_path)
    assert not again.writer.is_emptied
    reader.execute("COMMIT")
    reader.close()
    async with asyncio.timeout(60):
        while not again.writer.is_emptied:
            await again.writer.submit(Unit(records=(ABOUT,)))
            await asyncio.sleep(0.01)
    assert _files_with(tmp_path, b"olga-zz") == []
    await again.close()


async def test_whoever_lives_is_not_erased(tmp_path: Path) -> None:
    """A token that could be used, and the right to sign in, are looked at in the commit itself."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    writer = installation.writer
    step = _step(installation)
    hour = START_US + 3_600_000_000
    grant = '{"owner": "olga"}'
    token = PutToken("tok_1", b"f", "agent", "", "", grant, START_US, hour)
    person = PutPerson("olga", "approver", (), "hash", START_US)
    await writer.submit(Unit(steps=(token, person)))
    lookup = ErasureLookup(installation.reader, installation.keystore)
    who = Erasable(step.key, "olga", step.pseudonym)
    assert lookup.living(who, START_US).tokens == ("tok_1",)
    assert lookup.living(who, hour).tokens == ()
    for instant in (START_US, hour):
        late = EraseSubject(step.key, "olga", step.pseudonym, instant)
        outcome = await writer.submit(_erasing(late))
        assert isinstance(outcome, Unmet)
        assert outcome.why == "living"
    await writer.submit(Unit(steps=(EndPerson("olga", START_US),)))
    outcome = await writer.submit(_erasing(EraseSubject(step.key, "olga", step.pseudonym, hour)))
    assert isinstance(outcome, Committed)
    for table in ("tokens", "people"):
        assert installation.reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - constant
    assert erasures.keys(installation.reader) == [step.key]
    await installation.close()


async def test_a_key_whose_name_nobody_knows_is_found_by_its_id(tmp_path: Path) -> None:
    """Then nothing but the key is erased; a name that is nobody's makes no key."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    key = installation.sealing.key_for("olga")
    lookup = ErasureLookup(installation.reader, installation.keystore)
    assert lookup.subject(key.id) == Erasable(key.id, "", "")
    assert lookup.subject(key.id, more=("olga",)) == Erasable(key.id, "olga", key.pseudonym("per_", "olga"))
    assert lookup.subject("nobody") is None
    assert lookup.subject("per_unknown") is None
    assert installation.keystore.known("nobody") is None
    outcome = await installation.writer.submit(_erasing(EraseSubject(key.id, "", "", START_US)))
    assert isinstance(outcome, Committed)
    assert installation.sealing.key_for("olga").id != key.id
    await installation.close()


async def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Neither table nor keystore is guessed at."""
    create(places_in(tmp_path))
    installation = _opened(tmp_path)
    lookup = ErasureLookup(sqlite3.connect(":memory:"), installation.keystore)
    with pytest.raises(StoreError):
        lookup.subject("per_x")
    with pytest.raises(StoreError):
        lookup.living(Erasable("sub_x", "olga", "per_x"), START_US)
    await installation.close()
