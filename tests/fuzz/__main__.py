"""`make fuzz`: search for texts that raise, run long or take much memory; prints the slowest. Judges by exit code.

`python -m tests.fuzz [--seconds N] [--kind K] [--seed S]`; where atheris is installed (it is not in the lock),
`--coverage` lets it lead the search through the shell reader.
"""

import argparse
import gc
import importlib
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.classify.text import warm
from tests.fuzz.checks import check
from tests.fuzz.grammars import PIECES
from tests.support.understanding import shipped_context

SIZES = (200, 1_000, 2_000, 4_000, 8_000, 16_000, 60_000)
BAR_MS = 50.0
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One text and what it took."""

    ms: float
    """Of processor time."""
    kind: str
    pattern: tuple[str, ...]
    size: int


def search(kinds: Sequence[str], seconds: float, seed: int) -> list[Run]:
    """Read repeated random patterns for some seconds; the slowest first. Raises whatever classification raises."""
    dice = random.Random(seed)  # noqa: S311 - the same search for the same seed
    found: list[Run] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kind = dice.choice(kinds)
        pattern = tuple(dice.choice(PIECES[kind]) for _ in range(dice.choice((1, 1, 2, 2, 3, 4, 6))))
        size = dice.choice(SIZES)
        text = ("".join(pattern) * size)[:size]
        begun = time.process_time()
        try:
            check(kind, text)
        except BaseException:
            sys.stderr.write(f"failed on {kind}: {pattern!r} repeated to {size} characters\n")
            raise
        found.append(Run((time.process_time() - begun) * 1e3, kind, pattern, size))
    return sorted(found, key=lambda run: run.ms, reverse=True)


def main(arguments: Sequence[str]) -> int:
    """Search and print; 1 when a text took longer than the bar even the second time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kind", choices=sorted(PIECES), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--coverage", action="store_true", help="let atheris lead, if it is installed")
    options = parser.parse_args(arguments)
    warm(shipped_context())
    if options.coverage:
        return _led(options.seconds)
    gc.collect()
    gc.freeze()  # as the server does, which holds the catalogues: going through them is no fault of a text
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = search(options.kind or sorted(PIECES), options.seconds, options.seed)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    for run in runs[:SHOWN]:
        sys.stdout.write(f"{run.ms:7.1f} ms  {run.kind:<10} {run.size:>6} characters of {run.pattern!r}\n")
    slow = [run for run in runs if run.ms > BAR_MS and _again(run) > BAR_MS]
    sys.stdout.write(f"{len(runs)} texts, {len(slow)} over {BAR_MS:g} ms twice, memory grew by {grown:.0f} MiB\n")
    return 1 if slow else 0


def _again(run: Run) -> float:
    """Return the least of three more tries: another process on this machine is no fault of the text."""
    text = ("".join(run.pattern) * run.size)[: run.size]
    times = []
    for _ in range(3):
        begun = time.process_time()
        check(run.kind, text)
        times.append((time.process_time() - begun) * 1e3)
    return min(times)


def _led(seconds: float) -> int:
    """Fuzz the shell reader under atheris, which ends the process itself."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.stderr.write("atheris is not installed: pip install atheris in an environment of its own\n")
        return 2

    def one(data: bytes) -> None:
        check("shell", data.decode("utf-8", "replace"))

    atheris.Setup([sys.argv[0], f"-max_total_time={seconds:.0f}", "-max_len=4096"], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
