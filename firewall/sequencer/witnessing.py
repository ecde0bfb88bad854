"""Giving heads of the log to its witness files, and knowing how that went.

INVARIANT: a file that had heads, at the start or since, and is gone or empty is not made anew: whoever removes it
could hide that the log was cut.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from audit import AuditError
from audit.checkpoint import parse_note
from audit.witness import append_head
from firewall.core.errors import StoreError


class Witnessing:
    """The witness files of one open log."""

    def __init__(self, places: tuple[str, ...], head: Callable[[], bytes | None]) -> None:
        """`places`: files, and addresses, which are read at the start alone; `head`: the newest checkpoint."""
        self.places = places
        self.files = tuple(Path(one).expanduser() for one in places if "://" not in one)
        self._head = head
        self._given = {path for path in self.files if _has_heads(path)}
        """Files that had heads, be it before the start."""
        self._fault = ""
        self._turn = threading.Lock()

    def give(self) -> int:
        """Give the newest head to every file, and return its size; one that fails keeps no other from it.

        Several threads may ask. 0: there is no file, or nothing to give.

        Raises: StoreError when one cannot be written, contradicts us, or is gone.
        """
        with self._turn:
            head = self._head()
            if head is None or not self.files:
                return 0
            faults = [said for path in self.files if (said := self._give(path, head))]
            self._fault = faults[0] if faults else ""
        if faults:
            raise StoreError("a witness does not take the log's head", detail="; ".join(faults))
        return parse_note(head).checkpoint.size

    def words(self) -> str:
        """Say how the files fare; for admins' eyes only: it names them."""
        if self._fault:
            return f"failing: {self._fault}"
        return "watched" if self.places else "unwitnessed"

    def _give(self, path: Path, head: bytes) -> str:
        if path in self._given and not _has_heads(path):
            return f"the witness `{path}` is {'empty' if path.exists() else 'gone'}"
        try:
            append_head(path, head)
        except AuditError as error:
            return str(error)
        self._given.add(path)
        return ""


def _has_heads(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:  # FAIL-CLOSED: one that cannot be seen is not there
        return False
