"""Sealing what entries must not say openly, and erasing it (docs/audit-format.md, part 6).

Each subject (an owner, or a session) has an AES-256-GCM key of its own in the keystore: a small SQLite file
outside the log, mutable, wrapped by a key-encryption key (KEK) that lives in yet another place. The log holds the
hash of the ciphertext; deleting a subject's key makes every ciphertext of that subject noise, and the log still
verifies.

INVARIANT: a key id is random and never used again, so what was sealed before an erasure is never mistaken for what
is sealed after it. The keystore names nobody: a subject is found by an HMAC under the KEK.
FAIL-CLOSED: a keystore or KEK that is missing, wrong or unreadable raises; nothing is created unless asked to.
"""

import base64
import hmac
import os
import sqlite3
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.checkpoint import unb64
from audit.entry import Draft, Entry
from audit.errors import AuditError

NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32

_SCHEMA = """
CREATE TABLE subject_keys (
  lookup BLOB PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE keystore (one INTEGER PRIMARY KEY CHECK (one = 1), proof BLOB NOT NULL) STRICT;
"""
_PROOF = b"stayhand keystore v1"


def write_kek(path: Path) -> None:
    """Make a new key-encryption key in a new file of mode 0600.

    Raises: AuditError when the file exists or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(AESGCM.generate_key(256)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AuditError(f"cannot write the keystore's key `{path}`: {error.strerror}") from error


def read_kek(path: Path) -> bytes:
    """Return the 32 bytes of a key-encryption key.

    Raises: AuditError when the file is missing or holds no such key.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise AuditError(f"cannot read the keystore's key `{path}`") from error
    return parse_kek(text)


def parse_kek(text: str) -> bytes:
    """Return the 32 bytes of a key-encryption key from its text (base64, one line).

    Raises: AuditError, without the text, when it is no such key.
    """
    try:
        kek = unb64(text.strip())
    except AuditError:
        kek = b""
    if len(kek) != KEY_BYTES:
        raise AuditError("the keystore's key is not 32 bytes in base64")
    return kek


