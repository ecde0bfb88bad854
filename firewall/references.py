"""Secrets by reference: an environment variable, a file, what a command prints, the vault (DESIGN 6.2)."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.vault import key as vault_key
from firewall.tokens.vault.sealing import Purpose
from firewall.tokens.vault.store import Vault

_COMMAND_S = 10
_KEPT_S = 60.0
"""When a printed secret is asked for anew, in a thread: whoever needs it meanwhile has the old one."""
_STALE_S = 300.0
"""A printed secret that could not be renewed for so long is used no more."""


@dataclass(frozen=True, slots=True)
class References:
    """Reads what one configuration refers to."""

    vault: Vault
    hidden: frozenset[str] = frozenset()
    """Variables that hold secrets of ours: commands that print another secret do not inherit them."""

    def reader(self, ref: SecretRef, what: str, purpose: Purpose) -> Callable[[], Secret]:
        """Return a function that reads the secret anew, so that a rotated one is used without a restart.

        What a command prints is kept for a minute and renewed in the background. The first reading happens now,
        except from the vault, where a credential may be added to the running server.

        Raises: ConfigError when it cannot be read; so does the function later.
        """
        if ref.vault:
            self.vault.check()
            return partial(self.vault.secret, ref.vault, purpose)
        return reader_of(ref, what, hidden=self.hidden)


def references_of(settings: Settings) -> References:
    """Return what reads the references of a configuration; the vault is opened when it is first needed."""
    hidden = frozenset({*settings.secret_variables, "STAYHAND_TOKEN"})
    ref = settings.vault.key
    if ref is not None and ref.command:
        return References(Vault(settings.vault_file, _printed_key(ref.command, hidden)), hidden)
    path = settings.vault_key
    return References(
        Vault(settings.vault_file, vault_key.from_file(path), make_key=partial(_make_key, path)), hidden
    )


def users_of(settings: Settings) -> dict[str, list[str]]:
    """Return which parts of a configuration name each credential of the vault: `target railway-staging`."""
    found: dict[str, list[str]] = {}
    named: list[tuple[str, object]] = [(f"target {one.name}", one.credential) for one in settings.target]
    named += [(f"provider {one.name}", one.api_key) for one in settings.provider]
    named += [(f"mcp_server {one.name}", ref) for one in settings.mcp_server for ref in one.references]
    named += [(f"notify {one.name or one.kind}", ref) for one in settings.notify for ref in one.references]
    for user, ref in named:
        if isinstance(ref, SecretRef) and ref.vault:
            found.setdefault(ref.vault, []).append(user)
    return found


def _printed_key(command: tuple[str, ...], hidden: frozenset[str]) -> vault_key.KeySource:
    """Return the key that a command prints; it is run when the vault's file is read anew, never per request."""
    return vault_key.from_secret(lambda: _printed(command, "the vault's key", hidden))


def _make_key(path: Path) -> None:
    """Make a key for a new vault, unless an operator laid one there."""
    if not path.exists():
        vault_key.make(path)


def reader_of(ref: SecretRef, what: str, *, hidden: frozenset[str] = frozenset()) -> Callable[[], Secret]:
    """Return a function that reads a secret from outside the vault anew.

    Raises: ConfigError when it cannot be read; so does the function later.
    """
    reader: Callable[[], Secret]
    if ref.vault:
        raise ConfigError(f"the secret of {what} cannot come from the vault")
    if ref.command:
        reader = _Printed(ref.command, what, hidden)
    elif ref.file:
        reader = _file_reader(Path(ref.file).expanduser(), what)
    else:
        reader = _variable_reader(ref.env, what)
    reader()
    return reader


def _variable_reader(name: str, what: str) -> Callable[[], Secret]:
    key, value, known = os.fsencode(name), b"", Secret("")

    def read() -> Secret:
        nonlocal value, known
        now = os.environb.get(key, b"")  # as bytes: as text it would be encoded and decoded each time
        if not now:
            raise ConfigError(f"the secret of {what} is not set", hint=f"set the variable {name}")
        if now != value:
            value, known = now, Secret(os.fsdecode(now))  # the same object while it stays: spelled out once
        return known

    return read


def _file_reader(path: Path, what: str) -> Callable[[], Secret]:
    known: tuple[tuple[int, int, int], Secret] | None = None

    def read() -> Secret:
        nonlocal known
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if known is None or known[0] != version:
                text = Secret(path.read_text(encoding="utf-8").removesuffix("\n"))
                known = (version, _not_empty(text, what, f"look at the file `{path}`"))
        except (OSError, UnicodeDecodeError):
            # `from None`: an error about the text's encoding holds the text.
            raise ConfigError(f"the secret of {what} cannot be read", hint=f"look at the file `{path}`") from None
        return known[1]

    return read


class _Printed:
    """What a command prints. Nobody waits for the command but the first reader, who starts the server."""

    def __init__(self, command: tuple[str, ...], what: str, hidden: frozenset[str]) -> None:
        self._command = command
        self._hidden = hidden
        self._what = what
        self._known: tuple[float, Secret] | None = None
        self._failure: ConfigError | None = None
        self._renewing = threading.Lock()

    def __call__(self) -> Secret:
        """Return the secret.

        Raises: ConfigError when the command fails at first, or has failed for _STALE_S.
        """
        now = time.monotonic()
        if self._known is None:
            self._known = (now, _printed(self._command, self._what, self._hidden))
        read_at, secret = self._known
        if now - read_at <= _KEPT_S:
            return secret
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew, name="secret", daemon=True).start()
        if now - read_at > _STALE_S:
            raise self._failure or ConfigError(f"the secret of {self._what} could not be renewed in time")
        return secret

    def _renew(self) -> None:
        try:
            self._known = (time.monotonic(), _printed(self._command, self._what, self._hidden))
        except ConfigError as error:
            self._failure = error
        finally:
            self._renewing.release()


def _printed(command: tuple[str, ...], what: str, hidden: frozenset[str]) -> Secret:
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own configuration, never a request
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        # `from None`: what a failed command printed hangs on its error.
        raise ConfigError(
            f"the command for the secret of {what} failed", hint=f"run `{command[0]}` yourself"
        ) from None
    return _not_empty(Secret(done.stdout.removesuffix("\n")), what, f"run `{command[0]}` yourself")


def _not_empty(secret: Secret, what: str, hint: str) -> Secret:
    if not secret.reveal().strip():
        raise ConfigError(f"the secret of {what} is empty", hint=hint)
    return secret
