"""What a provider may be asked beyond the first request of a call; who is short waits while some may come back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from firewall.core.patience import Budget
from firewall.routing.call import Candidate

SHARE = 0.3
"""Of an extra request, what a call that needs one earns for the providers of its plan together."""


@dataclass(slots=True, eq=False)
class Purse:
    """One provider's budget, and those who wait for it."""

    now: Callable[[], float]
    """Seconds of a clock that never runs backwards."""
    budget: Budget = field(default_factory=Budget)
    _waiting: set["asyncio.Future[None]"] = field(default_factory=set)

    async def take(self, within_s: float) -> bool:
        """Take one extra request out; False when none is left and none comes back in time."""
        if self.budget.take(self.now()):
            return True
        if not within_s:
            return False
        try:
            async with asyncio.timeout(within_s):
                while self.budget.may_refill:
                    await self._news()
                    if self.budget.take(self.now()):
                        return True
        except TimeoutError:
            pass
        return False

    def settle(self, *, answered: bool) -> None:
        """Say what came of one that was taken."""
        self.budget.settle(self.now(), answered=answered)
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def _news(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)


class Purses:
    """By provider."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_name: dict[str, Purse] = {}

    def of(self, name: str) -> Purse:
        """Return a provider's."""
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name[name] = Purse(self._now)
        return found

    def earn(self, candidates: tuple[Candidate, ...]) -> None:
        """A call that may go to these needs more than one request."""
        share, now = SHARE / max(1, len(candidates)), self._now()
        for candidate in candidates:
            self.of(candidate.provider.name).budget.earn(share, now)
