"""The sequencer in process: statements on the loop, commits in one thread (docs/adr/0005).

Units that arrive while a commit runs are applied together in the next transaction (group commit), so that the
cost of making them durable is shared. Nobody is answered before their commit is durable. What nobody waits for
(`follow`) goes with the next commit that somebody waits for, and within milliseconds where there is none.

INVARIANT: between BEGIN and the end of COMMIT the connection is used by one side only: by the loop while a batch
is applied, by the thread while it commits.
FAIL-CLOSED: a failed commit undoes the whole batch; everybody in it gets StoreError and `is_open` is False until
a later commit succeeds.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from audit import AuditError
from audit.sqlite import Log
from firewall.core.erasure import EraseSubject
from firewall.core.errors import FirewallError, StoreError
from firewall.core.ports import Clock
from firewall.core.work import Committed, Outcome, Unit
from firewall.sequencer.apply import Applier, TakenBackError
from firewall.sequencer.emptying import EVERY_S, Emptying
from firewall.sequencer.sealing import Sealing
from firewall.sequencer.thread import Thread
from firewall.storage.sqlite import erasures

log = logging.getLogger("stayhand.sequencer")
MAX_BATCH = 512
MAX_WAITING = 10_000
LINGER_S = 0.003
"""How long what nobody waits for lies, while no commit is under way, before one is begun for it.

What comes during a commit lies until that has ended, however long the disk takes, and this long after it.
"""
LAST_WAIT_MS = 500
"""How long a stopping writer waits for those who read the file."""
CAREFUL_US = 1_000_000
"""How long units keep savepoints of their own after one had to be taken back."""
_WRONG = (ValueError, TypeError, OverflowError, sqlite3.IntegrityError, AuditError, FirewallError)
"""What a unit that is itself wrong raises; it fails alone."""
_CLOSED = "the log cannot be written, so nothing may pass"


class Unheard:
    """Stands where a future would, for a unit that nobody waits for."""

    __slots__ = ("_then",)

    def __init__(self, then: Callable[[Committed], None] | None = None) -> None:
        """`then` is called in the loop's next turn once the unit is committed."""
        self._then = then

    def done(self) -> bool:
        """Tell whether nothing more is to be told: never."""
        return False

    def set_result(self, outcome: Outcome) -> None:
        """Hear how it ended."""
        if self._then is not None and isinstance(outcome, Committed):
            asyncio.get_running_loop().call_soon(self._then, outcome)

    def set_exception(self, error: BaseException) -> None:
        """Hear that it failed: the line is all that is left of it."""
        log.error("an outcome could not be recorded: %s", getattr(error, "detail", "") or type(error).__name__)


Hearer = asyncio.Future[Outcome] | Unheard
_NOBODY = Unheard()


