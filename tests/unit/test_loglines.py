"""Operational lines: in order, in batches, never lost but by a sudden death."""

import asyncio
import io
import logging
import threading
from collections.abc import Iterator

import pytest

from firewall.loglines import MOST, WAIT_S, BatchedHandler, Utc, say


class Stream(io.StringIO):
    """Counts what would be system calls."""

    writes = 0

    def write(self, text: str) -> int:
        """Note a write."""
        self.writes += 1
        return super().write(text)


@pytest.fixture
def stream() -> Stream:
    """What is written."""
    return Stream()


@pytest.fixture
def log(stream: Stream) -> Iterator[logging.Logger]:
    """A logger with the handler."""
    handler = BatchedHandler(stream)
    handler.setFormatter(Utc())
    made = logging.getLogger("stayhand.test")
    made.addHandler(handler)
    made.setLevel(logging.INFO)
    made.propagate = False
    yield made
    made.removeHandler(handler)
    handler.close()


def test_without_a_loop_every_line_goes_out_at_once(log: logging.Logger, stream: Stream) -> None:
    """Commands and threads have nobody who comes back for what waits."""
    log.info("one %d", 1)
    assert stream.getvalue().endswith(" INFO stayhand.test one 1\n")
    other = threading.Thread(target=lambda: log.info("two"))
    other.start()
    other.join()
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["1", "two"]


async def test_ordinary_lines_are_written_together(log: logging.Logger, stream: Stream) -> None:
    """One write for what comes at about the same time, in order."""
    for number in range(10):
        log.info("line=%d", number)
    assert stream.writes == 0
    await asyncio.sleep(WAIT_S * 3)
    assert stream.writes == 1
    assert [line[-1] for line in stream.getvalue().splitlines()] == [str(number) for number in range(10)]
    log.info("again")
    await asyncio.sleep(WAIT_S * 3)
    assert stream.getvalue().endswith("again\n")


async def test_a_warning_waits_for_nobody(log: logging.Logger, stream: Stream) -> None:
    """It goes out at once, behind what came before it; many lines do not pile up either."""
    log.info("before")
    log.warning("now")
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["before", "now"]
    for _ in range(MOST):
        log.info("more")
    assert stream.getvalue().count("more") == MOST


def test_what_a_dead_loop_left_is_written_with_the_next_line(log: logging.Logger, stream: Stream) -> None:
    """A loop that ended before it came back loses nothing."""

    async def leave() -> None:
        log.info("left")

    asyncio.run(leave())
    log.info("next")
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["left", "next"]


def test_times_are_in_utc(log: logging.Logger, stream: Stream) -> None:
    """Whatever the machine's zone, and the same second is formatted the same."""
    record = log.makeRecord("stayhand.test", logging.INFO, "", 0, "x", (), None)
    record.created = 1_795_262_999.5
    assert Utc().format(record) == "2026-11-21T12:09:59+0000 INFO stayhand.test x"
    assert stream.getvalue() == ""


def test_what_is_said_is_the_line_that_logging_would_write(log: logging.Logger, stream: Stream) -> None:
    """The same bytes, with a record or without; below the level nothing."""
    below = logging.getLogger("stayhand.test.below")
    below.info("a=%d", 1)
    say(below, "a=1")
    first, second = (line.partition(" ")[2] for line in stream.getvalue().splitlines())
    assert first == second == "INFO stayhand.test.below a=1"
    log.setLevel(logging.WARNING)
    say(below, "a=2")
    assert "a=2" not in stream.getvalue()


@pytest.mark.usefixtures("log")
async def test_what_is_said_keeps_its_place(stream: Stream) -> None:
    """Lines of both kinds come out in order, a warning takes what waits with it, and many are written together."""
    below = logging.getLogger("stayhand.test.below")
    say(below, "one")
    below.info("two")
    assert stream.writes == 0
    below.warning("three")
    for number in range(MOST):
        say(below, f"{number}")
    written = [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()]
    assert written == ["one", "two", "three", *map(str, range(MOST))]
    assert stream.writes == 2


@pytest.mark.parametrize("where", ["own", "above", "filter", "level"])
def test_who_else_reads_lines_hears_what_is_said(log: logging.Logger, stream: Stream, where: str) -> None:
    """Another handler, a filter or a level of the handler is heeded as logging heeds it."""
    below, heard = logging.getLogger("stayhand.test.below"), list[str]()
    other = logging.Handler()
    other.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]  # collects
    only = logging.Filter("stayhand.nobody")
    try:
        match where:
            case "own":
                below.addHandler(other)
            case "above":
                log.addHandler(other)
            case "filter":
                below.addFilter(only)
            case _:
                log.handlers[0].setLevel(logging.ERROR)
        say(below, "100 % said")
    finally:
        below.removeHandler(other)
        log.removeHandler(other)
        below.removeFilter(only)
    assert heard == (["100 % said"] if where in ("own", "above") else [])
    assert ("said" in stream.getvalue()) == (where in ("own", "above"))
