"""Checkpoints: C2SP tlog-checkpoint bodies in C2SP signed notes with Ed25519 (docs/audit-format.md, part 4).

Pure but for the private key that it holds. One signature type only, 0x01; a signature line of a key that we do not
know is kept and ignored, one of a key that we know must verify.

Specs: c2sp.org/tlog-checkpoint, c2sp.org/signed-note.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import AuditError

ED25519 = b"\x01"
MAX_NOTE_BYTES = 65_536
_DASH = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: how long the log `origin` is, and what its tree's root is."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text: three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed checkpoint note, nothing verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whoever holds this can check a log's signature; it is public and belongs outside the log."""

    name: str
    key_id: bytes
    public: Ed25519PublicKey

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_b64(ED25519 + self.public.public_bytes_raw())}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+hexid+base64`.

        Raises: AuditError when it is no Ed25519 verifier key or its id does not belong to it.
        """
        name, raw = _split_key(text.strip(), "verifier key")
        key = cls(name, _key_id(name, raw), Ed25519PublicKey.from_public_bytes(raw))
        if str(key) != text.strip():
            raise AuditError(f"the verifier key `{name}` does not belong to its id")
        return key


class SigningKey:
    """The log's private key; its text form is the signed-note ecosystem's `PRIVATE+KEY+name+id+base64`."""

    __slots__ = ("_private", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        """Take a 32-byte Ed25519 seed.

        Raises: AuditError for a name that is empty or has a space or a plus, or a seed of another length.
        """
        if not is_name(name):
            raise AuditError(f"`{name}` cannot name a key: no spaces, no plus, not empty")
        try:
            self._private = Ed25519PrivateKey.from_private_bytes(seed)
        except ValueError as error:
            raise AuditError("an ed25519 seed has 32 bytes") from error
        public = self._private.public_key()
        self.verifier = VerifierKey(name, _key_id(name, public.public_bytes_raw()), public)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier})"

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read `PRIVATE+KEY+name+hexid+base64`.

        Raises: AuditError, without the text, when it is no such key or its id does not belong to it.
        """
        head, _, rest = text.strip().partition("PRIVATE+KEY+")
        if head or not rest:
            raise AuditError("this is no signing key: it does not begin with `PRIVATE+KEY+`")
        name, seed = _split_key(rest, "signing key")
        key = cls(name, seed)
        if key.private_text().strip() != text.strip():
            raise AuditError(f"the signing key `{name}` does not belong to its id")
        return key

    def private_text(self) -> str:
        """Return the file form, one line. It is a secret."""
        seed = self._private.private_bytes_raw()
        return f"PRIVATE+KEY+{self.verifier.name}+{self.verifier.key_id.hex()}+{_b64(ED25519 + seed)}\n"

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return the signed note, UTF-8.

        Raises: AuditError when the origin cannot stand on a line of its own.
        """
        if not is_origin(checkpoint.origin):
            raise AuditError("an origin is one non-empty line without control characters")
        text = checkpoint.text()
        signature = self.verifier.key_id + self._private.sign(text.encode())
        return f"{text}\n{_DASH}{self.verifier.name} {_b64(signature)}\n".encode()


def parse_note(note: bytes) -> Note:
    """Read a checkpoint note; nothing is verified.

    Raises: AuditError when it is not exactly in the form of the specs (extension lines are refused too).
    """
    if len(note) > MAX_NOTE_BYTES:
        raise AuditError(f"a checkpoint of {len(note)} bytes is over the limit")
    try:
        text = note.decode()
    except UnicodeDecodeError as error:
        raise AuditError("checkpoint is not UTF-8") from error
    body, blank, tail = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not tail.endswith("\n"):
        raise AuditError("checkpoint is not three lines, a blank line and signatures")
    origin, size, root = lines
    if not is_origin(origin) or not _SIZE.fullmatch(size):
        raise AuditError("checkpoint has a bad origin or size")
    digest = unb64(root)
    if len(digest) != 32:
        raise AuditError("checkpoint has a root that is no SHA-256")
    signatures = tuple(_signature(line) for line in tail[:-1].split("\n"))
    return Note(Checkpoint(origin, int(size), digest), signatures)


def verify_note(note: bytes, keys: Sequence[VerifierKey], *, alone: bool = False) -> Checkpoint:
    """Return the checkpoint of a note that at least one of `keys` signed.

    `alone`: refuse signature lines of unknown keys too, as for notes that nobody but the log can have signed.

    Raises: AuditError when a known key's signature is wrong, or none of the keys signed.
    """
    parsed = parse_note(note)
    text = parsed.checkpoint.text().encode()
    known = {(key.name, key.key_id): key for key in keys}
    seen = 0
    for line in parsed.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            if alone:
                raise AuditError(f"signed by `{line.name}+{line.key_id.hex()}`, a key that is not pinned")
            continue
        try:
            key.public.verify(line.signature, text)
        except InvalidSignature as error:
            raise AuditError(f"the signature of `{line.name}+{line.key_id.hex()}` is wrong") from error
        seen += 1
    if not seen:
        raise AuditError("not signed by a pinned key")
    return parsed.checkpoint


def is_name(text: str) -> bool:
    """Say whether this can name a key: not empty, no plus, no Unicode space, nothing unprintable."""
    return bool(text) and "+" not in text and not any(c.isspace() or not c.isprintable() for c in text)


def is_origin(text: str) -> bool:
    """Say whether this can be an origin: one non-empty line of printable text."""
    return bool(text) and text.isprintable()


def unb64(text: str) -> bytes:
    """Decode canonical standard base64 (no stray bits, no line breaks).

    Raises: AuditError for anything else.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AuditError("this is not base64") from error
    if _b64(raw) != text:
        raise AuditError("this is not canonical base64")
    return raw


def _signature(line: str) -> Signature:
    name, space, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise AuditError("checkpoint has a line that is no signature")
    raw = unb64(value)
    if len(raw) < 5:
        raise AuditError("checkpoint has a signature that is too short")
    return Signature(name, raw[:4], raw[4:])


def _split_key(text: str, what: str) -> tuple[str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_name(parts[0]):
        raise AuditError(f"this is no {what}: it has the form `name+id+base64`")
    raw = unb64(parts[2])
    if len(raw) != 33 or raw[:1] != ED25519:
        raise AuditError(f"the {what} `{parts[0]}` is no ed25519 key")
    return parts[0], raw[1:]


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
