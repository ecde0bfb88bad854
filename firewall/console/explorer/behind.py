"""Keeping the index close behind the log: a process of its own is started when a block is due, one at a time."""

import asyncio
import base64
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

import firewall
from firewall.console.explorer.blocks import WIDTH
from firewall.console.explorer.store import Index
from firewall.core.errors import StoreError
from firewall.core.secret import Secret

LOOK_S = 5.0
"""Between two looks whether a block is due."""
AGAIN_S = 60.0
"""After one that failed."""
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

    def __init__(self, kept: Kept, size: Callable[[], int]) -> None:
        """`size` tells how many entries the log has."""
        self._kept = kept
        self._size = size
        self._indexed = -1

    async def run(self) -> None:
        """Look, and start what is due, until cancelled."""
        while True:
            is_well = await self.once()
            await asyncio.sleep(LOOK_S if is_well else AGAIN_S)

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
        process = await asyncio.create_subprocess_exec(
            *program(_MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=surroundings(),
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                _, said = await process.communicate(self._kept.said())
        except TimeoutError:
            said = b"it took too long"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            _log.warning("the index of the log is behind: %s", said.decode(errors="replace").strip()[-500:])
        return process.returncode == 0


def program(module: str) -> tuple[str, ...]:
    """Return the words that run a module of ours, whatever folder we are in."""
    return sys.executable, "-P", "-m", module


def surroundings() -> Mapping[str, str]:
    """Return the environment of such a process: where our own packages are, and nothing else of ours."""
    own = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**own, "PYTHONPATH": str(Path(firewall.__file__).parents[1])}


def encoded(kek: bytes) -> Secret:
    """Return a key as `Kept` has it."""
    return Secret(base64.b64encode(kek).decode())
