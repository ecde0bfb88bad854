"""Outcomes that nobody waits for: queued in order, durable with the next commit; a failure closes the gates."""

import asyncio
import logging

from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import Unit

log = logging.getLogger("stayhand.sequencer")
_running: set["asyncio.Task[None]"] = set()


def post(sequencer: Sequencer, unit: Unit) -> None:
    """Queue a unit without waiting for it; use it for outcomes only, never for what an effect depends on."""
    task = asyncio.create_task(_submit(sequencer, unit))
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _submit(sequencer: Sequencer, unit: Unit) -> None:
    try:
        await sequencer.submit(unit)
    except StoreError as error:
        log.error("an outcome could not be recorded: %s", error.detail)  # noqa: TRY400 - the detail is the message
