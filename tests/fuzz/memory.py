"""`python -m tests.fuzz.memory [PART…]`: the most memory that hostile inputs take, C parsers included.

Each input is read in a process of its own that is made from this one when everything is loaded, so that nothing
that an earlier input has left behind serves the next. PARTs are words of the inputs' names. Judges by exit code.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from firewall.classify.text import warm
from tests.support.hostile.case import Hostile
from tests.support.hostile.every import cases
from tests.support.understanding import shipped_context

MAX_MIB = 64
SHOWN = 5
_PEAK = re.compile(r"VmHWM:\s+(\d+)")
_SINCE_NOW = "5"
"""Written to `clear_refs`, it makes the peak start at what is held now (proc(5))."""


def peak_mib(case: Hostile) -> float:
    """Return by how much reading an input raised the peak of a process's memory."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            Path("/proc/self/clear_refs").write_text(_SINCE_NOW, "ascii")
            before = _peak_kib()
            case.read()
            os.write(writing, str(_peak_kib() - before).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise AssertionError(f"{case.reader}: {case.name} ended with status {status}")
    return int(said) / 1024


def _peak_kib() -> int:
    found = _PEAK.search(Path("/proc/self/status").read_text("ascii"))
    if found is None:
        raise AssertionError("no peak in /proc/self/status")
    return int(found[1])


def _chosen(parts: Sequence[str]) -> Iterator[Hostile]:
    return (case for case in cases() if not parts or any(part in case.name for part in parts))


def main(parts: Sequence[str]) -> int:
    """Print the inputs that take most; 1 when one takes more than the bar."""
    warm(shipped_context())
    found = sorted(((peak_mib(case), case) for case in _chosen(parts)), key=lambda pair: -pair[0])
    for mib, case in found[:SHOWN]:
        sys.stdout.write(f"{mib:7.1f} MiB  {case.reader}: {case.name}\n")
    over = [case for mib, case in found if mib > MAX_MIB]
    sys.stdout.write(f"{len(found)} inputs, {len(over)} over {MAX_MIB} MiB\n")
    return 1 if over or not found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
