"""Outcomes that nobody waits for: queued in order, durable with the next commit; a failure closes the gates."""

import asyncio
import logging
from collections.abc import Callable

from firewall.core.errors import StoreError
from firewall.core.ports import Sequencer
from firewall.core.work import Committed, Outcome, Unit
from firewall.sequencer.writer import Writer

log = logging.getLogger("stayhand.sequencer")
_running: set["asyncio.Task[Outcome]"] = set()


def post(sequencer: Sequencer, unit: Unit, *, then: Callable[[Committed], None] | None = None) -> None:
    """Queue a unit without waiting for it; use it for outcomes only, never for what an effect depends on.

    `then` is called once it is durable.
    """
    if isinstance(sequencer, Writer):  # in process, an outcome needs no task of its own
        try:
            sequencer.follow(unit, then=then)
        except StoreError as error:
            _lost(error)
        return
    task = asyncio.ensure_future(sequencer.submit(unit))
    _running.add(task)
    task.add_done_callback(_running.discard)
    task.add_done_callback(_settled)
    if then is not None:
        task.add_done_callback(lambda done: _follow(done, then))


def _follow(done: "asyncio.Future[Outcome]", then: Callable[[Committed], None]) -> None:
    if not done.cancelled() and done.exception() is None:
        said = done.result()
        if isinstance(said, Committed):
            then(said)


def _settled(done: "asyncio.Future[Outcome]") -> None:
    if done.cancelled():  # the loop ends before it was heard of: it may stand in the log, or not
        log.error("an outcome may not have been recorded: cancelled")
        return
    error = done.exception()
    if isinstance(error, StoreError):
        _lost(error)
    elif error is not None:
        log.error("an outcome could not be recorded: %s", type(error).__name__)


def _lost(error: StoreError) -> None:
    log.error("an outcome could not be recorded: %s", error.detail)
