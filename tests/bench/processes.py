"""Processes that are measured: started, pinned to a processor, weighed, and ended by their id."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STOP_LIMIT_S = 10
_CPUCLOCK_SCHED = 2
"""What clock_getcpuclockid(3) puts beside the number of a process; that of the kernel's posix-timers.h."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Which processor serves and which one asks; the same one where there is only one."""

    serving: int
    asking: int

    @classmethod
    def here(cls) -> "Machine":
        """Choose from the processors that this process may use."""
        able = sorted(os.sched_getaffinity(0))
        return cls(able[0], able[-1])


@dataclass(slots=True)
class Measured:
    """A server under measurement."""

    name: str
    pid: int
    port: int
    token: str = ""
    _used_us: dict[int, float] = field(default_factory=dict, repr=False)
    """What each process of the tree had used when it was last looked at."""
    _read_us: float = 0.0

    def cpu_us(self) -> float:
        """Return the processor time of its process tree so far, microseconds; it never goes back.

        It holds that of threads and processes that have ended: what was read of an ended one, or what its parent
        has heard of it, whichever is more.
        """
        tree = _tree(self.pid)
        self._used_us |= {pid: used for pid in tree if (used := _used_us(pid))}
        ended = sum(used for pid, used in self._used_us.items() if pid not in tree)
        alive = sum(self._used_us.get(pid, 0.0) for pid in tree)
        self._read_us = max(self._read_us, alive + max(ended, sum(map(_of_ended_children_us, tree))))
        return self._read_us

    def rss_mib(self) -> float:
        """Return its resident memory, MiB."""
        pages = sum(int(_text(Path(f"/proc/{pid}/statm")).split()[1]) for pid in _tree(self.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the load generator saw, and what it cost the server."""

    answers: int
    errors: int
    events: int
    first_p50_ms: float
    whole_p50_ms: float
    whole_p99_ms: float
    seconds: float
    cpu_us: float
    said: str

    @property
    def per_answer_us(self) -> float:
        """Processor time per answer, microseconds."""
        return self.cpu_us / self.answers if self.answers else float("nan")

    @property
    def per_event_us(self) -> float:
        """Processor time per event, microseconds."""
        return self.cpu_us / self.events if self.events else float("nan")


def pin(pid: int, processor: int) -> None:
    """Keep a process, all its threads and what they start on one processor."""
    for one in _tree(pid):
        for task in _tasks(one):
            os.sched_setaffinity(int(task.name), {processor})


def run_load(machine: Machine, target: Measured, body: Path, *flags: str) -> Load:
    """Run the load generator once.

    Raises: RuntimeError when it fails.
    """
    before = target.cpu_us()
    command = ["--port", str(target.port), "--body", str(body), "--token", target.token, *flags]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {machine.asking}),
    )
    if done.returncode:
        raise RuntimeError(f"the load on {target.name} failed: {done.stderr[-500:]}")
    return Load(cpu_us=target.cpu_us() - before, **json.loads(done.stdout))


@contextmanager
def running(command: Sequence[str], processor: int) -> Iterator["subprocess.Popen[str]"]:
    """Run a command pinned to a processor while the block runs."""
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {processor}),  # noqa: PLW1509 - no thread runs here
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)


@contextmanager
def module(name: str, processor: int, *arguments: str) -> Iterator[Measured]:
    """Run one of this package's servers; it prints the port that it took."""
    with running([sys.executable, "-m", name, *arguments], processor) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip().isdigit():
            raise RuntimeError(f"{name} did not start")
        yield Measured(name, process.pid, int(line))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in _tasks(one):
            found += [int(child) for child in _text(task / "children").split()]
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _used_us(pid: int) -> float:
    """Return the processor time of all threads of a process, those that have ended included; 0 for no process.

    Threads are not added up one by one: one that ends between two looks would take its time along.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) / 1000
    except OSError:
        return 0.0


def _of_ended_children_us(pid: int) -> float:
    """Return what a process has heard of its ended children (proc(5), stat, fields 16 and 17)."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[13:15])) * 1_000_000 / os.sysconf("SC_CLK_TCK")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return "0 0"
