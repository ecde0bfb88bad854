# ruff: noqa: ASYNC240 - small files of a test; nobody else is on the loop
"""Making and opening an installation: whatever is missing, behind or somebody else's, nothing is opened."""

import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError, FirewallError, StoreError
from firewall.core.work import Record, Unit
from firewall.sequencer.opening import Installation, Places, create, open_installation
from firewall.sequencer.posting import post
from tests.support.approving import StillClock, until
from tests.support.guarding import places_in

ENTRY = Record(kind="tool.judged", data={"verdict": "allow"})


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A new installation with an empty witness file."""
    witness = tmp_path / "witness"
    witness.touch()
    found = places_in(tmp_path, witness=(str(witness),))
    create(found)
    return found


async def grow(places: Places, entries: int = 3) -> None:
    """Open, append and close."""
    opened = open_installation(places, StillClock())
    for _ in range(entries):
        await opened.writer.submit(Unit(records=(ENTRY,)))
    await opened.close()


def opening(places: Places) -> Installation:
    """Open with a clock of tests."""
    return open_installation(places, StillClock())


async def can_be_opened_again(places: Places) -> bool:
    """Tell whether a refusal left no lock behind."""
    opened = opening(places)
    await opened.close()
    return True


def test_made_once_and_private(places: Places) -> None:
    """Secrets are readable by their owner alone, and nothing that exists is touched."""
    for path in (places.signing_key, places.keystore_key, places.keystore, places.database):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(places.database.parent.stat().st_mode) == 0o700
    before = places.signing_key.read_bytes()
    with pytest.raises(ConfigError):
        create(places)
    assert places.signing_key.read_bytes() == before


@pytest.mark.parametrize("kept", ["signing_key", "keystore", "keystore_key", "verify_key", "database"])
def test_nothing_that_exists_is_overwritten(tmp_path: Path, kept: str) -> None:
    """One remaining file of an older installation is enough to refuse; it stays as it was."""
    places = places_in(tmp_path)
    path: Path = getattr(places, kept)
    path.parent.mkdir(parents=True)
    path.write_text("older")
    with pytest.raises(ConfigError, match="exists already"):
        create(places)
    assert path.read_text() == "older"
    assert not places.database.exists() or kept == "database"


def test_key_of_the_keystore_never_lies_beside_it(tmp_path: Path) -> None:
    """Whoever copies data_dir must not get the key that opens it."""
    places = places_in(tmp_path)
    with pytest.raises(ConfigError, match="data_dir"):
        create(replace(places, keystore_key=places.database.parent / "sub" / "keystore.key"))


async def test_second_writer_is_refused(places: Places) -> None:
    """One process writes; a second is told so, and may when the first is gone."""
    first = opening(places)
    with pytest.raises(ConfigError, match="another process writes"):
        opening(places)
    await first.close()
    assert await can_be_opened_again(places)


@pytest.mark.parametrize("gone", ["signing_key", "keystore", "keystore_key", "database"])
async def test_missing_part_is_refused(places: Places, gone: str) -> None:
    """Without keys, keystore or log nothing is opened, nothing is made in its place, and the lock is let go."""
    await grow(places)
    path: Path = getattr(places, gone)
    away = path.with_suffix(".away")
    path.rename(away)
    with pytest.raises(ConfigError):
        opening(places)
    assert not path.exists()
    away.rename(path)
    assert await can_be_opened_again(places)


@pytest.mark.parametrize("broken", ["signing_key", "keystore_key"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"PRIVATE+KEY+nonsense\n"])
async def test_unreadable_key_is_refused(places: Places, broken: str, content: bytes) -> None:
    """A key that is none is an error in words, never a new key."""
    path: Path = getattr(places, broken)
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        opening(places)
    assert path.read_bytes() == content


async def test_foreign_keys_are_refused(places: Places, tmp_path: Path) -> None:
    """Another installation's signing key or keystore key opens nothing of ours."""
    await grow(places)
    other = places_in(tmp_path / "other")
    create(other)
    with pytest.raises(FirewallError):
        opening(replace(places, signing_key=other.signing_key))
    with pytest.raises(ConfigError):
        opening(replace(places, keystore_key=other.keystore_key))
    assert await can_be_opened_again(places)


async def test_log_behind_its_witness_is_refused(places: Places) -> None:
    """A log put back to an older copy is not extended: the witness has seen more."""
    await grow(places)
    saved = places.database.with_suffix(".old")
    shutil.copy(places.database, saved)
    await grow(places)
    for tail in ("-wal", "-shm"):
        places.database.with_name(places.database.name + tail).unlink(missing_ok=True)
    shutil.copy(saved, places.database)
    with pytest.raises(StoreError, match="witness"):
        opening(places)


