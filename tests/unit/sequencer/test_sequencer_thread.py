"""The thread that commits run in."""

import gc
import threading
import weakref
from functools import partial

import pytest

from firewall.sequencer.thread import Thread

LIMIT_S = 30


def test_jobs_run_in_order_in_one_other_thread_and_stopping_finishes_them() -> None:
    """What was given before `stop` is done when it returns, one after the other, and nothing is taken after it."""
    thread, seen, others = Thread("jobs"), list[int](), set[int]()

    def job(number: int) -> None:
        seen.append(number)
        others.add(threading.get_ident())

    for number in range(200):
        thread.run(partial(job, number))
    thread.stop()
    assert seen == list(range(200))
    assert len(others) == 1
    assert threading.get_ident() not in others
    with pytest.raises(RuntimeError):
        thread.run(partial(job, 0))


def test_a_thread_that_was_never_used_stops_at_once() -> None:
    """Nothing is started for jobs that never come."""
    before = threading.active_count()
    Thread("idle").stop()
    assert threading.active_count() == before


def test_nobody_holding_it_the_thread_ends() -> None:
    """Who forgets to stop it leaves no thread behind."""
    thread, running = Thread("left"), list[threading.Thread]()
    thread.run(lambda: running.append(threading.current_thread()))
    del thread
    gc.collect()
    for one in running or [one for one in threading.enumerate() if one.name == "left"]:
        one.join(LIMIT_S)
        assert not one.is_alive()


def test_what_a_job_held_is_let_go_of_before_the_next_comes() -> None:
    """A batch of units is not kept for as long as nothing is written."""

    class Batch:
        def commit(self) -> None:
            """Do nothing."""

    thread, done, batch = Thread("jobs"), threading.Event(), Batch()
    gone = weakref.ref(batch)
    weakref.finalize(batch, done.set)
    thread.run(batch.commit)
    del batch
    assert done.wait(LIMIT_S)
    assert gone() is None
    thread.stop()


def test_a_thread_that_could_not_start_is_started_with_the_next_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no thread left, the job is refused, and nothing counts as running that is not."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    thread, seen = Thread("jobs"), list[int]()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for number in range(2):
            with pytest.raises(RuntimeError):
                thread.run(partial(seen.append, number))
    thread.run(partial(seen.append, 2))
    thread.stop()
    assert seen == [2]
