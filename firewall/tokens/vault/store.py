"""The vault as a file: SQLite, mode 0600, rewritten rows wiped, read anew as soon as it is another file.

The server alone writes, for a person's command; every process of the operator's may read. What was read is kept
sealed, and opened once per version: a rotated credential is used from the next reading on.
FAIL-CLOSED: a wrong key, a changed list of rows, loose modes or a lost file: nothing of it is used.
"""

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.core.secret import Secret
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.key import KeySource, refuse_others
from firewall.tokens.vault.sealing import Purpose, Row, Stored, check, prove, seal, unseal

MAX_VALUE_BYTES = 32 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SCHEMA = """
CREATE TABLE vault (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, proof BLOB NOT NULL) STRICT;
CREATE TABLE credential (
  name TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(slots=True, eq=False, repr=False)
class _Read:
    """The file as it was read."""

    stamp: tuple[int, int, int]
    key: AESGCM
    id: str
    rows: dict[str, Row]
    opened: dict[str, Secret] = field(default_factory=dict)


class Vault:
    """The credentials of one installation. Threads may share one."""

    def __init__(self, path: Path, key: KeySource, *, make_key: Callable[[], None] | None = None) -> None:
        """Nothing is opened yet; `make_key` makes a key with the first credential, where we may."""
        self._path = path
        self._key = key
        self._make_key = make_key
        self._lock = threading.RLock()
        self._known: _Read | None = None

    def __repr__(self) -> str:
        return f"Vault({str(self._path)!r})"

    @property
    def is_made(self) -> bool:
        """There is a file."""
        return self._path.exists()

    def check(self) -> None:
        """Refuse a vault that exists and cannot be used. Raises: VaultError."""
        if self.is_made:
            self._read()

    def listing(self) -> tuple[Stored, ...]:
        """Return what there is, by name. Raises: VaultError."""
        if not self.is_made:
            return ()
        return tuple(row.stored for _, row in sorted(self._read().rows.items()))

    def secret(self, name: str, purpose: Purpose) -> Secret:
        """Return a credential. Raises: VaultError when it is not there, not for this, or does not open."""
        if not self.is_made:
            raise _missing(name)
        known = self._read()
        row = known.rows.get(name)
        if row is None:
            raise _missing(name)
        if row.stored.purpose is not purpose:
            raise VaultError(
                Wrong.PURPOSE,
                f"the credential `{name}` is for a {row.stored.purpose.value}, not for a {purpose.value}",
                hint="add it again under another name with the right --purpose",
            )
        found = known.opened.get(name)
        if found is None:
            found = known.opened[name] = unseal(known.key, known.id, row)
        return found

    def add(self, name: str, purpose: Purpose, secret: Secret, *, now_us: int) -> Stored:
        """Keep a new credential; the first one makes the vault. Raises: VaultError."""
        check_name(name)
        check_value(secret)
        with self._lock:
            if not self.is_made:
                self._make()
            known = self._read()
            if name in known.rows:
                raise VaultError(
                    Wrong.EXISTS,
                    f"there is a credential `{name}` already",
                    hint=f"stayhand credential rotate {name}",
                )
            stored = Stored(name, purpose, 1, now_us)
            self._put(known, seal(known.key, known.id, stored, secret))
        return stored

    def rotate(self, name: str, secret: Secret, *, now_us: int, version: int = 0) -> Stored:
        """Put a new value in the place of the old one, which is gone. `version`: the one it replaces; 0: any.

        Raises: VaultError, also where another version is there by now.
        """
        check_value(secret)
        with self._lock:
            known = self._found(name)
            old = known.rows[name].stored
            if version not in (0, old.version):
                raise VaultError(Wrong.EXISTS, f"the credential `{name}` was changed meanwhile")
            stored = Stored(name, old.purpose, old.version + 1, max(now_us, old.changed_at + 1))
            self._put(known, seal(known.key, known.id, stored, secret))
        return stored

    def remove(self, name: str) -> Stored:
        """Forget a credential. Raises: VaultError."""
        with self._lock:
            known = self._found(name)
            rows = {one: row for one, row in known.rows.items() if one != name}
            with self._changing(known, list(rows.values())) as connection:
                connection.execute("DELETE FROM credential WHERE name = ?", (name,))
        return known.rows[name].stored

    def stored(self, name: str) -> Stored:
        """Return what is known of a credential. Raises: VaultError."""
        return self._found(name).rows[name].stored

    def _found(self, name: str) -> _Read:
        if not self.is_made:
            raise _missing(name, status=404)
        known = self._read()
        if name not in known.rows:
            raise _missing(name, status=404)
        return known

    def _put(self, known: _Read, row: Row) -> None:
        one = row.stored
        with self._changing(known, list((known.rows | {one.name: row}).values())) as connection:
            connection.execute(
                "INSERT INTO credential (name, purpose, version, changed_at, sealed) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at, "
                "sealed = excluded.sealed",
                (one.name, one.purpose.value, one.version, one.changed_at, row.sealed),
            )

    @contextmanager
    def _changing(self, known: _Read, rows: Sequence[Row]) -> Iterator[sqlite3.Connection]:
        """Change rows and proof in one transaction; afterwards the file is read anew."""
        proof = prove(known.key, known.id, [row.stored for row in rows])
        try:
            with closing(_connect(self._path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("UPDATE vault SET proof = ? WHERE one = 1", (proof,))
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from None
        finally:
            self._known = None

    def _make(self) -> None:
        if self._make_key is not None:
            self._make_key()
        key = self._key()
        vault_id = os.urandom(16).hex()
        try:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            with closing(_connect(self._path)) as connection:
                connection.executescript(f"BEGIN; {_SCHEMA}")
                connection.execute(
                    "INSERT INTO vault (one, id, proof) VALUES (1, ?, ?)", (vault_id, prove(key, vault_id, []))
                )
                connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise _unreadable(self._path, error) from None

    def _read(self) -> _Read:
        """Return the file as it is now; it is read only when it is another one than last time."""
        try:
            status = self._path.stat()
        except OSError as error:
            self._known = None
            raise _unreadable(self._path, error) from None
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._known
        if known is not None and known.stamp == stamp:
            return known
        with self._lock:
            self._known = None
            known = self._known = self._load(stamp)
        return known

    def _load(self, stamp: tuple[int, int, int]) -> _Read:
        try:
            refuse_others(self._path)
            with closing(_connect(self._path)) as connection:
                connection.execute("BEGIN")
                head = connection.execute("SELECT id, proof FROM vault WHERE one = 1").fetchone()
                found = connection.execute(
                    "SELECT name, purpose, version, changed_at, sealed FROM credential"
                ).fetchall()
            rows = {one[0]: Row(Stored(one[0], Purpose(one[1]), one[2], one[3]), one[4]) for one in found}
        except (OSError, sqlite3.Error, ValueError) as error:
            raise _unreadable(self._path, error) from None
        if head is None:
            raise _unreadable(self._path, ValueError("no head"))
        key = self._key()
        check(key, head[0], head[1], rows=[row.stored for row in rows.values()])
        return _Read(stamp, key, head[0], rows)


def check_name(name: str) -> None:
    """Refuse what cannot be a name. Raises: VaultError."""
    if not _NAME.fullmatch(name):
        raise VaultError(
            Wrong.NAME, "a credential's name is 1 to 63 of a-z, 0-9, `.`, `_`, `-`, letter or digit first"
        )


def check_value(secret: Secret) -> None:
    """Refuse what can be no credential: nothing, too much, or characters that end a header's line.

    JSON and armoured keys may have several lines. Raises: VaultError.
    """
    complaint = _complaint(secret.reveal())
    if complaint:
        raise VaultError(Wrong.VALUE, complaint, hint="give the value alone, on standard input")


def _complaint(value: str) -> str:
    if not value.strip():
        return "the credential is empty"
    if len(value.encode("utf-8", "surrogateescape")) > MAX_VALUE_BYTES:
        return f"a credential has at most {MAX_VALUE_BYTES} bytes"
    may_have_lines = value.lstrip().startswith(("{", "-----BEGIN "))
    if "\0" in value or (not may_have_lines and re.search(r"[\r\n]", value)):
        return "the credential has line ends or NUL in it"
    return ""


def _missing(name: str, *, status: int = 0) -> VaultError:
    return VaultError(
        Wrong.MISSING,
        f"there is no credential `{name[:63]}` in the vault",
        hint=f"stayhand credential add {name[:63]}",
        status=status,
    )


def _unreadable(path: Path, error: Exception) -> VaultError:
    why = error.strerror if isinstance(error, OSError) else type(error).__name__
    return VaultError(
        Wrong.UNREADABLE, f"the vault `{path}` cannot be used ({why})", hint="restore it from its backup"
    )


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file without making it; deleted content is overwritten, nothing lies in a side file afterwards."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
