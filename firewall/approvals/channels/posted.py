"""Where messages about approvals stand, so that their endings can take their place, also after a restart.

Ids of approvals, channels and messages alone. A file that is gone, cannot be read or cannot be written costs no
more than a second message.
"""

import json
import logging
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

MOST = 2_000
"""Messages that are kept in mind; the oldest goes first."""
Place = tuple[str, str]
"""Ids of a channel and of a message in it."""
_log = logging.getLogger("stayhand.notify")


class Posted:
    """The messages of one channel that stand and have not ended; one process keeps them, several of its threads.

    INVARIANT: a failure to keep them fails no message, which is posted by then.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path`: where they are kept; without it they are forgotten with the process."""
        self._path = path
        self._lock = threading.Lock()  # around each change and its writing: the file is what the last change left
        self._places = _read(path) if path is not None else {}

    def get(self, approval_id: str) -> Place | None:
        """Return where an approval's message stands."""
        return self._places.get(approval_id)

    def names(self) -> tuple[str, ...]:
        """Return the ids of all approvals whose messages stand."""
        with self._lock:
            return tuple(self._places)

    def put(self, approval_id: str, place: Place) -> None:
        """Remember where it stands. Writes a file: call it in a thread."""
        with self._lock:
            self._places.pop(approval_id, None)
            while len(self._places) >= MOST:
                self._places.pop(next(iter(self._places)))
            self._places[approval_id] = place
            self._keep()

    def drop(self, approval_id: str) -> None:
        """Forget it: it has ended. Writes a file: call it in a thread."""
        with self._lock:
            if self._places.pop(approval_id, None) is not None:
                self._keep()

    def _keep(self) -> None:
        if self._path is None:
            return
        try:
            _write(self._path, json.dumps(self._places))
        except Exception as error:  # noqa: BLE001 - the message stands, whatever became of its place
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            _log.warning("cannot keep where messages stand: %s", why)


def _write(path: Path, text: str) -> None:
    """Put a text in a file's place, whole or not at all. Raises: OSError."""
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(made).replace(path)
    finally:
        with suppress(OSError):  # gone, where it took the other's place
            Path(made).unlink()


def _read(path: Path) -> dict[str, Place]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): (str(channel), str(message)) for name, (channel, message) in list(found.items())[-MOST:]
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
