"""What holds for every answer, and how much work and memory it took."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

from firewall.classify.attributes import KNOWN_ATTRIBUTES
from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from tests.support.understanding import shipped_context

MAX_CALLS = 400_000
"""Calls of functions, ours and the interpreter's: about 50 ms of them."""
MAX_BYTES = 64 * 1024 * 1024


def check(kind: str, text: str) -> tuple[Action, ...]:
    """Read a text and assert what every answer keeps; whatever it raises is a failure."""
    actions = actions_of_input(kind, text, shipped_context())
    assert actions
    for action in actions:
        assert action.effects
        assert action.operation
        assert action.environment
        assert action.summary
        assert action.summary.isprintable()
        assert all(0 <= span.start <= span.end <= len(action.text) for span in action.evidence)
        assert all(isinstance(value, KNOWN_ATTRIBUTES[name]) for name, value in action.attributes.items())
        assert action.scope
        assert action.reversal
    return actions


def calls_of(step: Callable[[], object]) -> int:
    """Return how many functions a step calls: work that is the same on every machine."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
    return count


def peak_of(step: Callable[[], object]) -> int:
    """Return the most bytes that a step held at once."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
