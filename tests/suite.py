"""Runs everything that `make test` promises, in parts that are bounded and say every half minute that they live.

`python -m tests.suite [check | unit | integration | e2e ...]`; without a name, all parts. A part that collects no
test is a failure, as is one that runs longer than its bound.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent
_BIN = Path(sys.executable).parent
_HEARTBEAT_S = 30.0
_PYTEST = (sys.executable, "-m", "pytest", "-q", "--no-header")


@dataclass(frozen=True, slots=True)
class Part:
    """One command and how long it may take."""

    name: str
    group: str
    command: tuple[str, ...]
    bound_s: int


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(_BIN / name), *arguments)


def _tests(name: str, *folders: str, bound_s: int, workers: int = 2) -> Part:
    spread = ("-n", str(workers), "--dist", "loadfile") if workers > 1 else ()
    return Part(name, name, (*_PYTEST, *spread, *(f"tests/{folder}" for folder in folders)), bound_s)


_CODE = ("firewall", "audit", "tests")
PARTS = (
    Part("collect", "check", (sys.executable, "-m", "tests.collecting"), 480),
    Part("format", "check", _tool("ruff", "format", "--check", "-q", *_CODE), 30),
    Part("lint", "check", _tool("ruff", "check", "-q", *_CODE), 120),
    Part("types", "check", _tool("mypy"), 300),
    Part("imports", "check", _tool("lint-imports", "--no-logo"), 120),
    Part("spelling", "check", _tool("codespell", *_CODE, "policies", "docs", "README.md", "Makefile"), 60),
    Part("repository", "check", (*_PYTEST, "tests/meta"), 240),
    _tests("unit", "unit", "property", "contract", bound_s=900),
    _tests("fuzz", "fuzz", bound_s=300),
    _tests("integration", "integration", bound_s=1300),
    _tests("e2e", "e2e", bound_s=1400),
)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(part: Part) -> bool:
    """Run one part; tell whether it passed."""
    _say(f"== {part.name}")
    started = time.monotonic()
    process = subprocess.Popen(part.command, cwd=_ROOT, start_new_session=True)
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(part, started, over), daemon=True)
    heart.start()
    try:
        code = process.wait(part.bound_s)
        word = "ok" if code == 0 else f"FAILED (exit {code})"
    except subprocess.TimeoutExpired:
        code, word = 1, f"FAILED (over {part.bound_s} s)"
    finally:
        over.set()
        _end(process)
    _say(f"== {part.name}: {word} in {time.monotonic() - started:.0f} s")
    return code == 0


def _beat(part: Part, started: float, over: threading.Event) -> None:
    while not over.wait(_HEARTBEAT_S):
        _say(f"   {part.name}: {time.monotonic() - started:.0f} s of at most {part.bound_s}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what the part started and left behind: it has a process group of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(names: Sequence[str]) -> int:
    """Run the named groups, or all; return the exit code."""
    known = {part.group for part in PARTS}
    if unknown := sorted(set(names) - known):
        sys.stderr.write(f"no such part: {', '.join(unknown)}; there are {', '.join(sorted(known))}\n")
        return 2
    failed = [part.name for part in PARTS if (not names or part.group in names) and not run(part)]
    _say(f"== FAILED: {', '.join(failed)}" if failed else "== all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
