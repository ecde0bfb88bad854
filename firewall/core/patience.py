"""How often and how soon a failed request is sent again. Pure: time, luck and outcomes are arguments.

Every request adds a share of an extra one to the budget of the providers that it may go to; an extra request takes
one out and gets it back when it was answered. So extra requests that fail are at most the reserve and that share.

Sources: full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); budgets as Finagle's.
"""

from dataclasses import dataclass

_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before asking the same provider again, in seconds."""

    first_s: float = 0.1
    cap_s: float = 0.4

    def wait_s(self, again: int, luck: float) -> float:
        """Return the wait before the `again`-th repetition (1 is the first); `luck`: 0 ≤ luck < 1, drawn anew."""
        return luck * min(self.cap_s, self.first_s * (1 << min(again - 1, 16)))


class Budget:
    """What one provider may be asked beyond the first request of each call."""

    __slots__ = ("_cap", "_held", "_left")

    def __init__(self, *, reserve: int, cap: int) -> None:
        """`reserve`: extra requests that are there before anything was asked; `cap`: the most that is saved up."""
        self._left = reserve * _MILLI
        self._cap = max(cap, reserve) * _MILLI
        self._held = 0

    def earn(self, share: float) -> None:
        """A call came that may go to this provider: add `share` of an extra request."""
        self._left = min(self._cap, self._left + int(share * _MILLI))

    def take(self) -> bool:
        """Take one extra request out; False when there is none left."""
        if self._left < _MILLI:
            return False
        self._left -= _MILLI
        self._held += 1
        return True

    def settle(self, *, answered: bool) -> None:
        """Say what came of an extra request that was taken: an answer gives it back."""
        self._held -= 1
        if answered:
            self._left = min(self._cap, self._left + _MILLI)

    @property
    def may_refill(self) -> bool:
        """Extra requests are under way whose answers would give something back."""
        return self._held > 0
