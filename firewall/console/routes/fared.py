"""How providers fared since some time, told from the index that follows the log."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firewall.console.runs.following import Follower
from firewall.core.ports import Clock
from firewall.routing.reporting import report
from firewall.routing.trying.records import HOUSE


@dataclass(frozen=True, slots=True)
class FaredSince:
    """Reports from one index."""

    follower: Follower
    clock: Clock
    pseudonym: Callable[[str], str]
    providers: Callable[[], Sequence[str]]
    """Names of those that are configured."""

    async def __call__(self, since_s: int) -> Mapping[str, object]:
        """Return the report of the last so many seconds, and how many entries are not counted yet (`behind`).

        `since_us` is later than was asked for where circuits moved too often for one report.
        Raises: StoreError.
        """
        behind = await self.follower.catch_up()
        now_us = self.clock.now_us()
        names = {self.pseudonym(HOUSE + name): name for name in self.providers()}
        seen, tried, since_us = await asyncio.to_thread(self.follower.reader.fared, now_us - since_s * 1_000_000)
        return {**report(seen, tried, names, since_us=since_us, now_us=now_us), "behind": behind}
