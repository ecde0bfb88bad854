"""Our own answers, with the time that each took.

Times are of this thread on a processor, not of the clock on the wall: others run on the same machine. Each text is
read once, with everything loaded that a running firewall has loaded, and its long-lived objects out of collections
as the server keeps them (gates.edge.server).
"""

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from firewall.classify.text import actions_of_input, warm
from firewall.core.decide import combine
from firewall.core.effect import ordered
from firewall.core.verdict import word
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.snapshot import Snapshot
from tests.classify_report.labelled import Case
from tests.classify_report.scores import Answer
from tests.support.policy_folder import ROLES
from tests.support.understanding import shipped_context


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds of one kind on a processor; printed and never compared."""

    kind: str
    texts: int
    p50: float
    p99: float
    slowest: float


def answer(kind: str, text: str, dialect: str = "") -> Answer:
    """Return all effects of a text under the policies as shipped."""
    actions = actions_of_input(kind, text, shipped_context(), dialect=dialect)
    return ordered(effect for action in actions for effect in action.effects)


def stops(line: str) -> bool:
    """Tell whether the rows as shipped ask about a shell line or refuse it, in a token's own workspace."""
    actions = actions_of_input("shell", line, replace(shipped_context(), home=""))
    return word(combine([_rules().verdict(action, roles=ROLES) for action in actions])) != "allow"


@cache
def _rules() -> Snapshot:
    return load(shipped())


def answers(cases: Sequence[Case]) -> tuple[Mapping[str, Answer], list[Latency]]:
    """Answer every case once, with everything loaded that a running firewall has loaded."""
    found: dict[str, Answer] = {}
    taken: dict[str, list[float]] = {}
    warm(shipped_context())
    gc.collect()
    gc.freeze()
    try:
        for case in cases:
            begun = time.thread_time_ns()
            found[case.id] = answer(case.kind, case.input, case.dialect)
            taken.setdefault(case.kind, []).append((time.thread_time_ns() - begun) / 1e3)
    finally:
        gc.unfreeze()
    return found, [_latency(kind, sorted(times)) for kind, times in sorted(taken.items())]


def _latency(kind: str, times: Sequence[float]) -> Latency:
    return Latency(kind, len(times), times[len(times) // 2], times[int(len(times) * 0.99)], times[-1])
