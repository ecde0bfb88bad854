"""Making and opening an installation's log, keys and lookups; exactly one process may write.

FAIL-CLOSED: a missing keystore or key, a log that is behind its witness or fails verification of its tail, or a
second writer: nothing is opened.
"""

import fcntl
import logging
import os
import secrets
import shlex
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from audit import AuditError, Checkpoint, SigningKey, schema
from audit.seal import Keystore, read_kek, write_kek
from audit.sqlite import Log, open_log, stored_size
from audit.witness import read_heads
from firewall.codecs.push.vapid import SEED_BYTES
from firewall.core.errors import ConfigError, StoreError
from firewall.core.ports import Clock
from firewall.core.secret import Secret
from firewall.sequencer.reading import Approving, PeopleLookup, PinLookup, ProofLookup, PushLookup, TokenLookup
from firewall.sequencer.sealing import Sealing
from firewall.sequencer.witnessing import Witnessing
from firewall.sequencer.writer import Writer
from firewall.storage.sqlite import erasures
from firewall.storage.sqlite.schema import create_tables, open_reader, open_writer

_log = logging.getLogger("stayhand.sequencer")


@dataclass(frozen=True, slots=True)
class Places:
    """Where an installation keeps what."""

    database: Path
    signing_key: Path
    keystore: Path
    keystore_key: Path
    verify_key: Path
    witness: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Installation:
    """An open installation."""

    writer: Writer
    approving: Approving
    tokens: TokenLookup
    people: PeopleLookup
    pins: PinLookup
    proofs: ProofLookup
    pushes: PushLookup
    sealing: Sealing
    reader: sqlite3.Connection
    keystore: Keystore
    verify_key: str
    access_root: Secret
    """What agents' access keys are derived from."""
    witness: Witnessing
    push_seed: Secret
    """What the key is derived from that push services know us by: hexadecimal."""
    lock: int

    async def close(self) -> None:
        """Finish what waits and let go of every file."""
        try:
            await self.writer.stop()
            self.witness.give()
        finally:
            self.reader.close()
            self.keystore.close()
            os.close(self.lock)


def check_free(places: Places) -> None:
    """Look whether an installation can be made here, before anything is written.

    Raises: ConfigError when something of it exists already, or its key would lie beside what it locks.
    """
    made = (places.signing_key, places.keystore, places.keystore_key, places.verify_key, places.database)
    for path in made:
        if path.exists():
            raise ConfigError(
                f"`{path}` exists already", hint="an installation is made once; use it, or another folder"
            )
    if places.keystore_key.resolve().is_relative_to(places.database.parent.resolve()):
        raise ConfigError("the keystore's key must not lie in data_dir", hint="put the configuration elsewhere")


def create(places: Places) -> str:
    """Make keys, keystore and an empty log; returns the verifier key. Nothing that exists is touched.

    Raises: ConfigError when something of it exists already or cannot be written.
    """
    check_free(places)
    try:
        for folder in {places.database.parent, places.keystore_key.parent}:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.database.parent.chmod(0o700)
        key = SigningKey(f"stayhand.local/{secrets.token_hex(6)}", secrets.token_bytes(32))
        _write_secret(places.signing_key, key.private_text() + "\n")
        write_kek(places.keystore_key)
        Keystore.create(places.keystore, read_kek(places.keystore_key)).close()
        places.verify_key.write_text(f"{key.verifier}\n", encoding="ascii")
        connection = open_writer(places.database)
        try:
            places.database.chmod(0o600)
            schema.create(connection)
            create_tables(connection)
        finally:
            connection.close()
    except (OSError, AuditError, sqlite3.Error) as error:
        raise ConfigError("the installation could not be made", detail=str(error), hint=str(error)) from error
    return str(key.verifier)


def open_installation(places: Places, clock: Clock, *, kek: bytes | None = None) -> Installation:
    """Open an installation for writing; `kek` where the keystore's key comes from somewhere else than its file.

    Raises: ConfigError when something is missing or another process writes; StoreError when the log must not be
    extended (its tail fails, it is behind its witness, or a witness cannot be read).
    """
    lock = _lock(places.database.parent)
    try:
        return _open_locked(places, clock, kek, lock)
    except BaseException:
        os.close(lock)
        raise