class Writer:
    """One writer for one file. Use `start` inside the running loop, `stop` before it ends."""

    def __init__(self, connection: sqlite3.Connection, log: Log, sealing: Sealing, clock: Clock) -> None:
        self._connection = connection
        self._log = log
        self._sealing = sealing
        self._clock = clock
        self._applier = Applier(connection, log, sealing)
        self._waiting: deque[tuple[Unit, Hearer]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop that units come from; asking for the running one is a system call."""
        self._thread = Thread("commit")
        self._busy = False
        self._scheduled = False
        self._urgent = False
        """Somebody waits for one of those that wait."""
        self._lingering = False
        """A timer runs for what nobody waits for."""
        self._erasing = False
        """One of those that wait erases somebody."""
        self._emptying = Emptying(connection)
        self._reminding = False
        """A timer runs for what was erased and still lies in the write-ahead log."""
        self._careful_until_us = 0
        self._open = True
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_open(self) -> bool:
        """The last commit succeeded."""
        return self._open and not self._stopped

    @property
    def is_emptied(self) -> bool:
        """Nothing of what was erased lies in the write-ahead log any more; where it does, it is tried again."""
        return not self._emptying.is_pending

    def empty(self) -> None:
        """Empty the write-ahead log of what was erased, before anything is submitted."""
        self._emptying.of_erased(0)

    @property
    def head(self) -> bytes | None:
        """The newest committed checkpoint, for witnesses."""
        return self._log.head

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._log.size

    def pseudonym(self, name: str) -> str:
        """Return the stable pseudonymous id of a person or principal."""
        return self._sealing.pseudonym(name)

    async def submit(self, unit: Unit) -> Outcome:
        """Commit a unit durably.

        Raises: StoreError when it could not be made durable, or too many wait already.
        """
        return await self.queue(unit)

    def queue(self, unit: Unit) -> "asyncio.Future[Outcome]":
        """Take a unit for the next commit; the future is done when it is durable, or holds a StoreError.

        Raises: StoreError when too many wait already.
        """
        future: asyncio.Future[Outcome] = self._living_loop().create_future()
        self._take(unit, future)
        if _erases(unit):
            self._erasing = True
        self._urgent = True
        self._schedule()
        return future

    def follow(self, unit: Unit, *, then: Callable[[Committed], None] | None = None) -> None:
        """Take a unit that nobody waits for: it goes with the next of somebody who waits, or alone after LINGER_S.

        `then` is called once it is durable.
        Raises: StoreError when too many wait already.
        """
        self._living_loop()
        self._take(unit, _NOBODY if then is None else Unheard(then))
        if len(self._waiting) >= MAX_BATCH:
            self._schedule()
        else:
            self._linger()

    async def stop(self) -> None:
        """Finish what waits, and what is handed in meanwhile; then refuse everything."""
        while not self._idle.is_set():  # whoever hears of a commit may hand in what follows from it before we hear
            if self._waiting:
                self._urgent = True
                self._schedule()
            await self._idle.wait()
        self._stopped = True
        self._thread.stop()
        if not self._emptying.gather(LAST_WAIT_MS):
            log.warning("somebody reads the log: its write-ahead log stays beside it, copy both")
        self._connection.close()

    def _living_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
            self._lingering = self._reminding = False  # the timers were the other loop's
        return loop

    def _take(self, unit: Unit, hearer: Hearer) -> None:
        if self._stopped or len(self._waiting) >= MAX_WAITING:
            raise StoreError(_CLOSED, detail="stopped" if self._stopped else "too many units wait")
        if not self._waiting:
            self._idle.clear()
        self._waiting.append((unit, hearer))

    def _schedule(self) -> None:
        """Begin a commit in the loop's next turn, unless one is under way: its end begins the next."""
        if not self._busy and not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._begin, self._loop)

    def _linger(self) -> None:
        if not self._lingering and not self._busy and not self._scheduled and self._loop is not None:
            self._lingering = True
            self._loop.call_later(LINGER_S, self._lingered)

    def _lingered(self) -> None:
        self._lingering = False
        if self._waiting:
            self._schedule()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        if self._erasing:
            batch = self._upto_erasure(batch)
        self._urgent = self._urgent and bool(self._waiting)
        if not batch:
            self._idle.set()
            return
        self._busy = True
        applied: list[tuple[Hearer, Outcome]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            now_us = self._clock.now_us()
            self._apply(batch, now_us, applied)
            self._log.checkpoint()
            if self._applier.has_erased:
                self._leave(batch[-1], applied)
            work = self._commit_erasure if self._applier.has_erased else self._commit
            self._thread.run(partial(work, loop, batch, applied))
        except Exception as error:  # noqa: BLE001 - FAIL-CLOSED: nobody in the batch may wait for ever
            log.error("a batch could not be applied: %s", type(error).__name__)  # noqa: TRY400 - may quote a unit
            self._undo(batch, error)
            self._next()

    def _leave(self, last: tuple[Unit, Hearer], applied: list[tuple[Hearer, Outcome]]) -> None:
        """Take the name as erased before its key is: whoever asks for its pseudonym meanwhile makes no new one."""
        unit, waits = last
        outcome = next((said for hearer, said in applied if hearer is waits), None)
        if isinstance(outcome, Committed):
            for step in unit.steps:
                if type(step) is EraseSubject:
                    self._sealing.late.leaves(step.name)

    def _upto_erasure(self, batch: list[tuple[Unit, Hearer]]) -> list[tuple[Unit, Hearer]]:
        """End a batch with the first unit that erases somebody; the rest waits for the next.

        INVARIANT: whatever stands behind `audit.erased` in the log was sealed when the key was gone.
        """
        end = next((at + 1 for at, (unit, _) in enumerate(batch) if _erases(unit)), len(batch))
        self._waiting.extendleft(reversed(batch[end:]))
        self._erasing = any(_erases(unit) for unit, _ in self._waiting)
        return batch[:end]

    def _apply(
        self,
        batch: list[tuple[Unit, Hearer]],
        now_us: int,
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        """Apply a batch in one go; when one unit is itself wrong, start again with each by itself."""
        try:
            outcomes = self._apply_all([unit for unit, _ in batch], now_us)
        except _WRONG:
            self._restart()
            for unit, hearer in batch:
                self._apply_one(unit, hearer, now_us, applied)
            return
        applied += zip((hearer for _, hearer in batch), outcomes, strict=True)

    def _apply_all(self, units: list[Unit], now_us: int) -> list[Outcome]:
        """Apply units without savepoints; when one has to be taken back, start again and keep savepoints a while.

        Conditions are nearly always met, and a savepoint for each unit is two statements more.
        """
        if now_us >= self._careful_until_us or self._careful_until_us > now_us + CAREFUL_US:
            try:
                return self._applier.apply_all(units, now_us, careful=False)
            except TakenBackError:
                self._restart()
                self._careful_until_us = now_us + CAREFUL_US
        return self._applier.apply_all(units, now_us, careful=True)

    def _restart(self) -> None:
        """Take back all of the batch that was applied, and begin it again."""
        self._connection.execute("ROLLBACK")
        self._log.rolled_back()
        self._sealing.late.undone()
        self._connection.execute("BEGIN IMMEDIATE")

    def _apply_one(
        self,
        unit: Unit,
        hearer: Hearer,
        now_us: int,
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        """Apply one unit; a unit that is itself wrong (an over-long entry, an id that exists) fails alone."""
        mark = self._log.mark()
        try:
            applied.append((hearer, self._applier.apply(unit, now_us)))
        except _WRONG as error:
            self._log.back_to(mark)
            _fail(hearer, error)

    def _commit(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Unit, Hearer]],
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        """Make a batch durable, in the thread, and go on in the loop: one hop, because everybody waits for it."""
        failed: BaseException | None = None
        try:
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - FAIL-CLOSED: whatever it was, nobody may wait for ever
            failed = error
        with suppress(RuntimeError):  # the loop was closed: nobody is left who waits
            loop.call_soon_threadsafe(self._end, failed, batch, applied)

    def _commit_erasure(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Unit, Hearer]],
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        """Make a batch durable that ends in an erasure, in the thread, and carry that out before anything else."""
        failed: BaseException | None = None
        unfinished: BaseException | None = None
        try:
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - FAIL-CLOSED: whatever it was, nobody may wait for ever
            failed = error
        else:
            try:
                self._sealing.destroy(erasures.keys(self._connection))
                self._emptying.of_erased(LAST_WAIT_MS)
            except (AuditError, sqlite3.Error) as error:
                unfinished = error
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._end_erasure, failed, unfinished, batch, applied)

    def _end_erasure(
        self,
        failed: BaseException | None,
        unfinished: BaseException | None,
        batch: list[tuple[Unit, Hearer]],
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        """FAIL-CLOSED: where the key is not destroyed nothing more is written; the next start destroys it."""
        self._applier.has_erased = False
        self._sealing.forget()
        self._emptying.tried(self._living_loop().time())
        if unfinished is not None:
            log.critical("an erasure is recorded and could not be carried out: restart the server")
            self._stopped = True
            _fail(batch[-1][1], unfinished)
        self._end(failed, batch, applied)

    def _end(
        self,
        failed: BaseException | None,
        batch: list[tuple[Unit, Hearer]],
        applied: list[tuple[Hearer, Outcome]],
    ) -> None:
        if failed is not None:
            self._undo(batch, failed)
        else:
            self._log.committed()
            self._sealing.late.committed()
            self._open = True
            for hearer, outcome in applied:
                if not hearer.done():
                    hearer.set_result(outcome)
        self._next()

    def _undo(self, batch: list[tuple[Unit, Hearer]], error: BaseException) -> None:
        """FAIL-CLOSED: nothing of the batch was kept, everybody in it hears so."""
        self._open = False
        self._applier.has_erased = False
        self._sealing.late.undone()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._log.rolled_back()
        except (sqlite3.Error, AuditError) as worse:
            error = worse
            self._stopped = True  # the file is no longer what we know: only a restart may look at it again
        for _, hearer in batch:
            _fail(hearer, error)

    def _empty(self) -> None:
        """Try again to empty the write-ahead log, in the thread, between two commits."""
        self._busy = True
        self._idle.clear()
        loop = self._living_loop()
        try:
            self._thread.run(partial(self._empty_again, loop))
        except RuntimeError:  # no thread could be started: later, and commits go on
            loop.call_soon(self._tried)

    def _empty_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._emptying.of_erased(0)
        with suppress(RuntimeError):  # the loop was closed: stopping tries once more
            loop.call_soon_threadsafe(self._tried)

    def _tried(self) -> None:
        self._emptying.tried(self._living_loop().time())
        self._next()

    def _reminded(self) -> None:
        """Try again where nothing is under way; the end of a commit does else."""
        self._reminding = False
        if self._stopped or not self._emptying.is_pending:
            return
        if self._busy or self._scheduled:
            self._remind()
        else:
            self._empty()

    def _remind(self) -> None:
        if not self._reminding:
            self._reminding = True
            self._living_loop().call_later(EVERY_S, self._reminded)

    def _next(self) -> None:
        self._busy = False
        if self._emptying.is_pending and not self._stopped:
            if self._emptying.is_due(self._living_loop().time()):
                self._empty()
                return
            self._remind()
        if self._stopped:
            while self._waiting:
                _fail(self._waiting.popleft()[1], StoreError(_CLOSED))
        if not self._waiting:
            self._idle.set()
        elif self._urgent:
            self._schedule()
        else:
            self._linger()


def _erases(unit: Unit) -> bool:
    return bool(unit.steps) and type(unit.steps[0]) is EraseSubject


def _fail(hearer: Hearer, error: BaseException) -> None:
    if hearer.done():
        return
    wrapped = StoreError(_CLOSED, detail=f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    hearer.set_exception(wrapped)
