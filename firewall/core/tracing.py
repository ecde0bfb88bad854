"""Which trace a request belongs to: the W3C Trace Context header, read strictly.

Source: https://www.w3.org/TR/trace-context/ (level 1, `traceparent`).
"""

import re
from dataclasses import dataclass

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in somebody's trace."""

    trace_id: int
    """128 bits, never 0."""
    span_id: int
    """64 bits, never 0."""
    is_sampled: bool


def trace_of(header: str) -> Trace | None:
    """Read a `traceparent`; None for one that is malformed, which counts as none (W3C Trace Context 4.3)."""
    found = _PARENT.fullmatch(header.strip())
    if found is None or (header.strip().startswith("00-") and found[4]):
        return None
    trace_id, span_id = int(found[1], 16), int(found[2], 16)
    if not trace_id or not span_id:
        return None
    return Trace(trace_id, span_id, bool(int(found[3], 16) & 1))