async def test_removed_witness_hides_nothing(places: Places) -> None:
    """A configured witness that is gone is refused while the log has entries; an empty one is a new one."""
    await grow(places)
    witness = Path(places.witness[0])
    assert witness.stat().st_size
    witness.unlink()
    with pytest.raises(ConfigError, match="is missing") as refused:
        opening(places)
    assert f"touch {witness}" in refused.value.hint
    assert not witness.exists()
    witness.touch()
    await grow(places)
    assert witness.stat().st_size


async def test_witness_of_an_empty_log_may_be_missing(tmp_path: Path) -> None:
    """The first start makes the witness file itself: there is nothing to hide yet."""
    places = places_in(tmp_path, witness=(str(tmp_path / "fresh"),))
    create(places)
    await grow(places)
    assert (tmp_path / "fresh").stat().st_size


@pytest.mark.parametrize("content", [b"hello\n", b"\x00" * 100], ids=["text", "zeros"])
async def test_witness_that_is_none_is_refused(places: Places, content: bytes) -> None:
    """A witness file that holds something else is no proof of anything."""
    await grow(places)
    Path(places.witness[0]).write_bytes(content)
    with pytest.raises(StoreError, match="must not be extended"):
        opening(places)


async def test_witness_that_a_crash_cut_off_is_taken_up(places: Places) -> None:
    """A first head that was being written when the power went is no reason to stay closed."""
    await grow(places)
    witness = Path(places.witness[0])
    whole = witness.read_bytes()
    for size in (5, len(whole) - 5):
        witness.write_bytes(whole[:size])
        assert await can_be_opened_again(places)
        assert witness.read_bytes() == whole


async def test_witness_of_another_log_is_refused(places: Places, tmp_path: Path) -> None:
    """Heads that another key signed are not ours."""
    await grow(places)
    other = places_in(tmp_path / "other", witness=(str(tmp_path / "theirs"),))
    create(other)
    await grow(other)
    with pytest.raises(StoreError):
        opening(replace(places, witness=other.witness))


@contextmanager
def over_http(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:  # type: ignore[override]  # says nothing
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


async def test_witness_at_an_address_is_compared_too(places: Places, tmp_path: Path) -> None:
    """A witness elsewhere is read at start: in step it opens, ahead or unreachable it refuses."""
    await grow(places)
    away = tmp_path / "away"
    away.mkdir()
    shutil.copy(places.witness[0], away / "witness")
    saved = places.database.with_suffix(".old")
    shutil.copy(places.database, saved)
    with over_http(away) as base:
        remote = replace(places, witness=(f"{base}/witness",))
        assert await can_be_opened_again(remote)
        await grow(places)
        shutil.copy(places.witness[0], away / "witness")
        assert await can_be_opened_again(remote)
        shutil.copy(saved, places.database)
        for tail in ("-wal", "-shm"):
            places.database.with_name(places.database.name + tail).unlink(missing_ok=True)
        with pytest.raises(StoreError, match="witness"):
            opening(remote)
        with pytest.raises(StoreError, match="witness"):
            opening(replace(places, witness=(f"{base}/nothing-here",)))


@pytest.mark.parametrize("place", ["middle", "tail"])
async def test_changed_log_is_refused(places: Places, place: str) -> None:
    """One changed byte in the last entries stops the start, and the reason names the entry or the log."""
    await grow(places, entries=5)
    raw = bytearray(places.database.read_bytes())
    at = raw.find(b'"verdict"') if place == "middle" else raw.rfind(b'"verdict"')
    assert at > 0
    raw[at + 2] ^= 1
    places.database.write_bytes(bytes(raw))
    with pytest.raises(StoreError, match="must not be extended"):
        opening(places)


async def test_witness_that_cannot_be_written_is_said_at_the_end(places: Places) -> None:
    """Closing lets go of every file although the witness refuses its head."""
    opened = opening(places)
    await opened.writer.submit(Unit(records=(ENTRY,)))
    Path(places.witness[0]).write_text("somebody else's file\n")
    with pytest.raises(StoreError):
        await opened.close()
    Path(places.witness[0]).write_text("")
    assert await can_be_opened_again(places)


async def test_posted_outcomes_arrive_without_waiting(places: Places) -> None:
    """An outcome that nobody waits for is recorded in its order; one that fails raises nowhere."""
    opened = opening(places)
    for _ in range(3):
        post(opened.writer, Unit(records=(ENTRY,)))
    await until(lambda: opened.writer.size == 3)
    await opened.close()
    post(opened.writer, Unit(records=(ENTRY,)))
    await until(lambda: not opened.writer.is_open)
    assert opened.writer.size == 3
