"""What the shipped policies and catalogues cost to load, in a process of their own: time and memory."""

import json
import subprocess
import sys

from tests.bench.processes import REPOSITORY

ROUNDS = 3
_SCRIPT = """
import gc, json, os, time
from pathlib import Path
from firewall.policy.load import load

def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

gc.collect()
before, begun = mib(), time.process_time()
kept = load(Path("policies"))
print(json.dumps([(time.process_time() - begun) * 1000, mib() - before]))
"""


def loaded() -> tuple[float, float]:
    """Return milliseconds of processor time, the least of a few tries, and MiB."""
    found = [_once() for _ in range(ROUNDS)]
    return min(ms for ms, _ in found), max(mib for _, mib in found)


def _once() -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    ms, mib = json.loads(done.stdout)
    return float(ms), float(mib)
