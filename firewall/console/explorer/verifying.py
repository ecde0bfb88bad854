"""Running the verifier over the whole log: `python -m audit verify` in a process of its own, one at a time.

The process is the auditor's own program, at the lowest priority, and what the page shows is what it says.
"""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from firewall.console.explorer.apart import run_apart
from firewall.console.explorer.indexing import NICE
from firewall.core.ports import Clock

LONGEST_S = 900.0
MOST_CHARS = 20_000
"""Of what it says."""
_POLITE = f"import os,sys; os.nice({NICE}); from audit.__main__ import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Verified:
    """How a run stands."""

    began_at: int = 0
    """Unix microseconds; 0: none was begun."""
    took_s: int = 0
    is_running: bool = False
    is_ok: bool = False
    said: tuple[str, ...] = ()
    """Lines that the verifier wrote."""


class Verifying:
    """Starts the verifier, and remembers how the last run ended."""

    def __init__(self, log: Path, key: str, clock: Clock, *, witness: Sequence[str] = ()) -> None:
        """`key`: the log's verifier key; `witness`: files or addresses of heads that somebody else keeps."""
        self._words = (
            "verify",
            "--log",
            str(log),
            "--key",
            key,
            *(w for one in witness for w in ("--witness", one)),
        )
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.last = Verified()

    @property
    def command(self) -> str:
        """What an auditor runs to see the same."""
        return shlex.join(("python", "-m", "audit", *self._words))

    def start(self) -> bool:
        """Begin a run; False where one is under way."""
        if self._task is not None and not self._task.done():
            return False
        self.last = Verified(began_at=self._clock.now_us(), is_running=True)
        self._task = asyncio.create_task(self._run())
        return True

    async def done(self) -> Verified:
        """Wait for the run that is under way."""
        if self._task is not None:
            await self._task
        return self.last

    async def _run(self) -> None:
        ended = await run_apart(("-c", _POLITE, *self._words), longest_s=LONGEST_S)
        late = f"stopped after {LONGEST_S:.0f} s: run the command yourself"
        text = late if ended.is_late else ended.said.decode(errors="backslashreplace")
        took_us = self._clock.now_us() - self.last.began_at
        self.last = replace(
            self.last,
            took_s=max(1, round(took_us / 1e6)),
            is_running=False,
            is_ok=ended.is_well,
            said=tuple(text[:MOST_CHARS].splitlines()),
        )
