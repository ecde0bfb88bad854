"""What understanding costs, for each kind of text: the labelled cases of the report, each read once."""

from collections.abc import Iterator

from tests.bench.steps import Step
from tests.classify_report import ours
from tests.classify_report.labelled import our_cases

_WANTED = {"shell": ("300 us", "2,000 us"), "sql": ("", "1,000 us")}
"""Targets of p50 and p99; no text at all may take 50 ms."""


def steps() -> Iterator[Step]:
    """Measure p50, p99 and the slowest of every kind, on a processor."""
    _, latency = ours.answers(our_cases())
    for one in latency:
        p50, p99 = _WANTED.get(one.kind, ("", ""))
        yield Step(f"{one.kind} understood, p50 of {one.texts} labelled", p50, one.p50)
        yield Step(f"{one.kind} understood, p99", p99, one.p99)
        yield Step(f"{one.kind} understood, the slowest", "50,000 us", one.slowest)
