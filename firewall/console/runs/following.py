"""Following the log: what was appended since is put into the index of runs, in a thread, behind every call.

Only in seconds in which nothing is appended, or while somebody looks: no call waits for this or pays for it. No
entry is written by it. Killed anywhere, it goes on behind the last commit; an index of another log, or of an older
copy of this one, is made anew.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from firewall.console.runs.fares import KINDS, Event
from firewall.console.runs.index import Noted, RunIndex
from firewall.core.errors import StoreError
from firewall.storage.sqlite.schema import open_reader

STEP = 1000
"""Entries that are taken in at a time."""
PAUSE_S = 0.05
"""Between steps while there are more: others want the processor, too."""
REST_S = 1.0
"""Between looks whether anything is appended."""
LOOKED_S = 60.0
"""How long whoever looked is taken to look on."""
AT_ONCE_S = 0.04
"""What a page may take of it while somebody waits."""
_READS = "audit."
"""Kinds of entries about reading: they are about whoever looked, not about the run."""
_LEADS = ("request", "judged", "follows")
"""Fields that name an earlier entry of the same run."""
_log = logging.getLogger("stayhand.console")


class Follower:
    """Keeps the index of one log; used by one thread at a time."""

    def __init__(self, log: Path, index: Path, size: Callable[[], int]) -> None:
        """Open both; `size` tells how many entries the log has. Raises: StoreError."""
        self._size = size
        self._looked_at = -LOOKED_S
        self._woken = asyncio.Event()
        self._index = RunIndex(index, is_writer=True)
        self._log = open_reader(log)
        self._turn = threading.Lock()
        self.reader = RunIndex(index)
        """For those who ask."""

    def close(self) -> None:
        """Let go of both files, once a step that runs has ended."""
        with self._turn:
            self._log.close()
            self._index.close()
            self.reader.close()

    def step(self) -> bool:
        """Take in the next entries; tell whether there may be more. Raises: StoreError."""
        with self._turn:
            return self._step()

    async def catch_up(self) -> int:
        """Somebody looks: take in what a page has time for, and the rest soon. Returns how many entries are left.

        Raises: StoreError.
        """
        self._looked_at = time.monotonic()
        self._woken.set()
        return await asyncio.to_thread(self._caught_up)

    def _caught_up(self) -> int:
        until = time.monotonic() + AT_ONCE_S
        with self._turn:
            while self._step() and time.monotonic() < until:
                pass
            upto, _ = self._index.upto()
        return max(0, self._size() - upto)

    def _step(self) -> bool:
        try:
            upto, leaf = self._index.upto()
            if upto and self._leaf(upto - 1) != leaf:
                self._index.clear()
                upto = 0
            rows = self._log.execute(
                "SELECT seq, at, kind, principal, approval, leaf, body FROM audit_entries WHERE seq >= ?"
                " ORDER BY seq LIMIT ?",
                (upto, STEP),
            ).fetchall()
            if not rows:
                return False
            noted: dict[int, Noted] = {}
            events: list[Event] = []
            for seq, at, kind, principal, approval, _, body in rows:
                if kind.startswith(_READS):
                    continue
                data = orjson.loads(body)["data"]
                if kind in KINDS:
                    events.append(Event(seq, at, kind, data))
                one = self._noted(noted, (seq, at, kind, principal), approval, data)
                if one is not None:
                    noted[seq] = one
            self._index.keep(noted.values(), rows[-1][0] + 1, rows[-1][5], events)
        except sqlite3.Error as error:
            raise StoreError("the log cannot be read", detail=str(error)) from error
        return len(rows) == STEP

    async def run(self) -> None:
        """Follow until cancelled."""
        size = -1
        while True:
            is_more, before, size = False, size, self._size()
            if size == before or self._is_looked_at():
                try:
                    is_more = await asyncio.to_thread(self.step)
                except StoreError as error:
                    _log.warning("sessions are behind: %s (%s)", error.public, error.detail)
            await self._rest(PAUSE_S if is_more else REST_S)

    def _is_looked_at(self) -> bool:
        return time.monotonic() - self._looked_at < LOOKED_S

    async def _rest(self, seconds: float) -> None:
        """Wait, or until somebody looks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    def _leaf(self, seq: int) -> bytes:
        row = self._log.execute("SELECT leaf FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
        return bytes(row[0]) if row else b""

    def _noted(
        self,
        noted: Mapping[int, Noted],
        head: tuple[int, int, str, str],
        approval: str,
        data: Mapping[str, object],
    ) -> Noted | None:
        seq, at, kind, principal = head
        token = self._token(noted, data, approval)
        if not token:
            return None
        cost = data.get("cost_micros", 0) if kind in ("model.answered", "spend.settled") else 0
        return Noted(
            seq=seq,
            at=at,
            token=token,
            principal=principal if kind in ("model.requested", "tool.judged") else "",
            is_model=kind == "model.requested",
            verdict=str(data.get("verdict", "")) if kind == "tool.judged" else "",
            is_asked=bool(approval),
            is_again=bool(approval) and not data.get("own"),
            cost_micros=cost if isinstance(cost, int) else 0,
        )

    def _token(self, noted: Mapping[int, Noted], data: Mapping[str, object], approval: str) -> str:
        token = data.get("token")
        if isinstance(token, str):
            return token
        for name in _LEADS:
            seq = data.get(name)
            if isinstance(seq, int):
                return noted[seq].token if seq in noted else self._index.token_of(seq)
        if not approval:
            return ""
        row = self._log.execute("SELECT token FROM approvals WHERE id = ?", (approval,)).fetchone()
        return str(row[0]) if row else ""
