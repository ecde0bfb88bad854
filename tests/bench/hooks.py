"""What a hook costs an agent: the line that `stayhand hook install` writes, from its start to its answer."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from firewall.cli.hook import program
from firewall.cli.hook_setup import program_line
from tests.support.installation import install, serving

RUNS = 100
_SYSTEM = "/usr/bin/python3.11"


@dataclass(frozen=True, slots=True)
class Hooked:
    """Milliseconds of one interpreter."""

    python: str
    median: float
    p99: float
    bare: float
    """The same interpreter and shell, and nothing to do."""


def answered_ms(folder: Path) -> list[Hooked]:
    """Measure with a real server, for this interpreter and the system's, where it is another."""
    workspace = folder / "workspace"
    workspace.mkdir()
    pythons = [sys.executable]
    if Path(_SYSTEM).exists() and Path(_SYSTEM).resolve() != Path(sys.executable).resolve():
        pythons.append(_SYSTEM)
    with serving(install(folder)) as firewall:
        event = {
            "session_id": "bench",
            "cwd": str(workspace),
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": "ls -l"},
            "tool_use_id": "toolu_bench",
        }
        said, options = json.dumps(event).encode(), ["--url", firewall.agents]
        measured = []
        for python in pythons:  # each with a token of its own: one may ask only so often
            token = firewall.mint(workspace=str(workspace), ttl="1h")
            variables = {"PATH": os.environ["PATH"], "STAYHAND_AGENT_TOKEN": token}
            measured.append(_hooked(python, options, variables, said))
        return measured


def _hooked(python: str, options: list[str], variables: dict[str, str], event: bytes) -> Hooked:
    line = program_line("claude-code", (python, *program()[1:]), options)
    times = sorted(_ran_ms(line, variables, event) for _ in range(RUNS))
    bare = [_ran_ms(f"{python} -I -S -c pass", variables, event) for _ in range(RUNS // 2)]
    return Hooked(python, statistics.median(times), times[RUNS * 99 // 100 - 1], statistics.median(bare))


def _ran_ms(line: str, variables: dict[str, str], event: bytes) -> float:
    started = time.perf_counter()
    argv = ["/bin/sh", "-c", line]
    done = subprocess.run(argv, env=variables, input=event, capture_output=True, timeout=60, check=False)
    taken = (time.perf_counter() - started) * 1000
    if done.returncode or done.stdout:
        raise RuntimeError(f"the harmless call was not allowed, so nothing was measured: {done!r}")
    return taken
