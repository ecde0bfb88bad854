"""Where messages about approvals stand, so that their endings can take their place, also after a restart.

Ids of approvals, channels and messages alone. A file that is gone or cannot be read costs no more than a second
message.
"""

import json
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

MOST = 2_000
"""Messages that are kept in mind; the oldest goes first."""
Place = tuple[str, str]
"""Ids of a channel and of a message in it."""
_log = logging.getLogger("stayhand.notify")


class Posted:
    """The messages of one channel that stand and have not ended; one process keeps them."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: where they are kept; without it they are forgotten with the process."""
        self._path = path
        self._places = _read(path) if path is not None else {}

    def get(self, approval_id: str) -> Place | None:
        """Return where an approval's message stands."""
        return self._places.get(approval_id)

    def put(self, approval_id: str, place: Place) -> None:
        """Remember where it stands. Writes a file: call it in a thread."""
        self._places.pop(approval_id, None)
        while len(self._places) >= MOST:
            self._places.pop(next(iter(self._places)))
        self._places[approval_id] = place
        self._keep()

    def drop(self, approval_id: str) -> None:
        """Forget it: it has ended. Writes a file: call it in a thread."""
        if self._places.pop(approval_id, None) is not None:
            self._keep()

    def _keep(self) -> None:
        if self._path is None:
            return
        made = ""
        try:
            handle, made = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # of mode 0600
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(self._places, out)
            Path(made).replace(self._path)
        except OSError as error:
            _log.warning("cannot keep where messages stand: %s", error.strerror)
            if made:
                with suppress(OSError):
                    Path(made).unlink()


def _read(path: Path) -> dict[str, Place]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): (str(channel), str(message)) for name, (channel, message) in list(found.items())[-MOST:]
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
