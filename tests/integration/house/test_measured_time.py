"""The processor time that `make bench` reads: what has ended is not taken out of it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench.processes import Measured

BURNT_US = 60_000
"""What each of the things below uses at least."""
_WORKER = """
import subprocess, sys, threading, time

def burn(clock):
    begun = clock()
    while clock() - begun < 0.06:
        pass

def thread():
    burn(time.thread_time)
    print("burnt", flush=True)
    sys.stdin.readline()

def child():
    burn = "import sys, time\\nwhile time.process_time() < 0.06: pass\\n"
    code = burn + "print('burnt', flush=True)\\nsys.stdin.readline()"
    subprocess.run([sys.executable, "-c", code])

for line in sys.stdin:
    one = threading.Thread(target={"thread": thread, "child": child}[line.strip()])
    one.start()
    one.join()
    print("ended", flush=True)
"""


@pytest.fixture(name="worker")
def running_worker() -> Iterator["subprocess.Popen[str]"]:
    """A process that does what it is told: `thread` or `child` burns, says so, and ends on the next line."""
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def _tell(worker: "subprocess.Popen[str]", line: str) -> str:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(line + "\n")
    worker.stdin.flush()
    return worker.stdout.readline().strip()


@pytest.mark.parametrize("what", ["thread", "child"])
def test_time_of_what_has_ended_stays(worker: "subprocess.Popen[str]", what: str) -> None:
    """A thread or a process that ends between two looks takes no time along, seen before or not."""
    measured = Measured("worker", worker.pid, 0)
    before = measured.cpu_us()
    assert _tell(worker, what) == "burnt"
    burnt = measured.cpu_us()
    assert burnt - before >= BURNT_US - 1
    assert _tell(worker, "") == "ended"
    assert measured.cpu_us() >= burnt


@pytest.mark.parametrize("what", ["thread", "child"])
def test_time_of_what_nobody_saw_is_counted(worker: "subprocess.Popen[str]", what: str) -> None:
    """What begins and ends between two looks is counted; a child's in the ticks of the system's clock."""
    measured = Measured("worker", worker.pid, 0)
    before = measured.cpu_us()
    assert _tell(worker, what) == "burnt"
    assert _tell(worker, "") == "ended"
    assert measured.cpu_us() - before >= BURNT_US - 20_000


def test_a_process_that_has_ended_keeps_its_last_reading(worker: "subprocess.Popen[str]") -> None:
    """A server that died is not read as one that used less."""
    measured = Measured("worker", worker.pid, 0)
    before = measured.cpu_us()
    assert before > 0
    worker.kill()
    worker.wait(10)
    assert measured.cpu_us() >= before
