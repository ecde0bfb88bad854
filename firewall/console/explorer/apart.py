"""Programs of ours in processes of their own: bounded in time, and ended with whoever waits for them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import firewall


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    code: int | None
    """Its exit code; negative: the signal that ended it."""
    said: bytes
    is_late: bool
    """It was ended, since its time was over: what it had said is lost."""

    @property
    def is_well(self) -> bool:
        """It ended by itself, with 0."""
        return self.code == 0


async def run_apart(
    words: Sequence[str], *, longest_s: float, told: bytes | None = None, only_errors: bool = False
) -> Ended:
    """Run a program of ours; it has none of our descriptors and little of our environment.

    `words`: what follows the interpreter. `told`: its standard input. `only_errors`: what
    it says is its standard error alone.
    Raises: OSError when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", *words),
        stdin=asyncio.subprocess.DEVNULL if told is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL if only_errors else asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if only_errors else asyncio.subprocess.STDOUT,
        env=_surroundings(),
    )
    said, is_late = b"", False
    try:
        async with asyncio.timeout(longest_s):
            out, errors = await process.communicate(told)
            said = errors if only_errors else out
    except TimeoutError:
        is_late = True
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode, said, is_late)


def _surroundings() -> Mapping[str, str]:
    """Return the environment of such a process: where our own packages are, and nothing else of ours."""
    own = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**own, "PYTHONPATH": str(Path(firewall.__file__).parents[1])}
