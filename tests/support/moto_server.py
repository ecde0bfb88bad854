"""moto's server, a real AWS API as far as our promises go, in a process of its own on loopback."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

START_LIMIT_S = 90
STOP_LIMIT_S = 30
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def moto(**env: str) -> Iterator[str]:
    """Serve and yield the base address; the process is ended by its id. `env`: moto's own settings."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    found: list[str] = []
    lines: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if not found and (matched := _ADDRESS.search(line)):
                found.append(matched[0])
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(START_LIMIT_S), "".join(lines)
        assert found, "".join(lines)
        yield found[0]
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)
        reader.join(STOP_LIMIT_S)
        process.stderr.close()