def _open_locked(places: Places, clock: Clock, kek: bytes | None, lock: int) -> Installation:
    if not places.database.is_file():
        raise ConfigError(
            f"there is no log at `{places.database}`", hint="run `stayhand init` once, or restore it with its keys"
        )
    try:
        key = SigningKey.parse(places.signing_key.read_text(encoding="ascii").strip())
        wrapping = kek or read_kek(places.keystore_key)
        keystore = Keystore(places.keystore, wrapping)
    except (OSError, ValueError, AuditError) as error:
        raise ConfigError(
            f"the keys cannot be read: {error}", hint="run `stayhand init` once, or restore them"
        ) from error
    with ExitStack() as undo:
        undo.callback(keystore.close)
        connection = open_writer(places.database)
        undo.callback(connection.close)
        log = _taken_up(connection, key, places.witness)
        sealing = Sealing(keystore)
        _erased_again(connection, sealing)
        reader = open_reader(places.database)
        undo.pop_all()
    writer = Writer(connection, log, sealing, clock)
    if erasures.keys(connection):
        writer.empty()  # somebody may have read the log when the last writer ended
    return Installation(
        writer=writer,
        approving=Approving(reader, sealing),
        tokens=TokenLookup(reader),
        people=PeopleLookup(reader),
        pins=PinLookup(reader),
        proofs=ProofLookup(reader),
        pushes=PushLookup(reader, sealing),
        sealing=sealing,
        reader=reader,
        keystore=keystore,
        verify_key=str(key.verifier),
        access_root=_derived(wrapping, b"stayhand root of access keys 1"),
        witness=Witnessing(places.witness, lambda: writer.head),
        push_seed=_derived(wrapping, b"stayhand application server key 1", SEED_BYTES),
        lock=lock,
    )


def _derived(kek: bytes, label: bytes, length: int = 32) -> Secret:
    """Derive a key for another purpose from the one that never lies beside the log (HKDF, RFC 5869)."""
    return Secret(HKDF(hashes.SHA256(), length, salt=None, info=label).derive(kek).hex())


def _taken_up(connection: sqlite3.Connection, key: SigningKey, witness: Sequence[str]) -> Log:
    try:
        size = stored_size(connection)
        heads = [head for source in witness for head in _heads(source, key, size)]
        create_tables(connection)
        log = open_log(connection, key, origin=key.verifier.name, heads=heads)
        schema.guard(connection)
    except (AuditError, sqlite3.Error) as error:
        raise StoreError(f"the log must not be extended: {error}") from error
    return log


def _erased_again(connection: sqlite3.Connection, sealing: Sealing) -> None:
    """Destroy the keys that were erased: one that a crash left, or that came back with an older keystore."""
    try:
        destroyed = sealing.destroy(erasures.keys(connection))
    except (AuditError, sqlite3.Error) as error:
        raise StoreError(f"an erasure that was recorded could not be carried out: {error}") from error
    if destroyed:
        _log.warning("%d erased keys were still in the keystore: destroyed now", destroyed)


def _heads(source: str, key: SigningKey, size: int) -> Sequence[Checkpoint]:
    """Return what a witness has seen.

    Raises: AuditError when it cannot be read; ConfigError for a file that is missing although the log has entries:
    whoever removes a witness could hide that the log was cut.
    """
    if "://" in source:
        return read_heads(source, [key.verifier]).checkpoints
    path = Path(source).expanduser()
    if path.exists():
        heads = read_heads(path, [key.verifier])
        if heads.is_torn and not heads.checkpoints and not _is_begun(path, key):
            raise AuditError(f"`{path}` is no witness of `{key.verifier.name}`")
        return heads.checkpoints
    if size:
        raise ConfigError(
            f"the witness `{path}` is missing, so nobody can tell whether the log was cut",
            hint=f"restore it; for a new witness, create it empty: touch {shlex.quote(str(path))}",
        )
    return ()


def _is_begun(path: Path, key: SigningKey) -> bool:
    """Tell whether a file holds the beginning of our first head, as a crash can leave it."""
    first = f"{key.verifier.name}\n".encode()
    with path.open("rb") as file:
        start = file.read(len(first))
    return first.startswith(start)


def _lock(folder: Path) -> int:
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"`{folder}` cannot be used: {error.strerror}", hint="run `stayhand init`") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigError(
            f"another process writes in `{folder}`", hint="a server is running already: use it, or stop it first"
        ) from error
    return handle


def _write_secret(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
