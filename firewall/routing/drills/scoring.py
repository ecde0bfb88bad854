"""What a client must see when a provider fails in a given way, and whether it did. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from firewall.codecs.dialects import CODECS
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.routing.drills.scenarios import Scenario

_LATE = frozenset(
    {Scenario.RESET_IN_STREAM, Scenario.STALL, Scenario.MISSING_TERMINATOR, Scenario.PREFILL_REJECTED}
)
_ERRORS = (b"error", b"response.failed")


class Expected(StrEnum):
    """What must be seen."""

    ANSWER = "a whole answer"
    CLEAN_END = "a whole answer, or one error after the words that came"
    OWN_WORD = "a whole answer, or the provider's own word"
    """Of a content filter, or of a model whose window is too small: falling over is the route's choice."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was seen of one call."""

    scenario: Scenario
    is_streamed: bool
    expected: Expected
    seen: str
    is_passed: bool
    attempts: int
    model: str
    took_ms: int

    def row(self) -> dict[str, object]:
        """Return it as JSON would have it."""
        return {
            "scenario": self.scenario.value,
            "form": "streamed" if self.is_streamed else "whole",
            "expected": self.expected.value,
            "seen": self.seen,
            "passed": self.is_passed,
            "attempts": self.attempts,
            "model": self.model,
            "took_ms": self.took_ms,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as a client got it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_ms: int


def expected(scenario: Scenario, *, is_streamed: bool) -> Expected:
    """Return what a client must see."""
    if scenario in {Scenario.CONTENT_FILTER, Scenario.CONTEXT_LENGTH}:
        return Expected.OWN_WORD
    return Expected.CLEAN_END if is_streamed and scenario in _LATE else Expected.ANSWER


def score(scenario: Scenario, seen: Seen, *, dialect: Dialect, is_streamed: bool) -> Score:
    """Judge one call."""
    wanted = expected(scenario, is_streamed=is_streamed)
    said = _what(seen, dialect, is_streamed=is_streamed)
    passes = {
        Expected.ANSWER: {"answered"},
        Expected.CLEAN_END: {"answered", "ended in one error"},
        Expected.OWN_WORD: {"answered", "refused with status 400"},
    }
    attempts = seen.headers.get("x-stayhand-attempts", "")
    return Score(
        scenario,
        is_streamed,
        wanted,
        said,
        is_passed=said in passes[wanted],
        attempts=int(attempts) if attempts.isdigit() else 0,
        model=seen.headers.get("x-stayhand-model", ""),
        took_ms=seen.took_ms,
    )


def _what(seen: Seen, dialect: Dialect, *, is_streamed: bool) -> str:
    """Say what an answer is, in words."""
    if seen.status != 200:
        return f"refused with status {seen.status}"
    codec = CODECS[dialect]
    try:
        codec.read_answer(codec.answer_of(seen.body) if is_streamed else seen.body)
    except (FirewallError, ValueError, KeyError, IndexError):
        tail = seen.body[-2000:]
        is_error = any(mark in tail for mark in _ERRORS) and seen.body.endswith(b"\n\n")
        return "ended in one error" if is_error and is_streamed else "broken"
    return "answered"
