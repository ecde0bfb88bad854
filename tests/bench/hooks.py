"""What a hook costs an agent: `stayhand hook claude-code` as a process, from its start to its answer."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.processes import REPOSITORY
from tests.support.installation import install, serving

RUNS = 50


def answered_ms(folder: Path) -> tuple[float, float, float]:
    """Return the median and the slowest of 50 runs with a real server, and the median of a bare Python."""
    workspace = folder / "workspace"
    workspace.mkdir()
    with serving(install(folder)) as firewall:
        token = firewall.mint(workspace=str(workspace), ttl="1h")
        event = {
            "session_id": "bench",
            "cwd": str(workspace),
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": "ls -l"},
            "tool_use_id": "toolu_bench",
        }
        argv = [sys.executable, "-P", "-m", "firewall.cli.entry", "hook", "claude-code", "--url", firewall.agents]
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "STAYHAND_AGENT_TOKEN": token}
        times = sorted(_ran_ms(argv, variables, json.dumps(event).encode()) for _ in range(RUNS))
        bare = sorted(_ran_ms([sys.executable, "-c", "pass"], variables, b"") for _ in range(RUNS))
    return statistics.median(times), times[-1], statistics.median(bare)


def _ran_ms(argv: list[str], variables: dict[str, str], event: bytes) -> float:
    started = time.perf_counter()
    done = subprocess.run(argv, env=variables, input=event, capture_output=True, timeout=60, check=False)
    taken = (time.perf_counter() - started) * 1000
    if done.returncode or done.stdout:
        raise RuntimeError(f"the harmless call was not allowed, so nothing was measured: {done!r}")
    return taken
