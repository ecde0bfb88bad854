"""A program that serves MCP over its standard input and output: started, fed a line at a time, and ended.

The command comes from the configuration alone; no shell reads it. It runs in a process group of its own, with the
variables that were configured and few others, and is ended with everything that it started. What it prints that is
no message is counted and dropped.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from firewall.codecs import json_span
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.core.errors import UpstreamError, UpstreamFault

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables that a program gets from us; all others of its own are configured."""
_PIECE = 64 << 10
_QUIET_END_S = 2.0
"""How long a program may take to end after its input was closed, and again after it was told to."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ours that a program gets."""
    return {name: environ[name] for name in INHERITED if name in environ}


def program_at(program: str, variables: Mapping[str, str], *, mode: int = os.F_OK | os.X_OK) -> str | None:
    """Return where a program is: at its path, or in the PATH of its variables; None: nowhere.

    `mode`: what must be possible with it, as `os.access` takes it.
    """
    return shutil.which(program, mode=mode, path=variables.get("PATH", os.defpath))


@dataclass(frozen=True, slots=True)
class Program:
    """What is started."""

    name: str
    command: tuple[str, ...]
    env: Callable[[], Mapping[str, str]]
    """Reads the configured variables anew at each start. Raises: ConfigError."""
    folder: str
    """Where it is started; empty: a new folder of its own, removed with it."""
    max_answer_bytes: int


@dataclass(slots=True)
class Noise:
    """What came and was no message."""

    lines: int = 0
    bytes_on_stderr: int = 0


class Process:
    """One running program."""

    def __init__(self, program: Program, *, heard: Callable[[Message], None], ended: Callable[[], None]) -> None:
        """`heard`: called with each message that it prints; `ended`: called once when it prints no more."""
        self._program = program
        self._heard = heard
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._folder = ""
        self._readers: list[asyncio.Task[None]] = []
        self._writing = asyncio.Lock()
        self.noise = Noise()

    @property
    def is_alive(self) -> bool:
        """It runs, and says so."""
        process = self._process
        return process is not None and process.returncode is None and not self._readers[0].done()

    @property
    def pid(self) -> int:
        """Of the program; 0: it was never started."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it. Raises: UpstreamError, ConfigError."""
        program = self._program
        variables = inherited(os.environ) | dict(program.env())
        found = program_at(program.command[0], variables)
        if found is None:
            raise self._failed("cannot be started: there is no such program")
        if not program.folder:
            self._folder = tempfile.mkdtemp(prefix="stayhand-mcp-")
        try:
            self._process = await asyncio.create_subprocess_exec(
                found,
                *program.command[1:],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=program.folder or self._folder,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            self._remove_folder()
            raise self._failed("cannot be started", detail=type(error).__name__) from error
        self._readers = [asyncio.create_task(self._read_out()), asyncio.create_task(self._drain_err())]

    async def write(self, message: Message) -> None:
        """Hand it a message. Raises: UpstreamError where it takes none."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise self._failed("does not run any more")
        try:
            async with self._writing:
                process.stdin.write(json_span.one_line(message.raw) + b"\n")
                await process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise self._failed("takes no more input", detail=type(error).__name__) from error

    def give_up(self) -> None:
        """Listen to it no more: it counts as ended, and who waits for it hears so."""
        if self._readers:
            self._readers[0].cancel()

    async def stop(self) -> None:
        """End it, first by closing its input, then by signals to its process group."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        is_heard = not self._readers[0].done()  # one that was given up does not look at its input either
        for sign in ((None,) if is_heard else ()) + (signal.SIGTERM, signal.SIGKILL):
            if sign is not None:
                self._signal(sign)
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_END_S):
                    await process.wait()
                    break
        self._signal(signal.SIGKILL)  # what it started and left behind has its group
        await process.wait()
        for task in self._readers:
            task.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_END_S):
                await _emptied(process)
        self._remove_folder()

    def _signal(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, sign)

    def _remove_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _read_out(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        held = bytearray()
        try:
            while piece := await process.stdout.read(_PIECE):
                start = max(0, len(held))
                held += piece
                if held.find(b"\n", start) < 0:
                    if len(held) > self._program.max_answer_bytes:
                        return  # a line without an end: who waits for it hears that the program has ended
                    continue
                *lines, rest = held.split(b"\n")
                held = bytearray(rest)
                for line in lines:
                    self._take(bytes(line))
        finally:
            self._ended()

    def _take(self, line: bytes) -> None:
        line = line.strip()
        if not line:
            return
        if len(line) > self._program.max_answer_bytes or line[:1] != b"{":
            self.noise.lines += 1
            return
        try:
            message = messages.read(line)
        except McpError:
            self.noise.lines += 1
            return
        self._heard(message)

    async def _drain_err(self) -> None:
        process = self._process
        if process is None or process.stderr is None:
            return
        while piece := await process.stderr.read(_PIECE):
            self.noise.bytes_on_stderr += len(piece)

    def _failed(self, words: str, *, detail: str = "") -> UpstreamError:
        return UpstreamError(
            f"the MCP server `{self._program.name}` {words}", fault=UpstreamFault.UNAVAILABLE, detail=detail
        )


async def _emptied(process: asyncio.subprocess.Process) -> None:
    """Read what is left in the pipes of a program that has ended: they are closed at their end."""
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(_PIECE):
            pass
