"""A store of shared circuits in memory, held to the same suite as Redis; its time is the test's."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from firewall.core.sharing import AwayError, Told, Why

RIGHT_S = 10.0
TOLD_S = 600.0
CLOSED_TOLD_S = 60.0


@dataclass(slots=True)
class _Kept:
    told: Told
    until: float
    ends: float


@dataclass(slots=True)
class MemoryCircuits:
    """A `CircuitStore` that several processes of a test share."""

    now: Callable[[], float]
    why_away: Why | None = None
    """While this is set, every call fails so."""
    kept: dict[str, _Kept] = field(default_factory=dict)
    rights: dict[str, tuple[str, float]] = field(default_factory=dict)
    calls: int = 0

    def _asked(self) -> float:
        self.calls += 1
        if self.why_away is not None:
            raise AwayError(self.why_away)
        return self.now()

    async def look(self) -> tuple[Told, ...]:
        """Return what is told of circuits."""
        now = self._asked()
        self.kept = {mark: one for mark, one in self.kept.items() if one.ends > now}
        return tuple(
            replace(one.told, wait_ms=max(0, int((one.until - now) * 1000))) for one in self.kept.values()
        )

    async def open(self, told: Told) -> None:
        """Tell that a circuit opened."""
        now = self._asked()
        until, trips, before = now + told.wait_ms / 1000, told.trips, self.kept.get(told.mark)
        if before is not None and before.ends > now and not before.told.is_closed:
            until, trips = max(until, before.until), max(trips, before.told.trips)
        self.kept[told.mark] = _Kept(replace(told, trips=trips, is_closed=False), until, until + TOLD_S)

    async def close(self, told: Told) -> None:
        """Tell that the probe of an epoch was answered."""
        now, before = self._asked(), self.kept.get(told.mark)
        if before is not None and before.ends > now and before.told.epoch == told.epoch:
            self.kept[told.mark] = _Kept(replace(before.told, is_closed=True), before.until, now + CLOSED_TOLD_S)

    async def take(self, mark: str, owner: str) -> bool:
        """Take the right to probe a circuit."""
        now = self._asked()
        if self.rights.get(mark, ("", 0.0))[1] > now:
            return False
        self.rights[mark] = (owner, now + RIGHT_S)
        return True

    async def keep(self, mark: str, owner: str) -> bool:
        """Keep the right a while longer."""
        now = self._asked()
        held, until = self.rights.get(mark, ("", 0.0))
        if held != owner or until <= now:
            return False
        self.rights[mark] = (owner, now + RIGHT_S)
        return True

    async def release(self, mark: str, owner: str) -> None:
        """Give the right back."""
        self._asked()
        if self.rights.get(mark, ("", 0.0))[0] == owner:
            del self.rights[mark]
