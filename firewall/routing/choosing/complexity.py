"""How hard a question looks, from its words alone: a number from 0 to 1. Pure; reads 8,000 characters at most.

It is a guess by surface features (length, code, words of reasoning, steps, numbers, tools), not a measurement: its
weights were set by hand. Whoever routes by it should watch what the routes give (docs/routing.md).
"""

import math
from collections.abc import Iterator, Mapping

from firewall.routing.call import ModelCall
from firewall.routing.choosing.reading import newest_turn

_MOST = 8000
_CODE = ("```", "=>", "::", "();", "{\n", "):\n", "def ", "class ", "import ", "SELECT ")
_REASONS = frozenset(
    {
        "prove", "derive", "design", "architecture", "refactor", "tradeoff", "trade-off", "trade-offs", "compare",
        "contrast", "analyze", "analyse", "optimize", "optimise", "debug", "investigate", "explain", "why",
        "cause", "migrate", "concurrency", "concurrent", "deadlock", "race", "condition", "security", "threat",
        "plan", "strategy", "evaluate", "critique", "hypothesis", "hypotheses", "complexity", "algorithm",
        "algorithms", "invariant", "invariants", "constraint", "constraints",
    }
)  # fmt: skip
_STEPS = frozenset(
    {
        "then", "after", "finally", "first", "second", "third", "step", "steps", "next", "-", "*",
        "1.", "2.", "3.", "4.", "5.", "1)", "2)", "3)", "4)", "5)",
    }
)  # fmt: skip
_SIGNS = ".,;:!?()[]{}\"'`"
_DIGITS = frozenset("0123456789=<>^")
_WEIGHTS = ((0.28, 10.0), (0.18, 4.0), (0.3, 4.0), (0.14, 6.0), (0.05, 12.0), (0.05, 10.0))
"""Of length (in doublings), code, reasoning, steps, numbers and tools: the weight, and what counts in full."""


def grade_of(call: ModelCall) -> float:
    """Return how hard a call looks, by its newest turn and the tools it declares."""
    text = "\n".join(_words(newest_turn(call.value), 0))[:_MOST]
    tools = call.value.get("tools")
    words = text.lower().split()
    bare = {word.strip(_SIGNS) for word in words}
    counts = (
        math.log2(1 + len(words)),
        sum(mark in text for mark in _CODE),
        len(_REASONS & bare),
        sum(word in _STEPS for word in words),
        sum(word[0] in _DIGITS for word in words),
        len(tools) if isinstance(tools, list) else 0,
    )
    return sum(weight * min(1.0, count / full) for count, (weight, full) in zip(counts, _WEIGHTS, strict=True))


def _words(value: object, depth: int) -> Iterator[str]:
    """Yield what a person says in a turn; what tools gave says nothing of the question."""
    if isinstance(value, str):
        yield value[:_MOST]
    elif depth > 4:
        return
    elif isinstance(value, list):
        for one in value:
            yield from _words(one, depth + 1)
    elif isinstance(value, Mapping) and value.get("type") not in (
        "tool_result",
        "image",
        "image_url",
        "input_image",
    ):
        for key in ("content", "parts", "text"):
            if key in value:
                yield from _words(value[key], depth + 1)
