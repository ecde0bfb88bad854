"""The worst inputs of every reader of the classifier: what each takes of a processor, and of memory."""

import gc
import time
from dataclasses import dataclass

from firewall.classify.text import warm
from tests.fuzz.memory import peak_mib
from tests.support.hostile.case import Hostile
from tests.support.hostile.every import cases
from tests.support.understanding import shipped_context

BAR_MS, BAR_MIB = 50, 64
TRIES = 3


@dataclass(frozen=True, slots=True)
class Worst:
    """The input that took a reader longest."""

    reader: str
    name: str
    ms: float
    """Of processor time, the least of a few tries."""
    mib: float
    """By how much it raised the peak of a process's memory."""


def worst() -> list[Worst]:
    """Read every hostile input; returns the worst of each reader, the longest first."""
    warm(shipped_context())
    gc.collect()
    gc.freeze()  # as the server does
    found: dict[str, tuple[float, Hostile]] = {}
    for case in cases():
        ms = _ms(case)
        if ms > found.get(case.reader, (0.0, case))[0]:
            ms = min(ms, *(_ms(case) for _ in range(TRIES - 1)))
        if ms > found.get(case.reader, (-1.0, case))[0]:
            found[case.reader] = (ms, case)
    rows = [Worst(case.reader, case.name, ms, peak_mib(case)) for ms, case in found.values()]
    return sorted(rows, key=lambda row: -row.ms)


def _ms(case: Hostile) -> float:
    begun = time.process_time()
    case.read()
    return (time.process_time() - begun) * 1e3
