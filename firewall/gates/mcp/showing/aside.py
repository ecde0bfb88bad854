"""Looking at long messages away from the event loop, so that others are served meanwhile.

INVARIANT: one message at a time, in the order of asking: threads beside each other would share one interpreter and
leave the event loop the less of it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LEAST_BYTES = 32 << 10
"""A shorter message is looked at at once: that takes a few milliseconds, as long as a thread's turn."""
_Done = TypeVar("_Done")


class Aside:
    """Does long work in a thread of its own; one instance per process."""

    def __init__(self) -> None:
        self._one = ThreadPoolExecutor(1, "aside")

    async def do(self, work: Callable[[], _Done], size: int) -> _Done:
        """Return what `work` returns for a message of `size` bytes. Raises: what `work` raises.

        What was begun runs to its end, also where nobody waits for it any more; what was not is then left out.
        """
        if size < LEAST_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._one, work)
