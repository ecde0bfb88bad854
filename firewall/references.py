"""Secrets by reference: an environment variable, a file, or what a command prints (DESIGN 6.2)."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.settings.values import SecretRef

_COMMAND_S = 10
_KEPT_S = 60.0
"""When a printed secret is asked for anew, in a thread: whoever needs it meanwhile has the old one."""
_STALE_S = 300.0
"""A printed secret that could not be renewed for so long is used no more."""


def reader_of(ref: SecretRef, what: str) -> Callable[[], Secret]:
    """Return a function that reads the secret anew, so that a rotated one is used without a restart.

    What a command prints is kept for a minute and renewed in the background. The first reading happens now.

    Raises: ConfigError when it cannot be read; so does the function later.
    """
    reader: Callable[[], Secret]
    if ref.command:
        reader = _Printed(ref.command, what)
    elif ref.file:
        reader = _file_reader(Path(ref.file).expanduser(), what)
    else:
        reader = _variable_reader(ref.env, what)
    reader()
    return reader


def _variable_reader(name: str, what: str) -> Callable[[], Secret]:
    def read() -> Secret:
        value = os.environ.get(name, "")
        if not value:
            raise ConfigError(f"the secret of {what} is not set", hint=f"set the variable {name}")
        return Secret(value)

    return read


def _file_reader(path: Path, what: str) -> Callable[[], Secret]:
    known: tuple[tuple[int, int, int], Secret] | None = None

    def read() -> Secret:
        nonlocal known
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if known is None or known[0] != version:
                known = (version, _not_empty(path.read_text(encoding="utf-8"), what, f"look at the file `{path}`"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret of {what} cannot be read", hint=f"look at the file `{path}`") from error
        return known[1]

    return read


class _Printed:
    """What a command prints. Nobody waits for the command but the first reader, who starts the server."""

    def __init__(self, command: tuple[str, ...], what: str) -> None:
        self._command = command
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
            self._known = (now, _printed(self._command, self._what))
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
            self._known = (time.monotonic(), _printed(self._command, self._what))
        except ConfigError as error:
            self._failure = error
        finally:
            self._renewing.release()


def _printed(command: tuple[str, ...], what: str) -> Secret:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own configuration, never a request
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"the command for the secret of {what} failed", hint=f"run `{command[0]}` yourself"
        ) from error
    return _not_empty(done.stdout, what, f"run `{command[0]}` yourself")


def _not_empty(text: str, what: str, hint: str) -> Secret:
    secret = text.removesuffix("\n")
    if not secret.strip():
        raise ConfigError(f"the secret of {what} is empty", hint=hint)
    return Secret(secret)
