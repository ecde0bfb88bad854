"""Runs a program in a process group of its own, keeps what it writes, and ends all of it by id."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OUTPUT_LIMIT: Final = 4_000_000
READER_LIMIT_S: Final = 10


@dataclass(frozen=True, slots=True)
class Launch:
    """One agent, ready to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    files: Mapping[Path, str] = field(default_factory=dict)
    """Written before the start."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An agent that ended, or was ended."""

    returncode: int | None
    """None: it did not end within its limit."""
    output: str
    """Standard output and error in the order they came, at most `OUTPUT_LIMIT` characters of them."""


class Run:
    """An agent that is running: its output so far, and its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._kept = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def group(self) -> int:
        """The id of its process group."""
        return self._process.pid

    def output(self) -> str:
        """Return what it wrote so far."""
        return bytes(self._kept).decode(errors="replace")

    def is_over(self) -> bool:
        """Tell whether it ended by itself."""
        return self._process.poll() is not None

    def wait(self, limit_s: float) -> Finished:
        """Wait for its end, at most `limit_s`."""
        try:
            code = self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return Finished(returncode=None, output=self.output())
        self._reader.join(READER_LIMIT_S)
        return Finished(returncode=code, output=self.output())

    def stop(self) -> None:
        """End it and whatever it started in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(READER_LIMIT_S)
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        stream = self._process.stdout
        while stream and (chunk := os.read(stream.fileno(), 65_536)):
            self._kept += chunk[: max(0, OUTPUT_LIMIT - len(self._kept))]


@contextlib.contextmanager
def started(launch: Launch) -> Iterator[Run]:
    """Run an agent for as long as the block lasts; at the end its whole process group is killed by id."""
    for path, text in launch.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in (Path(launch.env["TMPDIR"]), launch.cwd):
        folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        launch.argv,
        cwd=launch.cwd,
        env=dict(launch.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    run = Run(process)
    try:
        yield run
    finally:
        run.stop()


def run_agent(launch: Launch, *, limit_s: float = 120) -> Finished:
    """Run an agent to its end, at most `limit_s`."""
    with started(launch) as run:
        return run.wait(limit_s)
