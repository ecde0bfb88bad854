"""Our own answers, with the time that each took."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.text import actions_of_input, warm
from firewall.core.effect import ordered
from tests.classify_report.labelled import Case
from tests.classify_report.scores import Answer
from tests.support.understanding import shipped_context


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds of one kind; printed and never compared."""

    kind: str
    p50: float
    p99: float
    slowest: float


def answer(kind: str, text: str, dialect: str = "") -> Answer:
    """Return all effects of a text under the policies as shipped."""
    actions = actions_of_input(kind, text, shipped_context(), dialect=dialect)
    return ordered(effect for action in actions for effect in action.effects)


def answers(cases: Sequence[Case]) -> tuple[Mapping[str, Answer], list[Latency]]:
    """Answer every case once, with everything loaded that a running firewall has loaded."""
    found: dict[str, Answer] = {}
    taken: dict[str, list[float]] = {}
    warm(shipped_context())
    for case in cases:
        begun = time.perf_counter()
        found[case.id] = answer(case.kind, case.input, case.dialect)
        taken.setdefault(case.kind, []).append((time.perf_counter() - begun) * 1e6)
    return found, [_latency(kind, sorted(times)) for kind, times in sorted(taken.items())]


def _latency(kind: str, times: Sequence[float]) -> Latency:
    return Latency(kind, times[len(times) // 2], times[int(len(times) * 0.99)], times[-1])
