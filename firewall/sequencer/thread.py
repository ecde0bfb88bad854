"""The one thread that commits run in.

A pool of one does more for each job than the hand-over takes: an object to wait for, which nobody waits for here,
a semaphore, four locks. INVARIANT: jobs run one after the other, in the order in which they were given.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]
"""Raises nothing: who waits for it must be told by itself."""


class Thread:
    """Runs jobs; begins with the first one, and ends with `stop` or when nobody holds it any more."""

    __slots__ = ("_jobs", "_name", "_running", "_stopped")

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._running: threading.Thread | None = None
        self._stopped = False

    def run(self, job: Job) -> None:
        """Run a job after those that were given before.

        Raises: RuntimeError after `stop`, and where no thread can be started; the next job tries again.
        """
        if self._stopped:
            raise RuntimeError("the thread was stopped")
        if self._running is None:
            # No reason for a process to go on: what was not committed was acknowledged to nobody.
            running = threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True)
            running.start()
            self._running = running
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was given, and end."""
        self._stopped = True
        self._jobs.put(None)
        if self._running is not None:
            self._running.join()

    def __del__(self) -> None:
        """Let the thread end."""
        self._jobs.put(None)


def _work(jobs: "SimpleQueue[Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # it holds what it was given, and the next one may be long in coming
