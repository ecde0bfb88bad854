"""Background work that others do without: what ends it unforeseen ends nothing beside it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("stayhand.app")
AGAIN_S = 5.0
"""Until it begins again."""


async def kept_running(run: Callable[[], Awaitable[None]], what: str, *, again_s: float = AGAIN_S) -> None:
    """Run something until cancelled; when it fails, say so and begin again after `again_s` seconds.

    Only for what decides nothing and records nothing: approvals that expire, the witness and the sweep end the
    process when they fail, this must not.
    """
    while True:
        try:
            await run()
        except Exception:  # nobody knows what: the trace is in the log, and the rest goes on
            log.critical("%s failed and begins again in %.0f s", what, again_s, exc_info=True)
        await asyncio.sleep(again_s)