@dataclass(frozen=True, slots=True, repr=False)
class SubjectKey:
    """One subject's key, ready for use; its repr shows the id alone."""

    id: str
    """Pseudonymous, random, written into entries as `sealed.key`."""
    _aead: AESGCM
    _names: bytes
    _words: bytes

    def __repr__(self) -> str:
        return f"SubjectKey({self.id})"

    def seal(self, identity: bytes, plaintext: bytes) -> bytes:
        """Return nonce, ciphertext and tag; `identity` (see `identity_of`) must be given again to open it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, identity)

    def open(self, identity: bytes, sealed: bytes) -> bytes:
        """Return the plaintext.

        Raises: AuditError when the bytes were not sealed by this key for this identity.
        """
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], identity)
        except (InvalidTag, ValueError) as error:
            raise AuditError("the sealed part does not open: another key, another entry, or changed") from error

    def pseudonym(self, prefix: str, name: str) -> str:
        """Return `prefix` and 128 bits that stand for `name` while this key lives, and for nobody after."""
        return prefix + hmac.digest(self._names, name.encode(), "sha256").hex()[:32]

    def word(self, word: str) -> bytes:
        """Return 32 bytes that stand for a word in an index while this key lives, and for nothing after.

        An index of words is no part of the log's format; whoever loses it makes it again from the log.
        """
        return hmac.digest(self._words, word.encode(), "sha256")


def identity_of(entry: Draft | Entry, subject: str = "") -> bytes:
    """Return what binds a sealed part to its entry: the authenticated data of AES-GCM.

    The number is not part of it, because sealing comes before numbering; the leaf hash binds the two. `subject` is
    the key id for a draft that does not have it yet.
    """
    return identity(
        entry.kind, entry.at, principal=entry.principal, approval=entry.approval, subject=entry.subject or subject
    )


def identity(kind: str, at: int, *, principal: str, approval: str, subject: str) -> bytes:
    """Return the same for an entry in the making: `kind`, Unix microseconds, and the fields of its draft."""
    when = str(at)
    text = (
        f"stayhand sealed v1\n{len(kind)}:{kind}\n{len(when)}:{when}\n{len(principal)}:{principal}\n"
        f"{len(approval)}:{approval}\n{len(subject)}:{subject}\n"
    )
    if text.isascii():  # then characters are bytes
        return text.encode()
    fields = (kind, when, principal, approval, subject)
    return b"stayhand sealed v1\n" + b"".join(b"%d:%b\n" % (len(raw), raw) for raw in map(str.encode, fields))


class Keystore:
    """The subject keys of one installation. Threads may share one; `close` it."""

    def __init__(self, path: Path, kek: bytes) -> None:
        """Open an existing keystore.

        Raises: AuditError when it is missing, unreadable, or wrapped by another key.
        """
        self._lock = threading.Lock()
        self._wrap = AESGCM(kek)
        self._lookup_key = hmac.digest(kek, b"stayhand keystore lookup", "sha256")
        self._by_subject: dict[str, SubjectKey] = {}
        self._by_id: dict[str, SubjectKey] = {}
        self._conn = _connect(path, create=False)
        self._version = -1
        """Of the file, as others change it."""
        try:
            self._prove()
        except AuditError:
            self._conn.close()
            raise

    @classmethod
    def create(cls, path: Path, kek: bytes) -> "Keystore":
        """Make a new, empty keystore of mode 0600 and open it.

        Raises: AuditError when the file exists or cannot be written.
        """
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise AuditError(f"cannot make the keystore `{path}`: {error.strerror}") from error
        conn = _connect(path, create=True)
        try:
            nonce = os.urandom(NONCE_BYTES)
            conn.executescript(_SCHEMA)
            proof = nonce + AESGCM(kek).encrypt(nonce, _PROOF, b"keystore")
            conn.execute("INSERT INTO keystore (one, proof) VALUES (1, ?)", (proof,))
        except sqlite3.Error as error:
            raise AuditError(f"cannot make the keystore `{path}`: {error}") from error
        finally:
            conn.close()
        return cls(path, kek)

    def close(self) -> None:
        """Close the file and forget every key."""
        with self._lock:
            self._by_subject.clear()
            self._by_id.clear()
            self._conn.close()

    def key_for(self, subject: str) -> SubjectKey:
        """Return the key of a subject, made now if there is none.

        Raises: AuditError when the keystore cannot be read or written.
        """
        key = self._by_subject.get(subject)
        if key is not None:
            return key
        with self._lock:
            row = self._one("SELECT id, wrapped FROM subject_keys WHERE lookup = ?", self._lookup(subject))
            key = self._unwrap(*row) if row else self._make(subject)
            self._by_subject[subject] = key
            self._by_id[key.id] = key
        return key

    def known(self, subject: str) -> SubjectKey | None:
        """Return the key of a subject if there is one: for questions, which must make none.

        Raises: AuditError when the keystore cannot be read.
        """
        with self._lock:
            row = self._one("SELECT id, wrapped FROM subject_keys WHERE lookup = ?", self._lookup(subject))
            return self._unwrap(*row) if row else None

    def find(self, key_id: str) -> SubjectKey | None:
        """Return the key with this id (an entry's `sealed.key`), or None: it was erased.

        Raises: AuditError when the keystore cannot be read.
        """
        key = self._by_id.get(key_id)
        if key is not None:
            return key
        with self._lock:
            row = self._one("SELECT id, wrapped FROM subject_keys WHERE id = ?", key_id)
            if row is None:
                return None
            key = self._by_id[key_id] = self._unwrap(*row)
        return key

    def erase(self, subject: str) -> str:
        """Delete a subject's key for good and return its id, or an empty text when there was none.

        Other processes that hold the key must `look_again`; backups of the keystore must expire.

        Raises: AuditError when the keystore cannot be written.
        """
        return self._erase("DELETE FROM subject_keys WHERE lookup = ? RETURNING id", self._lookup(subject))

    def erase_key(self, key_id: str) -> bool:
        """Delete the key with this id for good and tell whether it was there.

        Raises: AuditError when the keystore cannot be written.
        """
        return bool(self._erase("DELETE FROM subject_keys WHERE id = ? RETURNING id", key_id))

    def look_again(self) -> None:
        """Forget every key in memory where another process changed the file: one of them may have been erased.

        INVARIANT: the one process that seals is the one that erases, so it alone need not ask.
        Raises: AuditError when the keystore cannot be read.
        """
        with self._lock:
            try:
                (version,) = self._conn.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise AuditError(f"cannot read the keystore: {error}") from error
            if version != self._version:
                self._version = version
                self._by_subject.clear()
                self._by_id.clear()

    def _erase(self, statement: str, value: str | bytes) -> str:
        with self._lock:
            try:
                row = self._conn.execute(statement, (value,)).fetchone()
                if row is None:
                    return ""
                self._drop(str(row[0]))
                self._conn.execute("VACUUM")  # no page that it ever lay in stays in the file
            except sqlite3.Error as error:
                raise AuditError(f"cannot erase from the keystore: {error}") from error
            return str(row[0])

    def _drop(self, key_id: str) -> None:
        self._by_id.pop(key_id, None)
        for subject in [name for name, key in self._by_subject.items() if key.id == key_id]:
            del self._by_subject[subject]

    def _lookup(self, subject: str) -> bytes:
        return hmac.digest(self._lookup_key, subject.encode(), "sha256")

    def _make(self, subject: str) -> SubjectKey:
        raw, nonce = AESGCM.generate_key(256), os.urandom(NONCE_BYTES)
        key_id = "sub_" + os.urandom(16).hex()
        wrapped = nonce + self._wrap.encrypt(nonce, raw, key_id.encode())
        try:
            self._conn.execute(
                "INSERT INTO subject_keys (lookup, id, wrapped) VALUES (?, ?, ?)",
                (self._lookup(subject), key_id, wrapped),
            )
        except sqlite3.Error as error:
            raise AuditError(f"cannot write the keystore: {error}") from error
        return _subject_key(key_id, raw)

    def _unwrap(self, key_id: str, wrapped: bytes) -> SubjectKey:
        try:
            raw = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode())
        except (InvalidTag, ValueError) as error:
            raise AuditError(f"the keystore's key `{key_id}` is damaged") from error
        return _subject_key(key_id, raw)

    def _prove(self) -> None:
        row = self._one("SELECT 'proof', proof FROM keystore WHERE one = ?", 1)
        proof = row[1] if row else b""
        try:
            if self._wrap.decrypt(proof[:NONCE_BYTES], proof[NONCE_BYTES:], b"keystore") == _PROOF:
                return
        except (InvalidTag, ValueError):
            pass
        raise AuditError("the keystore is wrapped by another key")

    def _one(self, query: str, value: str | bytes | int) -> tuple[str, bytes] | None:
        try:
            row: tuple[str, bytes] | None = self._conn.execute(query, (value,)).fetchone()
        except sqlite3.Error as error:
            raise AuditError(f"cannot read the keystore: {error}") from error
        return row


def passing_key() -> SubjectKey:
    """Return a new key that lies in no keystore: once it is forgotten, nobody opens what it sealed."""
    return _subject_key("sub_" + os.urandom(16).hex(), AESGCM.generate_key(256))


def _subject_key(key_id: str, raw: bytes) -> SubjectKey:
    names, words = (sha256(label + raw).digest() for label in (b"stayhand pseudonyms", b"stayhand words"))
    return SubjectKey(key_id, AESGCM(raw), names, words)


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    if not path.is_file():
        raise AuditError(f"there is no keystore at `{path}`")
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        conn.execute("PRAGMA secure_delete = ON")
        conn.execute("PRAGMA synchronous = FULL")
        if create:
            conn.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        conn.close()
        raise AuditError(f"cannot open the keystore `{path}`: {error}") from error
    return conn
