"""Work, counted and not timed: the same on a slow machine and a busy one."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
MAX_CALLS = 200_000
"""What reading one call may take: 50 ms are some 500,000 on a slow machine."""


def counted(do: Callable[[], T]) -> tuple[T, int]:
    """Return what `do` returns, and how many Python and built-in functions were called meanwhile."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = do()
    finally:
        sys.setprofile(before)
    return found, calls
