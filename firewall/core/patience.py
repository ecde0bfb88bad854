"""How often and how soon a failed request is sent again. Pure: time, luck and outcomes are arguments.

INVARIANT: of extra requests to a provider that does not answer, as many fail as one a second and a share of the
calls that needed any, never more, however many calls went well before.

Sources: full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); budgets as Finagle's, of
which one second counts; whom answers let through grows as in TCP's slow start (RFC 5681).
"""

from dataclasses import dataclass

SECOND_S = 1.0
"""What was earned is forgotten, and one extra request is there again, after so long."""
_MILLI = 1000
_MOST = 1000
"""Extra requests under way at one provider, however well it answers."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before asking the same provider again, in seconds."""

    first_s: float = 0.1
    cap_s: float = 0.4

    def wait_s(self, again: int, luck: float) -> float:
        """Return the wait before the `again`-th repetition (1 is the first); `luck`: 0 ≤ luck < 1, drawn anew."""
        return luck * min(self.cap_s, self.first_s * (1 << min(again - 1, 16)))


class Budget:
    """What one provider may be asked beyond the first request of each call; instants are seconds of any one clock.

    A lone call may always ask once: that much is there again every second. Calls in trouble add a share each,
    which is forgotten after that second. Whoever asked and was answered opens the way for two more, as long as
    answers keep coming; the first failure closes it.
    """

    __slots__ = ("_answered_at", "_began_at", "_held", "_left", "_wide")

    def __init__(self) -> None:
        self._began_at = self._answered_at = -SECOND_S
        self._left = 0
        self._held = 0
        self._wide = 0

    def earn(self, share: float, now: float) -> None:
        """A call is in trouble that may go to this provider: add `share` of an extra request."""
        self._renew(now)
        self._left += int(share * _MILLI)

    def take(self, now: float) -> bool:
        """Take one extra request out; False when there is none left."""
        self._renew(now)
        if self._held < self._wide and now - self._answered_at < SECOND_S:
            self._held += 1
            return True
        if self._left < _MILLI:
            return False
        self._left -= _MILLI
        self._held += 1
        return True

    def settle(self, now: float, *, answered: bool) -> None:
        """Say what came of an extra request that was taken."""
        if answered:
            self._answered_at = now
            self._wide = min(_MOST, max(self._wide, self._held) + 1)
            self._left = max(self._left, _MILLI)
        else:
            self._wide = 0
        self._held -= 1

    @property
    def may_refill(self) -> bool:
        """Extra requests are under way whose answers would let others through."""
        return self._held > 0

    @property
    def is_earned(self) -> bool:
        """Calls in trouble have added a whole extra request to the one that is always there."""
        return self._left >= 2 * _MILLI

    def _renew(self, now: float) -> None:
        if now - self._began_at >= SECOND_S:
            self._began_at = now
            self._left = _MILLI
