"""The vault's key: 32 bytes in base64 on one line, from a file of mode 0600 or from a command.

INVARIANT: a key is made only together with a new vault, never for one that exists.
"""

import base64
import binascii
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.core.secret import Secret
from firewall.tokens.vault.errors import VaultError, Wrong

KEY_BYTES = 32
KeySource = Callable[[], AESGCM]
"""Returns the key ready for use (its bytes can be had from nobody), or raises VaultError."""


def from_file(path: Path) -> KeySource:
    """Return what reads the key from a file that nobody else may read."""

    def read() -> AESGCM:
        try:
            refuse_others(path)
            text = Secret(path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise VaultError(
                Wrong.KEY_MISSING,
                f"the vault's key `{path}` cannot be read",
                hint="restore it: without it the vault's credentials are lost and must be added again",
            ) from error
        return parse(text, f"look at `{path}`")

    return read


def from_secret(read: Callable[[], Secret]) -> KeySource:
    """Return what reads the key through a reference (a command); what that raises says why."""
    return lambda: parse(read(), "run the command of `[vault] key` yourself")


def parse(text: Secret, hint: str) -> AESGCM:
    """Return the key of a text. Raises: VaultError, without the text, when it holds none."""
    key = _cipher(text)
    if key is None:
        raise VaultError(Wrong.KEY_WRONG, "the vault's key is not 32 bytes in base64", hint=hint)
    return key


def _cipher(text: Secret) -> AESGCM | None:
    """Return the key of a text, or None; no frame that is still there afterwards held its bytes."""
    try:
        key = base64.b64decode(text.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return AESGCM(key) if len(key) == KEY_BYTES else None


def make(path: Path) -> None:
    """Make a new key in a new file of mode 0600. Raises: VaultError when it exists or cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(AESGCM.generate_key(256)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise VaultError(
            Wrong.KEY_MISSING,
            f"the vault's key `{path}` cannot be written: {error.strerror}",
            hint="set `[vault] key` to a file or a command",
        ) from error


def refuse_others(path: Path) -> None:
    """Refuse a file that others may read or write, or that belongs to neither us nor root.

    Raises: VaultError; OSError when there is none.
    """
    status = path.stat()
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise VaultError(
            Wrong.OPEN_TO_OTHERS,
            f"`{path}` can be read or written by others ({stat.S_IMODE(status.st_mode):o})",
            hint=f"chmod 600 {path}; where modes cannot be set, use `[vault] key = {{ command = [...] }}`",
        )
    if status.st_uid not in (0, os.geteuid()):
        raise VaultError(
            Wrong.OPEN_TO_OTHERS, f"`{path}` belongs to somebody else", hint="let the server's own user own it"
        )
