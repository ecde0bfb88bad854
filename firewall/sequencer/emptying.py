"""Emptying the write-ahead log, so that the file alone has every entry, and nothing has what was erased."""

import logging
import sqlite3

from firewall.storage.sqlite.schema import BUSY_MS

log = logging.getLogger("stayhand.sequencer")
EVERY_S = 1.0
"""How long after a try that somebody who reads prevented, at least, the next is made."""


class Emptying:
    """What an erasure overwrote may lie in the write-ahead log as long as somebody reads it: then tries again.

    Uses its connection only when it is told to: whoever tells it knows that nobody else uses it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.is_pending = False
        """Something that was erased may still lie there."""
        self._due_s = 0.0

    def gather(self, wait_ms: int) -> bool:
        """Bring what the write-ahead log holds into the file; tell whether it is empty now.

        `wait_ms`: how long to wait for those who read.
        """
        try:
            self._connection.execute(f"PRAGMA busy_timeout={wait_ms}")
            # As much as readers in the middle allow; closing does the rest with the last of them.
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        except sqlite3.Error as error:
            log.warning("the write-ahead log stays beside the log: %s", error)
            return False
        return not busy

    def of_erased(self, wait_ms: int) -> None:
        """Empty it of what was erased; where somebody reads it, that is to be done again."""
        was_pending, self.is_pending = self.is_pending, not self.gather(wait_ms)
        if self.is_pending and not was_pending:
            log.warning("somebody reads the log: what was erased goes from its write-ahead log when that ends")
        elif was_pending and not self.is_pending:
            log.info("what was erased is gone from the write-ahead log")

    def is_due(self, now_s: float) -> bool:
        """Tell whether the next try may be made, at a time of the loop's clock."""
        return self.is_pending and now_s >= self._due_s

    def tried(self, now_s: float) -> None:
        """Note when the last try was."""
        self._due_s = now_s + EVERY_S
