"""Puts somebody else first in a route: edits the one line of stayhand.toml, checks, writes, puts in force.

INVARIANT: nothing is written that was not compiled, and nothing is in force that was not written.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.routing.choosing.editing import first_of, swapped
from firewall.routing.choosing.in_force import Routes
from firewall.settings.load import settings_of


@dataclass(frozen=True, slots=True)
class Swap:
    """What was changed."""

    route: str
    was: str
    now: str
    digest: str
    """Of the routes in force."""


@dataclass(frozen=True, slots=True)
class Swaps:
    """Remembers the last change of each route, so that it can be taken back after a restart as well."""

    path: Path

    def swap(self, routes: Routes, name: str, to: str) -> Swap:
        """Put `to` first in a route. Reads, compiles and writes files: call it in a thread.

        Raises: ConfigError; then neither the file nor what is in force has changed.
        """
        file = Path(routes.settings.path).resolve()
        text = _read(file)
        was = first_of(text, name)
        new = swapped(text, name, to)
        digest = routes.use(settings_of(new, Path(routes.settings.path)), before=lambda: _write(file, new))
        self._remember(name, was, to)
        return Swap(name, was, to, digest)

    def undo(self, routes: Routes, name: str) -> Swap:
        """Take the last change of a route back.

        Raises: ConfigError when there is none, or somebody changed the route since.
        """
        last = self._known().get(name)
        if last is None:
            raise ConfigError(f"there is no change of route `{name}` to take back")
        was, now = last
        first = first_of(_read(Path(routes.settings.path)), name)
        if first != now:
            raise ConfigError(f"route `{name}` was changed since: `{first}` is first now, not `{now}`")
        return self.swap(routes, name, was)

    def last(self) -> Mapping[str, tuple[str, str]]:
        """Return the last change of each route that had one: who was first before, and since."""
        return self._known()

    def _known(self) -> Mapping[str, tuple[str, str]]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(name): (str(was), str(now)) for name, (was, now) in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _remember(self, name: str, was: str, now: str) -> None:
        text = json.dumps({**self._known(), name: (was, now)})
        with suppress(ConfigError):  # the change is made; only taking it back needs this file
            _write(self.path, text)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")  # line ends as they are
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read `{file}`", file=str(file), detail=str(error)) from error


def _write(file: Path, text: str) -> None:
    """Replace a file as a whole, its mode kept.

    Raises: ConfigError.
    """
    made = ""
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
        handle, made = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode("utf-8"))
            out.flush()
            os.fsync(out.fileno())
        Path(made).chmod(mode)
        Path(made).replace(file)
    except OSError as error:
        if made:
            with suppress(OSError):
                Path(made).unlink()
        hint = "change the line yourself, then `stayhand route load`"
        raise ConfigError(f"cannot write `{file}`", hint=hint, file=str(file), detail=str(error)) from error
