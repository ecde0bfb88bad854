"""Outcomes that nobody waits for: queued in order, durable with the next commit; a failure closes the gates."""

import asyncio
import logging

from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import Outcome, Unit
from firewall.sequencer.writer import Writer

log = logging.getLogger("stayhand.sequencer")
_running: set["asyncio.Task[Outcome]"] = set()


def post(sequencer: Sequencer, unit: Unit) -> None:
    """Queue a unit without waiting for it; use it for outcomes only, never for what an effect depends on."""
    if isinstance(sequencer, Writer):  # in process, an outcome needs no task of its own
        try:
            sequencer.queue(unit).add_done_callback(_settled)
        except StoreError as error:
            _lost(error)
        return
    task = asyncio.ensure_future(sequencer.submit(unit))
    _running.add(task)
    task.add_done_callback(_running.discard)
    task.add_done_callback(_settled)


def _settled(done: "asyncio.Future[Outcome]") -> None:
    error = None if done.cancelled() else done.exception()
    if isinstance(error, StoreError):
        _lost(error)
    elif error is not None:
        log.error("an outcome could not be recorded: %s", type(error).__name__)


def _lost(error: StoreError) -> None:
    log.error("an outcome could not be recorded: %s", error.detail)
