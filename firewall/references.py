"""Secrets by reference: an environment variable, a file, or what a command prints (DESIGN 6.2)."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.settings import SecretRef

_COMMAND_S = 10
_KEPT_S = 60.0


def reader_of(ref: SecretRef, what: str) -> Callable[[], Secret]:
    """Return a function that reads the secret anew, so that a rotated one is used without a restart.

    What a command prints is kept for a minute. The first reading happens now.

    Raises: ConfigError when it cannot be read; so does the function later.
    """
    if ref.command:
        reader = _command_reader(ref.command, what)
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


def _command_reader(command: tuple[str, ...], what: str) -> Callable[[], Secret]:
    known: tuple[float, Secret] | None = None

    def read() -> Secret:
        nonlocal known
        now = time.monotonic()
        if known is None or now - known[0] > _KEPT_S:
            known = (now, _printed(command, what))
        return known[1]

    return read


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
