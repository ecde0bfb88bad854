"""Keeping the index behind the log: a process of its own is started when a block is due, one at a time.

It is started in calm moments, or while somebody looks: an entry costs it more time than the call that wrote it, so
a busy server puts it off. Whoever searches meanwhile is given what the index lacks from the log itself.
"""

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from firewall.console.explorer.apart import run_apart
from firewall.console.explorer.blocks import WIDTH
from firewall.console.explorer.store import Index
from firewall.core.errors import StoreError
from firewall.core.secret import Secret

LOOK_S = 5.0
"""Between two looks whether a block is due."""
AGAIN_S = 60.0
"""After one that failed."""
CALM = 128
"""At most so many entries between two looks are a calm moment."""
LOOKED_S = 60.0
"""How long whoever looked is taken to look on."""
PUT_OFF_S = 900.0
"""A server that is never calm is indexed after so long."""
LONGEST_S = 3_600.0
"""One process may take; the next goes on where it ended."""
_MODULE = "firewall.console.explorer.indexing"
_log = logging.getLogger("stayhand.console")


@dataclass(frozen=True, slots=True)
class Kept:
    """Where things lie."""

    log: Path
    keystore: Path
    index: Path
    kek: Secret
    """What wraps the keys, in base64."""

    def said(self) -> bytes:
        """Return what the process is told on its standard input."""
        paths = {"log": str(self.log), "keystore": str(self.keystore), "index": str(self.index)}
        return orjson.dumps({**paths, "kek": self.kek.reveal()})


class Behind:
    """Starts the indexer; `run` belongs into the server's task group."""

    def __init__(self, kept: Kept, size: Callable[[], int], *, now: Callable[[], float] = time.monotonic) -> None:
        """`size` tells how many entries the log has, `now` the time in seconds."""
        self._kept = kept
        self._size = size
        self._now = now
        self._indexed = -1
        self._seen = size()
        self._looked_at = now() - LOOKED_S
        self._put_off_since = now()
        self._woken = asyncio.Event()

    def looked(self) -> None:
        """Somebody searches: what is due is indexed now."""
        self._looked_at = self._now()
        self._woken.set()

    def is_time(self) -> bool:
        """Tell, once a look, whether what is due may be indexed now."""
        size, now = self._size(), self._now()
        came, self._seen = size - self._seen, size
        is_it = came <= CALM or now - self._looked_at < LOOKED_S or now - self._put_off_since >= PUT_OFF_S
        if is_it:
            self._put_off_since = now
        return is_it

    async def run(self) -> None:
        """Look, and start what is due when it is time, until cancelled."""
        while True:
            is_well = not self.is_time() or await self.once()
            if is_well:
                await self._rest()
            else:
                await asyncio.sleep(AGAIN_S)

    async def _rest(self) -> None:
        """Wait for the next look, or until somebody searches."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._woken.wait()
        self._woken.clear()

    async def once(self) -> bool:
        """Index what is due; tell whether that went well. Where nothing is due, nothing is started."""
        if self._indexed < 0:
            self._indexed = self._read()
        if self._size() - self._indexed < WIDTH:
            return True
        is_well = await self._started()
        self._indexed = self._read()
        return is_well

    def _read(self) -> int:
        try:
            index = Index.reading(self._kept.index)
        except StoreError:
            return 0
        if index is None:
            return 0
        try:
            return index.size
        finally:
            index.close()

    async def _started(self) -> bool:
        ended = await run_apart(("-m", _MODULE), longest_s=LONGEST_S, told=self._kept.said(), only_errors=True)
        if not ended.is_well:
            said = "it took too long" if ended.is_late else ended.said.decode(errors="replace").strip()[-500:]
            _log.warning("the index of the log is behind: %s", said)
        return ended.is_well


def encoded(kek: bytes) -> Secret:
    """Return a key as `Kept` has it."""
    return Secret(base64.b64encode(kek).decode())
