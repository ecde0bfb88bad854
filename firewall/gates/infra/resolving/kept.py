"""What was found out a short while ago, and how often may be asked: both of one target, in memory.

A kept finding serves reads and denials. Nothing else is ever sent on it.
"""

from collections import OrderedDict

from firewall.core.bucket import Rate, Taken, per_minute, take
from firewall.core.thing import Thing
from firewall.core.world import Finding, Standing

MAX_KEPT = 4_000
UNKNOWN_US = 5_000_000
"""How long it is remembered that there is no such thing: it may have been made meanwhile."""


class Kept:
    """Findings with the time until which they serve; the oldest are forgotten first."""

    def __init__(self, cache_us: int) -> None:
        self._cache_us = cache_us
        self._kept: OrderedDict[Thing, tuple[int, Finding]] = OrderedDict()

    def put(self, finding: Finding, now_us: int) -> None:
        """Keep what was answered; what could not be seen is asked again."""
        if finding.standing is Standing.UNSEEN:
            self._kept.pop(finding.thing, None)
            return
        lasts = self._cache_us if finding.standing is Standing.KNOWN else min(UNKNOWN_US, self._cache_us)
        self._kept[finding.thing] = (now_us + lasts, finding)
        self._kept.move_to_end(finding.thing)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def get(self, thing: Thing, now_us: int) -> Finding | None:
        """Return what is still known; a clock that went back makes nothing last longer."""
        until, finding = self._kept.get(thing, (0, None))
        return finding if now_us < until <= now_us + self._cache_us else None


class Allowance:
    """The resolver's own limit."""

    def __init__(self, limit: int) -> None:
        self._rate: Rate = per_minute(limit)
        self._tat_us = 0

    def take(self, now_us: int) -> bool:
        """Take one question; False: the limit is used up."""
        taken = take(self._rate, tat_us=min(self._tat_us, now_us + self._rate.window_us), now_us=now_us)
        if isinstance(taken, Taken):
            self._tat_us = taken.tat_us
        return isinstance(taken, Taken)
